"""The recorded cores at hand: those that SPPROF_CORES names, or ../shared/cores, and those that tests/cores/record has made.

NAME.core.zst is a core of an interpreter; NAME.json is what that one said of its threads at that moment: name, whether it is the main one, and
frames, newest first, with function, qualified name, file, line and the co_positions() of the running instruction. A name begins with the
kind of interpreter: 3.14, 3.13t, 3.15d-debian, 3.11-aarch64. The thread "recorder", which asked, is not among them.
"""
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "pythons"))
from places import CORES

OTHERS = Path(os.environ.get("SPPROF_CORES") or HERE.parents[2] / "shared/cores")
SUFFIX = ".core.zst"


def found():
    """Path of each core by name; those left elsewhere first."""
    paths = {}
    for folder in OTHERS, CORES:
        for path in sorted(folder.glob("*" + SUFFIX)):
            if path.with_name(path.name.removesuffix(SUFFIX) + ".json").exists():
                paths.setdefault(path.name.removesuffix(SUFFIX), path)
    return paths


def kind_of(name):
    """Version, flags and architecture: 3.13t, 3.14d, 3.11-aarch64."""
    return re.match(r"3\.\d+[td]*", name)[0] + "-aarch64" * ("aarch64" in name)


def of_each_kind(names):
    """The first name of each kind."""
    kinds = {}
    for name in names:
        kinds.setdefault(kind_of(name), name)
    return list(kinds.values())

"""Recorded cores: those that interpreters of every version left elsewhere, and those of the interpreters at hand (tests/cores)."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cores"))
from cores import found, kind_of, of_each_kind

PATHS = found()
NAMES = list(PATHS)
KINDS = of_each_kind(NAMES)
NO_FILES = "--sysroot", str(Path(__file__).resolve().parent)  # what made a core may be at hand: nothing of it is below this folder


def chosen(*names):
    """The cores of these names, or others of the same kind, as far as there are any."""
    kinds = {kind_of(name): name for name in KINDS}
    return [name if name in PATHS else kinds[kind_of(name)] for name in names if name in PATHS or kind_of(name) in kinds]


def one_of(name):
    """The core of this name, or another of the same kind."""
    if not (names := chosen(name)):
        pytest.skip("no recorded core of %s" % kind_of(name))
    return names[0]


def core_of(name):
    """What spprof takes to read it, with no file of the interpreter at hand."""
    return *NO_FILES, PATHS[name]


def said_of(name):
    return json.loads(PATHS[name].with_name(name + ".json").read_text())


def place_of(frame):
    """A frame of a truth as the fields of a report."""
    line, end_line, column, end_column = frame["positions"] or [frame["line"], None, None, None]
    return {"function": frame["function"], "qualified_name": frame["qualified_name"], "file": frame["file"], "line": line,
            "end_line": end_line, "column": column, "end_column": end_column}


def truth_of(name):
    """Each thread's name, main flag and frames, by kernel thread id."""
    threads = said_of(name)["threads"]
    return {int(tid): {**thread, "frames": [place_of(frame) for frame in thread["frames"]]} for tid, thread in threads.items()}


def plain(frame):
    return {key: frame[key] for key in ("function", "qualified_name", "file", "line", "end_line", "column", "end_column")}


def unpack(name, folder):
    """The core as the kernel wrote it, in folder."""
    path = folder / (name + ".core")
    if not path.exists():
        subprocess.run(["zstd", "-q", "-d", PATHS[name], "-o", path], check=True)
    return path

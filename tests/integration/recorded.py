"""Cores that interpreters of every version left elsewhere: SPPROF_CORES names their folder."""
import json
import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SPPROF_CORES") or Path(__file__).resolve().parents[3] / "shared/cores")
NAMES = sorted(path.name.removesuffix(".core.zst") for path in FOLDER.glob("*.core.zst"))


def place_of(frame):
    """A frame of a truth as the fields of a report."""
    line, end_line, column, end_column = frame["positions"] or [frame["line"], None, None, None]
    return {"function": frame["function"], "qualified_name": frame["qualified_name"], "file": frame["file"], "line": line,
            "end_line": end_line, "column": column, "end_column": end_column}


def truth_of(name):
    """Each thread's name, main flag and frames, by kernel thread id."""
    threads = json.loads(FOLDER.joinpath(name + ".json").read_text())["threads"]
    return {int(tid): {**thread, "frames": [place_of(frame) for frame in thread["frames"]]} for tid, thread in threads.items()}


def plain(frame):
    return {key: frame[key] for key in ("function", "qualified_name", "file", "line", "end_line", "column", "end_column")}


def unpack(name, folder):
    """The core as the kernel wrote it, in folder."""
    path = folder / (name + ".core")
    if not path.exists():
        if name not in NAMES:
            pytest.skip("no recorded core %s" % name)
        subprocess.run(["zstd", "-q", "-d", FOLDER / (name + ".core.zst"), "-o", path], check=True)
    return path

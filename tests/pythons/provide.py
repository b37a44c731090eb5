"""Folders of the cache: each is made once, under a lock, in a workspace of its own, and stands at its place only when it is whole."""

import fcntl
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from debian import Unavailable
from places import CACHE, MISSING

DAY = 24 * 60 * 60


def say(text: str) -> None:
    print(f"fetch: {text}", flush=True)


@contextmanager
def exclusive():
    """One fetch at a time; what a killed one left behind is removed."""
    for folder in (CACHE / "making", MISSING):
        folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "fetch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in (CACHE / "making").iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def put(made: Path, place: Path) -> None:
    """Puts a finished folder at its place, in exchange for an older one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(made.parent / "old")
    made.rename(place)


def provide(name: str, place: Path, make, retry: bool) -> None:
    """Has `place` made unless it stands; tells what is missing of it, and remembers that for a day."""
    note = MISSING / name
    if note.exists() and not retry and time.time() - note.stat().st_mtime < DAY:
        say(f"{name}: missing: {note.read_text()} (asked for again after a day, or with --retry)")
        return
    if place.exists() and not note.exists():
        return
    workspace = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=CACHE / "making"))
    try:
        make(workspace)
    except (Unavailable, OSError, subprocess.CalledProcessError) as reason:
        note.write_text(str(reason))
        say(f"{name}: missing: {reason}")
    else:
        note.unlink(missing_ok=True)
        say(f"{name}: ready in {place}")
    finally:
        shutil.rmtree(workspace, ignore_errors=True)

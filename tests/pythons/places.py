"""Where the interpreters and debuggers of the test matrix stand."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "spprof"
ROOTS = CACHE / "roots"  # Debian's packages with their own libc: <suite>-<architecture>
BUILT = CACHE / "built"  # prefixes that fetch builds
PREFIXES = CACHE / "pythons"  # prefixes that somebody put there
DEBUGGERS = CACHE / "debuggers"  # newer debuggers with their own libc: <name>-<version>
MACHINES = CACHE / "machines"  # of another architecture: a kernel, and a system to boot into
CORES = CACHE / "cores"  # what the interpreters at hand left, with what they said of themselves: tests/cores/record
MISSING = CACHE / "missing"  # what could not be had, and why: a file each, asked for again when it is a day old

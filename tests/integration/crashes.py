"""A process that dies in a thread of C, which Python does not know."""
import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import PROGRAMS

FAULT_ADDRESS = 24
FUNCTION_SIZE = 256  # of the one that dies, at most


@dataclass
class Crash:
    """What is true of it, and its core."""
    module: Path
    pid: int
    tid: int
    function: int
    core: Path

    def check(self, text):
        """The report names the thread, its signal, its address, and where in which module it stood."""
        line = next(line for line in text.splitlines() if line.startswith("It died in thread "))
        assert re.match(r"It died in thread %d( \([^)]*\))?, which Python does not know, " % self.tid, line), line
        path, offset = line.split(": ")[1].rsplit("+", 1)
        assert path == str(self.module)
        assert self.function <= int(offset, 16) < self.function + FUNCTION_SIZE
        assert "died of SIGSEGV at 0x%x\n" % FAULT_ADDRESS in text


def compile_library(folder):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no compiler")
    library = folder / "native_crash.so"
    build_id = "-Wl,--build-id=0x" + os.urandom(20).hex()  # debuggers take files of one id for one
    subprocess.run([compiler, build_id, "-D_GNU_SOURCE", "-shared", "-fPIC", "-pthread", "-o", library, PROGRAMS / "native_crash.c"], check=True)
    return library


def allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def start(folder, before=()):
    library = compile_library(folder)
    process = subprocess.Popen([*before, sys.executable, PROGRAMS / "native_crash.py", library], cwd=folder, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, preexec_fn=allow_core)
    return library, process


def said(process):
    return map(int, process.stdout.readline().split())


def core_of_kernel(folder):
    library, process = start(folder)
    pid, tid, function = said(process)
    process.communicate()
    core = next(folder.glob("core*"), None)
    if core is None:
        pytest.skip("the kernel does not write cores to the working folder here")
    return Crash(library, pid, tid, function, core)


def core_of_gdb(folder):
    """What gcore writes of a process that stands at its fatal signal."""
    if not shutil.which("gdb"):
        pytest.skip("no gdb")
    library, process = start(folder)
    pid, tid, function = said(process)
    core = folder / "gcore"
    gdb = subprocess.Popen(["gdb", "-nx", "-q", "-batch", "-p", str(pid), "-ex", "shell echo attached", "-ex", "continue", "-ex", "gcore %s" % core,
                            "-ex", "kill"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while b"attached" not in (line := gdb.stdout.readline()):
        assert line, "gdb has ended"
    process.stdin.close()
    gdb.communicate(timeout=60)
    process.wait()
    process.stdout.close()
    return Crash(library, pid, tid, function, core)


def gcore_of_living(folder):
    """The core of a process that lives on, and its id."""
    if not shutil.which("gcore"):
        pytest.skip("no gcore")
    process = subprocess.Popen([sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(3600)"], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        subprocess.run(["gcore", "-o", folder / "living", str(process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return folder / ("living.%d" % process.pid)


CORES = {"kernel": core_of_kernel, "gcore": core_of_gdb}

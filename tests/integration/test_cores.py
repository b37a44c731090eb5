"""Cores written on this machine, by the kernel and by gdb: truth compared, the crash told, files found or missed."""
import os
import re
import shutil
import signal
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from stacks import all_threads, differences, expected_threads, reported_threads

FAULT_ADDRESS = 0x10  # where crash.py writes


@dataclass
class Core:
    path: Path
    truth: dict
    crashed: int = 0  # thread id
    lost: bool = False  # whether its writer said that it could not read all memory

    def thread(self, name):
        return int(next(tid for tid, thread in self.truth["threads"].items() if thread["name"] == name))


@pytest.fixture(scope="session")
def crash(launcher):
    """crash(kind, where): a core, written once for all tests."""
    cores = {}

    def crashed(kind, where):
        if (kind, where) not in cores:
            target = launcher.start("crash.py", kind, where)
            truth = target.truth
            name = "main, renamed" if where == "main" else "worker crasher"
            core = Core(target.core(), truth)
            core.crashed = core.thread(name)
            cores[kind, where] = core
        return cores[kind, where]
    return crashed


@pytest.fixture(scope="session")
def dumped(launcher):
    """A core that gdb wrote of a process that went on."""
    target = launcher.start("crash.py", "wait", "worker")
    prefix = target.folder / "gcore"
    done = subprocess.run(["gcore", "-o", prefix, str(target.pid)], check=True, capture_output=True, text=True, timeout=120)
    # gdb 13 stops at the guard pages that newer C libraries put below stacks, and writes zeros for the rest. [vsyscall] is always told.
    lost = len(re.findall("Memory read failed", done.stderr)) > 1
    core = Core(Path("%s.%d" % (prefix, target.pid)), target.truth, lost=lost)
    target.kill()
    return core


def arguments(interpreter):
    """What finds the files that the core's process had mapped."""
    return ["--sysroot", interpreter.root] if interpreter.root else []


CRASHES = [("segv", "worker"), ("abort", "main")]


@pytest.mark.parametrize("kind, where", CRASHES)
def test_every_frame_of_a_kernel_core(spprof, crash, interpreter, kind, where):
    core = crash(kind, where)
    report = spprof.report(*arguments(interpreter), core.path, codes=(0, 3) if interpreter.emulated else (0,))
    assert differences(all_threads(report), core.truth) == []
    assert report["target"]["kind"] == "core"
    assert report["target"]["architecture"] == interpreter.architecture
    assert report["target"]["pid"] == core.truth["pid"]


def test_calls_that_a_value_stack_does_not_tell(spprof, launcher, interpreter):
    target = launcher.start("callers.py")
    truth = target.truth
    os.kill(target.pid, signal.SIGABRT)
    report = spprof.report(*arguments(interpreter), target.core(), codes=(0, 3) if interpreter.emulated else (0,))
    assert differences(all_threads(report), truth) == []


@pytest.mark.parametrize("kind, where", CRASHES)
def test_the_thread_that_crashed(spprof, crash, interpreter, kind, where):
    core = crash(kind, where)
    number = {"segv": signal.SIGSEGV, "abort": signal.SIGABRT}[kind]
    report = spprof.report(*arguments(interpreter), core.path, codes=(0, 3))
    assert report["target"]["signal"] == number
    assert [thread["tid"] for thread in all_threads(report) if thread["crashed"]] == [core.crashed]
    text = spprof.run("bt", *arguments(interpreter), core.path).stdout.decode("utf-8")
    header = re.search(r"^Thread %d .*" % core.crashed, text, re.MULTILINE)[0]
    assert signal.Signals(number).name in header
    if kind == "segv" and not interpreter.emulated:
        assert re.search(r"\b0x0*%x\b" % FAULT_ADDRESS, header)


@pytest.mark.native
def test_a_segmentation_fault_of_the_main_thread(spprof, crash, interpreter):
    core = crash("segv", "main")
    report = spprof.report(*arguments(interpreter), core.path)
    assert differences(all_threads(report), core.truth) == []
    assert [thread["tid"] for thread in all_threads(report) if thread["crashed"]] == [core.crashed] == [core.truth["pid"]]


def check_beginnings(report, truth):
    """Every stack is the truth, down to the frame where it says that it breaks off."""
    found, wanted = reported_threads(all_threads(report)), expected_threads(truth)
    for tid, thread in wanted.items():
        frames = found[tid]["frames"]
        assert frames and frames == thread["frames"][:len(frames)]
        assert found[tid]["truncated"] or len(frames) == len(thread["frames"])


@pytest.mark.heavy
@pytest.mark.native
def test_a_core_of_gdb(spprof, dumped):
    """Peers' fault 6: a process of which a debugger wrote a core did not die of SIGSTOP, nor of anything."""
    report = spprof.report(dumped.path, codes=(0, 3) if dumped.lost else (0,))
    if dumped.lost:
        check_beginnings(report, dumped.truth)
    else:
        assert differences(all_threads(report), dumped.truth) == []
    assert report["target"]["signal"] is None
    assert [thread["tid"] for thread in all_threads(report) if thread["crashed"]] == []
    assert re.findall(rb"SIG[A-Z]+", spprof.run("bt", dumped.path).stdout) == []


def test_names_come_from_the_core(spprof, crash, interpreter):
    """Peers' fault 6: the kernel's name of a thread is not in a core, and another process's is never shown for it."""
    core = crash("segv", "worker")
    for thread in all_threads(spprof.report(*arguments(interpreter), core.path, codes=(0, 3))):
        if thread["tid"] != core.truth["recorder"]:
            witness = core.truth["threads"][str(thread["tid"])]
            assert thread["name"] == witness["name"]
            if not interpreter.emulated:
                assert thread["os_name"] in (None, witness["os_name"])


@pytest.mark.native
def test_a_core_whose_files_lie_nowhere(spprof, crash, interpreter, tmp_path):
    """Peers' fault 7: a core without its executable and libraries still gives its stacks, and says what it misses."""
    core = crash("segv", "worker")
    report = spprof.report("--sysroot", tmp_path, core.path, codes=(3,))
    assert differences(all_threads(report), core.truth) == []


@pytest.mark.native
def test_a_core_with_its_executable_named(spprof, crash, interpreter):
    core = crash("segv", "worker")
    assert differences(all_threads(spprof.report(core.path, interpreter.executable, codes=(0, 3))), core.truth) == []


@pytest.mark.native
def test_an_executable_that_is_another(spprof, crash, interpreter, tmp_path):
    """A file with another build id is not believed, and that is told."""
    core = crash("segv", "worker")
    report = spprof.report("--sysroot", tmp_path, core.path, shutil.which("true"), codes=(3,))
    assert differences(all_threads(report), core.truth) == []


@pytest.mark.native
def test_a_core_without_file_mappings_note(spprof, crash, interpreter, tmp_path):
    """qemu-user and old tools write no NT_FILE."""
    core = crash("segv", "worker")
    copy = tmp_path / "core"
    subprocess.run(["cp", "--sparse=always", core.path, copy], check=True)
    assert erase_note(copy, b"CORE\0", 0x46494c45) == 1
    found = spprof.report(*arguments(interpreter), copy, interpreter.executable, codes=(0, 3))
    assert differences(all_threads(found), core.truth) == []


def erase_note(path, name, kind):
    """Gives the notes of that kind another type; returns how many there were."""
    with open(path, "r+b") as file:
        head = file.read(1 << 20)
        pattern = struct.pack("<I", len(name)), struct.pack("<I", kind) + name
        places = [match.start() + 8 for match in re.finditer(re.escape(pattern[0]) + b"...." + re.escape(pattern[1]), head, re.DOTALL)]
        for place in places:
            file.seek(place)
            file.write(struct.pack("<I", 0x7fffffff))
        return len(places)


@pytest.mark.heavy
@pytest.mark.native
def test_nothing_that_a_core_names_is_executed(spprof, launcher, interpreter, tmp_path):
    """Peers' fault 8: the file at the executable's path is by now a script that would leave a mark."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    core, executable, mark = core_of_a_copy(launcher, interpreter)
    executable.unlink()
    executable.write_text("#!/bin/sh\ntouch %s\n" % mark)
    executable.chmod(0o755)
    log = tmp_path / "calls"
    for command in (["bt"], ["doctor"]):
        done = spprof.run(*command, *arguments(interpreter), core,
                          before=["strace", "-f", "-o", log, "-e", "trace=execve,execveat,fork,vfork"])
        assert done.returncode in (0, 3) and interpreter.minor.encode() in done.stdout
        assert re.findall(r"\b(execve|execveat|fork|vfork)\(", log.read_text()) == ["execve"]
    assert not mark.exists()


def core_of_a_copy(launcher, interpreter):
    folder = launcher.new_folder()
    executable = Path(shutil.copy(interpreter.outside(interpreter.argv[-1]), folder / "python3"))
    target = launcher.start("crash.py", "abort", "worker", python=executable, **launcher.home())
    return target.core(), executable, folder / "mark"


@pytest.mark.native
def test_no_file_is_read_whole(spprof, crash, interpreter, tmp_path):
    """Cores are mapped; what is read by calls is small change."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    core, log = crash("segv", "worker"), tmp_path / "calls"
    done = spprof.run("bt", *arguments(interpreter), core.path,
                      before=["strace", "-f", "-y", "-o", log, "-e", "trace=read,pread64,readv,preadv"])
    assert done.stdout.count(b"\nThread ") >= len(core.truth["threads"]) - 1
    lines = [line for line in log.read_text().splitlines() if str(core.path) in line]
    assert sum(int(line.rpartition("= ")[2]) for line in lines) < core.path.stat().st_blocks * 512 / 4


@pytest.mark.native
def test_doctor_of_a_core(spprof, crash, interpreter):
    core = crash("segv", "worker")
    done = spprof.run("doctor", *arguments(interpreter), core.path)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("utf-8")
    assert interpreter.minor in text
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", text) == []


@pytest.mark.native
def test_the_exception_that_nobody_caught(spprof, launcher, interpreter):
    target = launcher.start("uncaught.py")
    truth, core = target.truth, target.core()
    report = spprof.report("--locals", *arguments(interpreter), core, codes=(0, 3))
    exceptions = [thread["exception"] for interpreter in report["interpreters"] for thread in interpreter["threads"] if thread["main"]]
    assert [(one["type"], one["message"], one["cause"]["message"]) for one in exceptions] == [
        ("RuntimeError", truth["message"], truth["cause"])]
    frames = [[frame["file"], frame["line"], frame["function"]] for frame in exceptions[0]["traceback"]]
    assert frames == truth["frames"]

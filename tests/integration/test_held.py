"""Threads that something keeps from running are no idle ones: what holds them is named, in bt and in sample. The kernel is the witness."""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import wait_for
from stacks import all_threads

PTRACE_SEIZE, PTRACE_DETACH, PTRACE_INTERRUPT, WALL = 0x4206, 17, 0x4207, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
TWO_THREADS = """
import threading, time
def compute():
    number = 0
    while True:
        number += 1
threading.Thread(target=compute, daemon=True).start()
print("ready", flush=True)
time.sleep(3600)
"""
# posix_spawn waits, as vfork does, until its child has opened what it was told to.
SPAWNS = """
import os, sys
print("ready", flush=True)
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
"""
# The parent of a vfork sleeps so that nothing interrupts it, as one that waits for a disk does; it wakes after some milliseconds.
SLEEPS_SHORTLY = """
import ctypes, os, signal, time
libc = ctypes.CDLL(None)
stack = ctypes.create_string_buffer(1 << 16)
middle = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 15))
CLONE_VFORK = 0x4000
print("ready", flush=True)
while True:
    child = libc.clone(ctypes.cast(libc.usleep, ctypes.c_void_p), middle, CLONE_VFORK | signal.SIGCHLD, ctypes.c_void_p(20000))
    os.waitpid(child, 0)
    until = time.monotonic() + 0.005
    while time.monotonic() < until: pass
"""


@pytest.fixture
def start():
    started = []

    def start(script, *arguments):
        process = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process
    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def threads_of(pid):
    return sorted(int(name) for name in os.listdir("/proc/%d/task" % pid))


def letters(pid):
    """The states of all threads, as proc(5) has them."""
    return {Path("/proc/%d/task/%d/stat" % (pid, tid)).read_text().rsplit(")", 1)[1].split()[0] for tid in threads_of(pid)}


def check_held(spprof, pid, state, heading, holder=None):
    """Both reports name it, and bt reads all of it."""
    report = spprof.report(pid)
    assert {thread["tid"] for thread in all_threads(report)} == set(threads_of(pid))
    assert all(thread["frames"] for thread in all_threads(report))
    assert {(thread["state"], thread["held_by"]) for thread in all_threads(report)} == {(state, holder)}
    text = spprof.text(pid)
    for line in text.splitlines():
        if re.match(r"Thread \d", line):
            assert heading in line and not re.search(r"\b(idle|running)\b", line), line


def stats_of(spprof, tmp_path, pid):
    done = spprof.run("sample", "-q", "-r", "50", "-d", "0.3", "--json-stats", tmp_path / "stats.json", pid)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "stats.json").read_text()), done.stdout.decode()


def check_sampled(spprof, tmp_path, pid, kind, holder=""):
    stats, table = stats_of(spprof, tmp_path, pid)
    assert stats["captured"] == 0
    assert stats["held"] == {name: (2 * stats["ticks"] if name == kind else 0) for name in stats["held"]}
    assert "some could not" in table
    assert re.search(r"^ +%d +%s  .*%s$" % (2 * stats["ticks"], kind, re.escape(holder)), table, re.MULTILINE), table


def test_threads_that_nothing_holds(spprof, start):
    process = start(TWO_THREADS)
    wait_for(lambda: len(threads_of(process.pid)) == 2, "the second thread")
    states = {thread["tid"]: (thread["state"], thread["held_by"]) for thread in all_threads(spprof.report(process.pid))}
    assert states[process.pid] == ("waiting", None)
    assert states[max(threads_of(process.pid))] == ("running", None)


def test_stopped_by_a_signal(spprof, start, tmp_path):
    process = start(TWO_THREADS)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: letters(process.pid) == {"T"}, "the stop")
    check_held(spprof, process.pid, "stopped", "stopped by a signal")
    check_sampled(spprof, tmp_path, process.pid, "stopped")
    assert letters(process.pid) == {"T"}


@pytest.fixture(params=["cgroup2", "freezer"])
def frozen(request):
    """frozen(pid): its cgroup, frozen by the one around it."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [mount[4] for mount in mounts if mount[mount.index("-") + 1] == "cgroup2" and request.param == "cgroup2"
              or mount[mount.index("-") + 1] == "cgroup" and request.param in mount[-1].split(",")]
    if not points or not os.access(points[0], os.W_OK):
        pytest.skip("no %s that can be written to" % request.param)
    outer = Path(points[0]) / ("spprof-test-%d" % os.getpid())
    inner = outer / "inner"
    outer.mkdir()
    inner.mkdir()
    control, freeze, thaw = ("cgroup.freeze", "1", "0") if request.param == "cgroup2" else ("freezer.state", "FROZEN", "THAWED")

    def freeze_process(pid):
        (inner / "cgroup.procs").write_text(str(pid))
        (outer / control).write_text(freeze)
        if request.param == "cgroup2":
            wait_for(lambda: "frozen 1" in (inner / "cgroup.events").read_text(), "the freezer")
        else:
            wait_for(lambda: (outer / control).read_text() == "FROZEN\n", "the freezer")
        return "cgroup /" + outer.name
    yield freeze_process
    (outer / control).write_text(thaw)
    for pid in (inner / "cgroup.procs").read_text().split():
        (Path(points[0]) / "cgroup.procs").write_text(pid)
    inner.rmdir()
    outer.rmdir()


def test_frozen(spprof, start, tmp_path, frozen):
    process = start(TWO_THREADS)
    holder = frozen(process.pid)
    check_held(spprof, process.pid, "frozen", "frozen with " + holder, holder)
    check_sampled(spprof, tmp_path, process.pid, "frozen", holder)


def trace(pid):
    for tid in threads_of(pid):
        assert LIBC.ptrace(PTRACE_SEIZE, tid, None, None) == 0, os.strerror(ctypes.get_errno())
        assert LIBC.ptrace(PTRACE_INTERRUPT, tid, None, None) == 0
        os.waitpid(tid, WALL)


def test_held_by_a_debugger(spprof, start, tmp_path):
    process = start(TWO_THREADS)
    wait_for(lambda: len(threads_of(process.pid)) == 2, "the second thread")
    trace(process.pid)
    try:
        assert letters(process.pid) == {"t"}
        holder = "%s (process %d)" % (Path("/proc/self/comm").read_text().strip(), os.getpid())
        check_held(spprof, process.pid, "traced", "traced, held by " + holder, holder)
        check_sampled(spprof, tmp_path, process.pid, "traced", holder)
        assert letters(process.pid) == {"t"}
    finally:
        for tid in threads_of(process.pid):
            LIBC.ptrace(PTRACE_DETACH, tid, None, None)


def test_a_thread_that_sleeps_shortly_is_waited_for(spprof, start):
    process = start(SLEEPS_SHORTLY)
    for _ in range(10):
        assert spprof.report(process.pid)["problems"] == []


def test_uninterruptible_sleep(spprof, start, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = start(SPAWNS, tmp_path / "pipe")
    wait_for(lambda: letters(process.pid) == {"D"}, "the sleep")
    try:
        report = spprof.report("--no-stop", process.pid)
        assert [thread["state"] for thread in all_threads(report)] == ["uninterruptible"]
        assert "in uninterruptible sleep" in spprof.text("--no-stop", process.pid)
        stats, table = stats_of(spprof, tmp_path, process.pid)
        assert stats["held"]["uninterruptible"] == stats["ticks"] and "uninterruptible" in table
    finally:
        os.close(os.open(tmp_path / "pipe", os.O_WRONLY))

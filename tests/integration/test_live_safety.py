"""A process that is looked at goes on unharmed, whatever becomes of the one who looks. All of peers' fault 13."""
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from harness import wait_for
from stacks import all_threads, differences, expected_threads, reported_threads

pytestmark = [pytest.mark.native, pytest.mark.system]


def beats(target):
    """How often the target's main thread has gone round, and its longest step in nanoseconds."""
    return struct.unpack("QQ", Path(str(target.truth_path) + ".beat").read_bytes())


def states(pid):
    """The state of every thread of a process, as the kernel tells it."""
    return {path.name: path.joinpath("stat").read_text().rpartition(")")[2].split()[0] for path in Path("/proc/%d/task" % pid).iterdir()}


def tracers(pid):
    return {line for path in Path("/proc/%d/task" % pid).iterdir() for line in path.joinpath("status").read_text().splitlines()
            if line.startswith("TracerPid")}


def check_runs(target):
    """The target is neither stopped nor traced, and makes progress."""
    wait_for(lambda: not set("tT") & set(states(target.pid).values()), "no thread to be stopped", timeout=10)
    wait_for(lambda: tracers(target.pid) == {"TracerPid:\t0"}, "no thread to be traced", timeout=10)
    before = beats(target)[0]
    wait_for(lambda: beats(target)[0] > before, "progress", timeout=10)


def parked_threads(truth):
    """The truth without its main thread, which never rests in this program."""
    return {tid: thread for tid, thread in expected_threads(truth).items() if tid != truth["pid"]}


@pytest.mark.heavy
@pytest.mark.parametrize("mode, looks", [((), 200), (("--no-stop",), 50)], ids=["stopping", "not stopping"])
def test_many_looks_at_a_running_process(spprof, start, mode, looks):
    target = start("many.py", 5, 22)
    wanted = parked_threads(target.truth)
    for _ in range(looks):
        before = beats(target)[0]
        found = reported_threads(all_threads(spprof.report(*mode, target.pid, codes=(0, 3) if mode else (0,))))
        assert {tid: thread for tid, thread in found.items() if tid in wanted} == wanted
        assert found.keys() - wanted.keys() == {target.pid}
        wait_for(lambda: beats(target)[0] > before, "progress", timeout=10)
    check_runs(target)


@pytest.mark.heavy
def test_killed_while_looking(spprof, start):
    """SIGKILL at any moment of spprof's life leaves the target running."""
    target = start("many.py", 50, 22)
    source = random.Random(1)
    begun = time.monotonic()
    spprof.run("bt", "--json", target.pid)
    longest = (time.monotonic() - begun) * 1.2
    killed = number = 0
    while number < 40 or (killed <= 5 and number < 400):  # it may end before
        number += 1
        looker = subprocess.Popen([spprof.path, "bt", "--json", str(target.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(source.uniform(0, longest))
        looker.kill()
        killed += looker.wait() == -signal.SIGKILL
        if number % 10 == 0:
            check_runs(target)
    check_runs(target)
    assert killed > 5
    assert parked_threads(target.truth).keys() < reported_threads(all_threads(spprof.report(target.pid))).keys()


@pytest.mark.heavy
def test_killed_with_the_target_stopped(spprof, start):
    """The same at the worst of all moments; strace draws it out, by delaying each ptrace call of spprof."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    target = start("many.py", 20, 22)
    for _ in range(3):
        slow = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-e", "inject=ptrace:delay_enter=5000",
                                 spprof.path, "bt", str(target.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: "t" in states(target.pid).values(), "the stop", timeout=30)
        children = Path("/proc/%d/task/%d/children" % (slow.pid, slow.pid)).read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        slow.wait()
        check_runs(target)


def test_terminated_while_looking(spprof, start):
    target = start("many.py", 5, 22)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        looker = subprocess.Popen([spprof.path, "bt", str(target.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.002)
        looker.send_signal(number)
        looker.wait()
        check_runs(target)
    assert parked_threads(target.truth).keys() < reported_threads(all_threads(spprof.report(target.pid))).keys()


def test_output_that_nobody_reads(spprof, start):
    """A reader that goes away early, or never reads, does not hold up the target."""
    target = start("deep.py", 8000)
    reading, writing = os.pipe()
    looker = subprocess.Popen([spprof.path, "bt", "--json", str(target.pid)], stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    assert select.select([reading], [], [], 30)[0] and os.read(reading, 1) == b"{"
    wait_for(lambda: not set("tT") & set(states(target.pid).values()), "no thread to be stopped", timeout=10)
    os.close(reading)
    looker.wait(timeout=30)
    assert not set("tT") & set(states(target.pid).values())


@pytest.mark.heavy
def test_the_parent_hears_of_no_stop(spprof, start):
    """Job control sees nothing: no SIGCHLD that says stopped or continued, nothing for waitpid(WUNTRACED | WCONTINUED)."""
    target = start("many.py", 5, 22)
    heard = []

    def news():
        return os.waitid(os.P_PID, target.process.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
    # SIGCHLD also tells that a spprof has ended; none of them tells of the target.
    previous = signal.signal(signal.SIGCHLD, lambda *_: heard.append(news()))
    try:
        for _ in range(20):
            spprof.report(target.pid)
            heard.append(news())
    finally:
        signal.signal(signal.SIGCHLD, previous)
    assert set(heard) == {None}
    # The check itself hears what it would have to.
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_for(news, "news of the stop").si_code == os.CLD_STOPPED


def test_a_stopped_process_stays_stopped(spprof, start):
    """A process that its user has stopped (Ctrl-Z) is read as it is, and stays as it is."""
    target = start("many.py", 5, 22)
    truth = target.truth
    os.kill(target.pid, signal.SIGSTOP)
    wait_for(lambda: set(states(target.pid).values()) == {"T"}, "the stop")
    found = reported_threads(all_threads(spprof.report(target.pid)))
    assert {tid: thread for tid, thread in found.items() if tid != target.pid} == parked_threads(truth)
    wait_for(lambda: set(states(target.pid).values()) == {"T"}, "the threads to be stopped again", timeout=10)
    before = beats(target)[0]
    time.sleep(0.05)
    assert beats(target)[0] == before
    os.kill(target.pid, signal.SIGCONT)
    check_runs(target)


def test_a_process_under_a_debugger(spprof, start):
    """Only one tracer is possible: with gdb or strace attached the stacks are read without stopping, or the message says why not."""
    target = start("many.py", 5, 22)
    tracer = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-e", "trace=none", "-p", str(target.pid)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: "TracerPid:\t0" not in tracers(target.pid), "strace")
        done = spprof.run("bt", "--json", target.pid)
        assert done.returncode in (0, 1, 3)
        if done.returncode == 1:
            assert b"--no-stop" in done.stderr or str(tracer.pid).encode() in done.stderr
        found = reported_threads(all_threads(spprof.report("--no-stop", target.pid, codes=(0, 3))))
        wanted = parked_threads(target.truth)
        assert {tid: thread for tid, thread in found.items() if tid in wanted} == wanted
    finally:
        tracer.terminate()
        tracer.wait()
    check_runs(target)


def test_interrupted_calls_go_on(spprof, parked):
    """Threads asleep in system calls sleep on: every parked stack is still the same after many stops."""
    target = parked("threads.py")
    before = target.truth
    for _ in range(20):
        assert differences(all_threads(spprof.report(target.pid)), before) == []


def least_of(looks):
    return min(both - one for both, one in looks)


@pytest.mark.heavy
def test_how_long_the_target_stands_still(spprof, start, capsys, interpreter):
    """20 threads of 22 frames, measured by the target itself. Other programs share the machine: it is the shortest look that tells."""
    target = start("many.py", 20, 22)
    looks = []
    while len(looks) < 30 or (least_of(looks) >= 20e6 and len(looks) < 600):
        reset_beat(target)
        time.sleep(0.02)
        idle = beats(target)[1]
        spprof.report(target.pid)
        looks.append((beats(target)[1], idle))
    looked, idle = (sorted(steps) for steps in zip(*looks))
    with capsys.disabled():
        print("\n%s: longest step of a target with 20 threads: median %.2f ms, least %.2f ms; without looks %.2f ms, %.2f ms"
              % (interpreter.id, looked[len(looks) // 2] / 1e6, looked[0] / 1e6, idle[len(looks) // 2] / 1e6, idle[0] / 1e6))
    assert least_of(looks) < 20e6


def reset_beat(target):
    """Makes the target forget its longest step."""
    with open(str(target.truth_path) + ".beat", "r+b") as file:
        file.seek(8)
        file.write(bytes(8))

"""`spprof sample`: no stack that never stood, nothing lost without being counted, on every interpreter."""
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import until, wait_for
from profiles import Sampled, folded, judge_paths

matrix = pytest.mark.matrix


@pytest.fixture
def sample(spprof, tmp_path):
    """sample(*arguments): what a run has told; it must end well."""
    def run(*arguments, before=()):
        done = spprof.run("sample", "-q", "-o", tmp_path / "profile.folded", "--json-stats", tmp_path / "stats.json", *arguments, before=before)
        assert done.returncode == 0, done.stderr
        return Sampled(tmp_path)
    return run


@pytest.fixture
def gather(sample):
    """gather(enough, *arguments): what as many runs have told as it takes; on a busy machine one run brings little."""
    def run(enough, *arguments, **options):
        sampled = sample(*arguments, **options)

        def more():
            sampled.add(sample(*arguments, **options))
            return sampled
        return sampled if enough(sampled) else until(enough, more, "enough samples")
    return run


def check_counts(sampled):
    """Every sample is accounted for, and all numbers are there."""
    stats = sampled.stats
    assert (stats["format"], stats["version"]) == ("spprof-sample-stats", 1)
    assert stats["captured"] == sampled.samples
    assert stats["recovered"] + stats["cut_to_caller"] <= stats["captured"]
    assert set(stats["dropped"]) == {"changed", "bad-pointer", "not-code", "bad-instruction", "cycle", "unreadable"}
    assert 0 < stats["capture_us"]["p50"] <= stats["capture_us"]["p99"] <= stats["capture_us"]["max"] * 1.07


def has_many(sampled):
    return sampled.samples > 50


@matrix
@pytest.mark.native
def test_no_impossible_stack(start, gather, interpreter):
    target = start("paths.py", 8 if interpreter.free_threaded else 1, 60)
    for rate, how in ("20000", "--no-stop"), ("1000", "--stop"):
        sampled = gather(has_many, "-d", "1.5s", "-r", rate, how, target.pid)
        assert judge_paths(sampled.text, target.truth)[1] == {}, how
        check_counts(sampled)
    target.kill()


@matrix
@pytest.mark.native
@pytest.mark.parametrize("kind", ["silent", "classes"])
def test_no_impossible_stack_of_functions_that_nobody_names(start, gather, interpreter, kind):
    target = start("paths.py", 8 if interpreter.free_threaded else 1, 60, kind)
    sampled = gather(has_many, "-d", "1.5s", "-r", "20000", target.pid)
    assert judge_paths(sampled.text, target.truth)[1] == {}
    check_counts(sampled)
    target.kill()


@matrix
@pytest.mark.parametrize("how", ["--no-stop", "--stop"])
def test_threads_that_wait_are_where_the_program_says(parked, sample, how):
    target = parked("functions.py")
    sampled = sample("-d", "300ms", "-r", "50", "--idle", "--threads", how, target.pid)
    stacks = {tuple((name.rpartition(".")[2], file, line) for name, file, line in frames) for frames, _ in folded(sampled.text)}
    for thread in target.truth["threads"].values():
        expected = tuple((frame["function"], frame["file"], frame["line"]) for frame in reversed(thread["frames"]))
        assert any(same_places(expected, stack) for stack in stacks), expected
    assert sampled.dropped == 0 and sampled.stats["threads_seen"] >= len(target.truth["threads"])


def same_places(expected, stack):
    """Names that hold what a reader of collapsed stacks could not bear are written in another way: lines tell enough of them."""
    return len(expected) == len(stack) and all(left[2] == right[2] for left, right in zip(expected, stack))


@matrix
@pytest.mark.native
def test_code_and_threads_that_come_and_go(start, gather):
    target = start("comings.py", 60)
    sampled = gather(lambda sampled: has_many(sampled) and sampled.stats["threads_seen"] > 3, "-d", "1.5s", "-r", "5000", target.pid)
    for frames, _ in folded(sampled.text):
        generations = {re.sub(r"\D", "", name) for name, _, _ in frames if name.startswith(("outer_", "inner_"))}
        files = {re.sub(r"\D", "", file) for name, file, _ in frames if name.startswith(("outer_", "inner_"))}
        assert len(generations) <= 1 and files == generations, frames
    check_counts(sampled)
    target.kill()


@pytest.fixture
def python():
    return sys.executable


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script.py"
        path.write_text(text)
        return path
    return write


BURN = """
import sys, time
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
"""


def test_a_command_from_its_start_to_its_end(sample, spprof, script, python):
    path = script(BURN + "burn(0.5)\nsys.exit(7)\n")
    done = spprof.run("sample", "-r", "1000", "--", python, path)
    assert done.returncode == 7 and done.stdout == b""  # which is the command's
    text = done.stderr.decode()
    assert "burn" in text and "captured" in text and "Hottest stack" in text


@pytest.mark.parametrize("how", ["--stop", "--no-stop"])
def test_the_exit_status_of_a_command(spprof, script, python, how):
    assert spprof.run("sample", "-q", how, "--", python, script(BURN + "burn(0.2)\nimport os\nos.kill(os.getpid(), 15)\n")).returncode == 143
    assert spprof.run("sample", "-q", how, "--", python, script(BURN + "burn(0.2)\n")).returncode == 0


def test_a_process_that_becomes_another(gather, script, python):
    path = script(BURN + """
import os
def first(): burn(0.5)
def second(): burn(0.5)
if len(sys.argv) == 1:
    first()
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    os.execv(sys.executable, [sys.executable, __file__, "again"])
second()
""")
    def has_both(sampled):
        found = sampled.functions()
        return found["first"] > 20 and found["second"] > 20
    gather(has_both, "-r", "500", "--", python, path)


def test_commands_that_are_no_python(spprof):
    done = spprof.run("sample", "--", "/bin/true")
    assert done.returncode == 1 and b"no Python interpreter was found" in done.stderr
    done = spprof.run("sample", "--", "/nowhere/python")
    assert done.returncode == 1 and b"No such file" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    ([], b"needs a process id"), (["1", "2"], b"one process id"), (["-d", "soon", "1"], b"--duration"), (["-r", "0", "1"], b"--rate"),
    (["--stop", "--no-stop", "1"], b"exclude"), (["-o", "x.unknown", "1"], b"--format"), (["--format", "x", "1"], b"--format"),
])
def test_wrong_usage(spprof, arguments, words):
    done = spprof.run("sample", *arguments)
    assert done.returncode == 2 and words in done.stderr and done.stdout == b""


@pytest.fixture
def burning(script, python):
    process = subprocess.Popen([python, script(BURN + "print('ready', flush=True)\nburn(600)\n")], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def is_sampled(sampler, process):
    """Whether a sampler knows the threads of a process: it keeps files of theirs open."""
    names = "/proc/%d/task/" % process.pid
    return any(os.readlink(path).startswith(names) for path in Path("/proc/%d/fd" % sampler.pid).iterdir() if os.path.islink(path))


@pytest.mark.parametrize("name", ["p.txt", "p.folded", "p.speedscope.json", "p.html", "p.pb.gz", "p.gecko.json"])
def test_the_format_follows_the_name(spprof, burning, tmp_path, name):
    def sample():
        done = spprof.run("sample", "-d", "0.3", "-o", tmp_path / name, burning.pid)
        assert done.returncode == 0 and b"samples written" in done.stderr
        return done.stderr
    until(lambda said: not said.startswith(b"spprof: 0 "), sample, "a sample")
    beginnings = {"p.html": b"<!DOCTYPE html>", "p.pb.gz": b"\x1f\x8b", "p.speedscope.json": b"{", "p.gecko.json": b"{"}
    assert (tmp_path / name).read_bytes().startswith(beginnings.get(name, b"<module>"))


def test_ctrl_c_ends_with_the_result(spprof, burning):
    def interrupt():
        process = subprocess.Popen([spprof.path, "sample", "-d", "600", str(burning.pid)], stdout=subprocess.PIPE)
        wait_for(lambda: is_sampled(process, burning), "the sampling")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and b"captured" in output
        return output
    until(lambda output: b"burn" in output, interrupt, "a sample")


@pytest.mark.parametrize("how", ["--stop", "--no-stop"])
def test_killed_while_sampling(spprof, burning, how):
    """The process goes on unharmed, whatever happens to spprof."""
    process = subprocess.Popen([spprof.path, "sample", "-q", how, "-r", "1000", "-d", "600", str(burning.pid)], stdout=subprocess.DEVNULL)
    wait_for(lambda: is_sampled(process, burning), "the sampling")
    time.sleep(0.3)
    process.kill()
    process.wait()
    stat = "/proc/%d/stat" % burning.pid
    before = int(open(stat).read().split()[13])
    wait_for(lambda: int(open(stat).read().split()[13]) > before + 5, "the process to go on")


def test_signals_reach_a_process_that_is_stopped_again_and_again(spprof, script, python):
    """A timer's signals, a child that ends, job control: all of it comes through between the stops."""
    path = script(BURN + """
import os, signal
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while len(ticks) < 50: burn(0.01)
signal.setitimer(signal.ITIMER_REAL, 0)  # at its end the interpreter no longer handles signals
child = os.fork()
if child == 0: os._exit(5)
assert os.waitpid(child, 0)[1] >> 8 == 5
print(len(ticks))
""")
    done = spprof.run("sample", "--stop", "-q", "-r", "500", "--", python, path)
    assert done.returncode == 0 and int(done.stdout.split()[0]) >= 50


SLEEPING = """
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None)
stack = ctypes.create_string_buffer(1 << 16)
middle = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 15))
def sleep_in_kernel():  # as the parent of a vfork does
    CLONE_VFORK = 0x4000
    os.waitpid(libc.clone(ctypes.cast(libc.usleep, ctypes.c_void_p), middle, CLONE_VFORK | signal.SIGCHLD, ctypes.c_void_p(100000)), 0)
def burn():
    while True: sum(range(1000))
threading.Thread(target=burn, daemon=True).start()
rounds = open(sys.argv[1], "ab", 0)
while True:
    sleep_in_kernel()
    rounds.write(b".")
"""


def test_a_thread_that_cannot_stop_in_time(spprof, script, python, tmp_path):
    """It is let go when it does, whatever spprof is doing then."""
    rounds = tmp_path / "rounds"
    rounds.touch()

    def wait_for_rounds():
        before = rounds.stat().st_size
        wait_for(lambda: rounds.stat().st_size > before + 2, "the process to go on", timeout=20)
    process = subprocess.Popen([python, script(SLEEPING), rounds])
    sampler = None
    try:
        wait_for_rounds()
        arguments = ["sample", "-q", "--stop", "--idle", "-r", "200", "-d", "600", "-o", tmp_path / "p.folded", str(process.pid)]
        sampler = subprocess.Popen([spprof.path, *arguments])
        wait_for(lambda: is_sampled(sampler, process), "the sampling")
        wait_for_rounds()
        for _ in range(3):
            sampler.send_signal(signal.SIGSTOP)
            wait_for_rounds()
            wait_for(lambda: state_of(sampler.pid) == "T", "the sampler to be stopped", timeout=20)
            sampler.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        sampler.terminate()
        assert sampler.wait(timeout=60) == 0
        wait_for_rounds()
    finally:
        for one in filter(None, [sampler, process]):
            one.kill()
            one.wait()


SHORT_THREADS = """
import _thread, time
def short(): pass
print("ready", flush=True)
while True:
    for _ in range(100): _thread.start_new_thread(short, ())
    time.sleep(0)
"""


@pytest.mark.parametrize("options", [[], ["--idle"]])
def test_threads_that_end_all_the_time(sample, gather, script, python, options):
    """One that is just ending cannot be stopped; it is passed over, and nothing else is lost."""
    with subprocess.Popen([python, script(SHORT_THREADS)], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            arguments = ["-d", "0.5", "-r", "2000", "--stop", *options, process.pid]
            for _ in range(3):
                sample(*arguments)
            gather(lambda sampled: "<module>" in sampled.text, *arguments)
        finally:
            process.kill()


BEATING = """
import signal, sys, threading, time
def down(n):
    if n: down(n - 1)
    else: threading.Event().wait()
for _ in range(int(sys.argv[2])): threading.Thread(target=down, args=(50,), daemon=True).start()
beats = open(sys.argv[1], "ab", 0)
signal.signal(signal.SIGALRM, lambda *_: beats.write(b"."))
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
while True: time.sleep(0.01)
"""


@pytest.fixture
def beating(script, python, tmp_path):
    """beating(threads): a process that gets signals all the time, and a function that waits until it has served some."""
    processes, path = [], tmp_path / "beats"
    path.touch()

    def wait_for_beats():
        before = path.stat().st_size
        wait_for(lambda: path.stat().st_size > before + 5, "the process to go on", timeout=20)

    def begin(threads=0):
        processes.append(subprocess.Popen([python, script(BEATING), path, str(threads)]))
        wait_for_beats()
        return processes[0], wait_for_beats
    yield begin
    for process in processes:
        process.kill()
        process.wait()


def state_of(pid):
    return Path("/proc/%s/stat" % pid).read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_suspended_while_it_samples(spprof, beating, tmp_path, number):
    """A sampler that does not run holds nobody: not where signals come, nor in the middle of a look."""
    process, wait_for_beats = beating(100)
    arguments = ["sample", "-q", "--stop", "--idle", "-r", "500", "-d", "600", "-o", tmp_path / "p.folded", process.pid]
    # A group of its own: SIGTSTP stops none that has lost its shell, as that of a test run may have.
    sampler = subprocess.Popen([spprof.path, *map(str, arguments)], preexec_fn=lambda: os.setpgid(0, 0))
    try:
        time.sleep(0.5)
        for _ in range(15):
            sampler.send_signal(number)
            wait_for_beats()
            wait_for(lambda: state_of(sampler.pid) == "T", "the sampler to be stopped", timeout=20)
            wait_for_beats()
            assert "t" not in {state_of(tid) for tid in os.listdir("/proc/%d/task" % process.pid)}
            sampler.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        sampler.terminate()
        assert sampler.wait(timeout=60) == 0
    finally:
        sampler.kill()
        sampler.wait()
    assert "down" in (tmp_path / "p.folded").read_text()


def test_the_process_ends_while_it_is_sampled(spprof, script, python):
    """Though nobody has waited for it yet."""
    path = script(BURN + "import threading\nthreading.Thread(target=burn, args=(600,), daemon=True).start()\nsys.stdin.read()\n")

    def end():
        process = subprocess.Popen([python, path], stdin=subprocess.PIPE)
        wait_for(lambda: spprof.run("bt", "-q", process.pid).stdout.count(b"burn") > 0, "the interpreter")
        sampler = subprocess.Popen([spprof.path, "sample", "-d", "600", str(process.pid)], stdout=subprocess.PIPE)
        wait_for(lambda: is_sampled(sampler, process), "the sampling")
        time.sleep(0.3)
        process.stdin.close()
        output, _ = sampler.communicate(timeout=60)
        assert process.wait() == 0 and sampler.returncode == 0 and b"captured" in output
        return output
    until(lambda output: b"burn" in output, end, "a sample")


def test_only_who_has_the_gil_and_who_runs_counts(gather, script, python):
    path = script(BURN + """
import threading
threading.Thread(target=time.sleep, args=(60,), daemon=True, name="sleeper").start()
def busy(): burn(1.0)
busy()
""")
    def counts_of(sampled):
        counts = {"sleeper": 0, "busy": 0}
        for line in sampled.text.splitlines():
            for name in counts:
                counts[name] += int(line.rpartition(" ")[2]) if name in line else 0
        return counts
    for how in [], ["--gil"], ["--idle"]:
        counts = counts_of(gather(lambda sampled: counts_of(sampled)["busy"] > 50, "-r", "300", *how, "--threads", "--", python, path))
        share = counts["sleeper"] / counts["busy"]
        assert share > 0.7 if how == ["--idle"] else share < 0.3, (how, counts)  # it runs until it sleeps


@pytest.mark.parametrize("how, one_cpu", [("--no-stop", False), ("--no-stop", True), ("--stop", False)])
def test_a_thread_that_waits_again_and_again_counts_while_it_runs(gather, script, python, tmp_path, how, one_cpu):
    """Also where it shares its CPU with the sampler, which would like to run when it waits. How many looks are made, and when, is up to the
    machine; that a good part of them sees it run, and a good part does not, is not."""
    path = script(BURN + """
begin, ran = time.monotonic(), 0
while time.monotonic() - begin < 1.5:
    now = time.monotonic()
    burn(0.002)
    ran += time.monotonic() - now
    time.sleep(0.002)
open(sys.argv[1], "w").write(str(ran / (time.monotonic() - begin)))
""")
    before = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if one_cpu else []
    sampled = gather(lambda sampled: sampled.stats["ticks"] > 200, how, "-r", "1000", "--", python, path, tmp_path / "ran", before=before)
    ran, seen = float((tmp_path / "ran").read_text()), sampled.functions()["burn"] / sampled.stats["ticks"]
    assert ran / 4 < seen < 1 - (1 - ran) / 4, (ran, seen)


def test_stops_wake_nobody_who_waits(spprof, gather, script, python):
    """Who is stopped wakes up for it, and would seem to run at the next look."""
    path = script(BURN + """
import os, threading
def wait(): threading.Event().wait()
def waits(tid):
    return open("/proc/self/task/%s/stat" % tid).read().rpartition(")")[2].split()[0] == "S"
for _ in range(100): threading.Thread(target=wait, daemon=True).start()
while sum(map(waits, os.listdir("/proc/self/task"))) < 100: time.sleep(0.01)
print("ready", flush=True)
burn(600)
""")
    process = subprocess.Popen([python, path], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        found = gather(lambda sampled: sampled.functions()["burn"] > 50, "--stop", "-r", "500", "-d", "1", process.pid).functions()
        assert found["wait"] < found["burn"] / 20
    finally:
        process.kill()
        process.wait()

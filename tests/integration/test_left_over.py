"""Thread states whose threads are gone: C code that forks, threads that end without releasing them, pthread_t's that are handed out again."""
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import describe, wait_for
from left_over import ENDS, FORKS, MAIN_ENDS, assert_true, skip_where_python_dies, started

pytestmark = pytest.mark.native

@pytest.fixture(scope="module", params=FORKS + ENDS + MAIN_ENDS)
def left_over(request, interpreter, launcher):
    """The program, which is the child where it has forked, and its truth. It computes: it is ended behind the tests that read it."""
    skip_where_python_dies(interpreter, request.param)
    truth = started(launcher.parked, request.param).truth
    if request.param in ENDS and not truth["reused"]:
        pytest.skip("this C library did not hand a pthread_t out again")
    yield request.param, truth
    launcher.end("left_over.py")


@pytest.mark.parametrize("options", [[], ["--no-stop"]], ids=["stopped", "running"])
def test_living_and_left_over(spprof, left_over, options):
    mode, truth = left_over
    assert_true(spprof.report(*options, truth["pid"]), mode, truth)


def test_text_says_what_they_are(spprof, left_over):
    mode, truth = left_over
    text = spprof.text("--no-source", truth["pid"])
    assert len([line for line in text.splitlines() if line.startswith("Thread ")]) == len(truth["living"])
    assert len([line for line in text.splitlines() if line.startswith("Left over")]) == len(truth["gone"])
    if mode == "fork main":
        assert text.count("Left over from before fork: no such thread") == len(truth["gone"])
    if mode in ENDS + MAIN_ENDS:
        assert text.count("Left over: its thread has ended without releasing its state") == len(truth["gone"])


def kernel_core(target):
    """The core that the kernel writes of the program, or of its child."""
    pid = target.truth["pid"]
    os.kill(pid, signal.SIGABRT)
    if pid == target.process.pid:
        return target.core()
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith(("|", "@")):
        pytest.skip("the kernel does not write cores to the working folder here: core_pattern is %r" % pattern)
    wait_for(lambda: Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] == "Z", "the child's end")
    return next(target.folder.glob("core*"))


@pytest.mark.parametrize("mode", ["fork worker", "fork born", *ENDS, *MAIN_ENDS])
def test_in_a_core(spprof, interpreter, start, mode):
    skip_where_python_dies(interpreter, mode)
    target = started(start, mode)
    sysroot = ["--sysroot", interpreter.root] if interpreter.root else []
    assert_true(spprof.report(*sysroot, kernel_core(target)), mode, target.truth)


def roots_of_samples(path):
    """The headings under which threads are sampled, with how often their own function was seen."""
    roots = {}
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        roots.setdefault(stack.split(";")[0], []).append((stack, int(count)))
    return roots


@pytest.mark.heavy
@pytest.mark.parametrize("stop", [[], ["--stop"]], ids=["running", "stopped"])
def test_samples(spprof, left_over, stop, tmp_path):
    """Samples go to the threads that live, under their own ids."""
    _, truth = left_over
    output = tmp_path / "o.folded"
    done = spprof.run("sample", "-d", "0.3", "--idle", "--threads", *stop, "-o", output, truth["pid"])
    assert done.returncode == 0, describe(done)
    found = {root: {line for stack, _ in stacks for line in stack.split(";")} for root, stacks in roots_of_samples(output).items()}
    assert set(found) == {'Thread %s "%s"' % (tid, name) for tid, (name, _) in truth["living"].items()}
    for tid, (name, function) in truth["living"].items():
        assert any(function in line for line in found['Thread %s "%s"' % (tid, name)])
    told = re.search(rb"(\d+) thread states? that no living thread runs (was|were) left out", done.stderr)
    assert (int(told[1]) if told else 0) == len(truth["gone"]), describe(done)


def test_doctor_reads_through_another_thread(spprof, launcher):
    """Nothing is missing in what it says of a process whose main thread has ended, but what differs from process to process."""
    said = [spprof.run("doctor", started(launcher.parked, mode).truth["pid"]) for mode in ("main", "empty")]
    launcher.end("left_over.py")
    assert [done.returncode for done in said] == [0, 0], describe(said[0])
    first_words = [[line.split("  ")[0] for line in done.stdout.decode().splitlines()] for done in said]
    assert first_words[0] == first_words[1]


@pytest.mark.system
@pytest.mark.parametrize("options", [[], ["--idle"], ["--stop"], ["--stop", "--idle"]], ids=" ".join)
def test_main_thread_ends_while_it_is_sampled(spprof, start, options, tmp_path):
    """Nobody waits for it to stop, which it never would, while the others stand still; and it gets no samples from then on."""
    target = start("left_over.py", "main", "late")
    stats = tmp_path / "stats.json"
    command = [spprof.path, "sample", "-d", "1.5", *options, "--json-stats", stats, target.pid]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sampling:
        time.sleep(0.7)
        Path(str(target.truth_path) + ".end").touch()
        assert sampling.wait(timeout=60) == 0, sampling.stderr.read()
    assert json.loads(stats.read_text())["duration_s"] < 8  # ten seconds is what one waits for a thread that never stops
    assert spprof.report(target.pid)["left_over"][0]["name"] == "MainThread"

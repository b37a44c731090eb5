"""What a target may cost: memory, of what is shared in it, of what is allowed, and of what the machine has."""
import json
import os
import resource
import subprocess

import pytest

from stacks import all_threads

pytestmark = [pytest.mark.native, pytest.mark.system]

TABLE, FUNCTIONS = 8 << 20, 60


@pytest.fixture(scope="module")
def amplified(launcher):
    """The process id of a program whose code objects share a table that cannot be told 60 times."""
    return launcher.start_late("amplified.py").process.pid


def is_sanitized(spprof):
    return b"__asan_init" in open(spprof.path, "rb").read()


def peak_of(*command):
    """Runs a command: its exit code, what it printed, and the most memory that it had, in bytes."""
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, output, usage.ru_maxrss << 10


def test_a_line_table_that_many_share_is_kept_once(spprof, amplified):
    code, output, peak = peak_of(spprof.path, "bt", "--json", amplified)
    report = json.loads(output)
    lines = [frame["line"] for thread in all_threads(report) for frame in thread["frames"] if frame["function"] == "template"]
    assert (code, report["problems"]) == (0, [])
    assert lines == [FUNCTIONS + 3, *range(FUNCTIONS + 1, 2, -1)]
    if not is_sanitized(spprof):
        assert peak < 8 * TABLE  # it was 60 of them


def test_what_exceeds_the_budget_is_told(spprof, amplified):
    """Frames stay; a line that is not known for want of memory says so, and is no ???."""
    done = spprof.run("bt", "--memory", "4M", amplified)
    text = done.stdout.decode()
    assert done.returncode == 3
    assert "the budget of memory, 4096 kB, is used up" in text and "--memory SIZE gives more" in text
    assert text.count(", line left out, in template\n") == FUNCTIONS and "line ???" not in text


def test_a_stack_that_exceeds_the_budget_is_cut(spprof, parked):
    target = parked("deep.py", 8000)
    whole = max(len(thread["frames"]) for thread in all_threads(spprof.report(target.pid)))
    report = spprof.report("--memory", "1M", target.pid, codes=(3,))
    threads = all_threads(report)
    reasons = [thread["truncated"] for thread in threads if thread["truncated"] is not None]
    assert 0 < max(len(thread["frames"]) for thread in threads) < whole
    assert reasons and all("is used up" in reason or "there is no memory left for it" in reason for reason in reasons)
    assert any(", is used up, and what would have come next is left out" in problem for problem in report["problems"])
    assert spprof.report("--memory", "1G", target.pid)["problems"] == []


def limited(bytes_of_memory):
    def prepare():
        resource.setrlimit(resource.RLIMIT_AS, (bytes_of_memory, bytes_of_memory))
    return prepare


def test_out_of_memory_is_told(spprof, parked):
    """As the machine has less and less: all is shown, or what is missing is told, or an error says why nothing is."""
    if is_sanitized(spprof):
        pytest.skip("the sanitizers need more memory than there is left here")
    target = parked("deep.py", 8000)
    seen = set()
    for megabytes in range(12, 140, 4):
        done = spprof.run("bt", "--no-source", target.pid, preexec_fn=limited(megabytes << 20))
        if done.returncode == 127:  # the dynamic linker could not even load it
            continue
        text, messages = done.stdout.decode(), done.stderr.decode()
        assert done.returncode in (0, 1, 3), messages
        assert "line ???" not in text and "Traceback" not in messages
        if done.returncode == 1:
            assert "memory" in messages
        if done.returncode == 3:
            assert "out of memory" in text
        if done.returncode == 0:
            assert text.count(", in down\n") == 8001
        seen.add(done.returncode)
    assert 0 in seen and seen != {0}, "the limits were too narrow, or too wide, for anything to be tested"


@pytest.mark.parametrize("size", ["0", "1", "1K", "-1", "1T", "12Mb", "", "99999999999G"])
def test_sizes_that_make_no_sense(spprof, parked, size):
    done = spprof.run("bt", "--memory", size, "1")
    assert done.returncode == 2 and b"--memory takes a size" in done.stderr

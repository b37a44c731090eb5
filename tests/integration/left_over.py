"""What is true of the program left_over.py: which of its thread states have a thread."""
from pathlib import Path

import pytest

from harness import wait_for
from stacks import all_threads

FORKS = ["fork main", "fork worker", "fork busy", "fork born", "fork dead"]
ENDS = ["empty", "frames", "native"]
MAIN_ENDS = ["main"]
PAUSES = {"34", "73"}  # the system calls of pause(): x86-64, and aarch64, which has ppoll only


def skip_where_python_dies(interpreter, mode):
    """3.15t crashes, or hangs, when a thread begins or memory is collected after such a fork or such an end, before anybody looks at it."""
    if interpreter.free_threaded and interpreter.release >= (3, 15) and (mode in FORKS or mode in ("frames", "native")):
        pytest.skip("this Python does not survive it")


def started(start, mode):
    """The program once all of it sleeps but what computes: start is the launcher's way to have it."""
    target = start("left_over.py", *mode.split())
    truth = target.truth
    sleepers = [tid for tid, (_, function) in truth["living"].items() if function != "computes"]
    paths = [Path("/proc/%d/task/%s/syscall" % (truth["pid"], tid)) for tid in sleepers]
    wait_for(lambda: all(path.read_text().split()[0] in PAUSES for path in paths), "the program to sleep")
    return target


def own_function(thread):
    """Where it is in the program; what computes may just be about to return from telling that."""
    own = [frame["function"] for frame in thread["frames"] if frame["file"].endswith("left_over.py")]
    return next((function for function in own if function not in ("tell", "lives", "sleeps")), None)


def assert_true(report, mode, truth):
    """Each living thread once, with its own stack, and each of the others once, apart."""
    found = [(thread["tid"], thread["name"], own_function(thread)) for thread in all_threads(report)]
    assert sorted(found) == sorted((int(tid), *thread) for tid, thread in truth["living"].items())
    left_over = report["left_over"]
    assert len(left_over) == len(truth["gone"])
    assert {thread["state"] for thread in left_over} == {"left-over"}
    names = [thread["name"] for thread in left_over if thread["name"] is not None]
    assert set(names) <= set(truth["gone"]) and len(set(names)) == len(names)
    assert not {thread["tid"] for thread in left_over} & set(map(int, truth["living"]))
    if mode in ("fork main", "fork worker", "fork busy"):
        assert set(names) == set(truth["gone"])
        assert {thread["left_over_by"] for thread in left_over} == {"fork"}
        assert all(own_function(thread) in ("waits", "run_fork", "start") for thread in left_over)
    if mode in ENDS + MAIN_ENDS:
        assert {thread["left_over_by"] for thread in left_over} == {"ended"}
    if mode in MAIN_ENDS:
        assert [own_function(thread) for thread in left_over] == ["run_main_ended"]

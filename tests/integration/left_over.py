"""What is true of the program left_over.py: which of its thread states have a thread."""
import pytest

from stacks import all_threads

FORKS = ["fork main", "fork worker", "fork busy", "fork born", "fork dead"]
ENDS = ["empty", "frames", "native"]
MAIN_ENDS = ["main"]


def skip_where_python_dies(interpreter, mode):
    """3.15t crashes, or hangs, when a thread begins or memory is collected after such a fork or such an end, before anybody looks at it."""
    if interpreter.free_threaded and interpreter.release >= (3, 15) and (mode in FORKS or mode in ("frames", "native")):
        pytest.skip("this Python does not survive it")


def own_function(thread):
    """Where it is in the program; it may just be about to return from telling that."""
    own = [frame["function"] for frame in thread["frames"] if frame["file"].endswith("left_over.py")]
    return next((function for function in own if function not in ("tell", "lives")), None)


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

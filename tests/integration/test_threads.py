"""What `spprof bt` says of threads: which there are, their names, the GIL, garbage collection, rest, and interpreters."""
import json
import os
import re
from pathlib import Path

import pytest

from harness import wait_for
from stacks import all_threads, differences, expected_threads, frame_differences, reported_threads, thread_of


def tasks(pid):
    return {int(tid) for tid in os.listdir("/proc/%d/task" % pid)}


def system_call(pid, tid):
    """The system call in which a thread sleeps, or "running"."""
    return Path("/proc/%d/task/%d/syscall" % (pid, tid)).read_text().split()[0]


def ticks(pid, tid):
    """How long a thread has computed, in hundredths of a second."""
    return int(Path("/proc/%d/task/%d/stat" % (pid, tid)).read_text().rpartition(")")[2].split()[11])


def test_threads_of_every_origin(spprof, parked):
    """Started by threading, by _thread, by C; in a signal handler; in callbacks of C, of which no frame is lost (peers' fault 9)."""
    target = parked("threads.py")
    report = spprof.report(target.pid)
    assert differences(all_threads(report), target.truth) == []
    names = {thread["name"] for thread in all_threads(report)}
    assert {None, "MainThread", "renamed by itself", "ThreadPoolExecutor-0_0"} <= names


@pytest.mark.native
def test_native_threads_are_no_python_threads(spprof, parked):
    target = parked("threads.py")
    known = {thread["tid"] for thread in all_threads(spprof.report(target.pid))}
    assert known < tasks(target.pid)
    assert len(tasks(target.pid) - known) == 1


def test_names_of_threads(spprof, parked):
    target = parked("names.py")
    report, truth = spprof.report(target.pid), target.truth
    for thread in all_threads(report):
        if thread["tid"] != truth["recorder"]:
            wanted = truth["threads"][str(thread["tid"])]
            assert thread["name"] == wanted["name"]
            if wanted["os_name"].isprintable() and wanted["os_name"].isascii():
                assert thread["os_name"] == wanted["os_name"]


def test_text_names_each_thread(spprof, parked):
    target = parked("functions.py")
    text = spprof.text(target.pid)
    for tid, thread in target.truth["threads"].items():
        assert re.search(r'^Thread %s "%s" \(%s\)' % (tid, re.escape(thread["name"]), re.escape(thread["os_name"])), text, re.MULTILINE)


def test_one_thread_alone(spprof, parked):
    target = parked("functions.py")
    truth = target.truth
    for tid in list(truth["threads"])[:3]:
        found = all_threads(spprof.report("--thread", tid, target.pid))
        assert differences(found, {**truth, "threads": {tid: truth["threads"][tid]}}) == []
        assert re.findall(r"^Thread (\d+)", spprof.text("--thread", tid, target.pid), re.MULTILINE) == [tid]


@pytest.mark.parametrize("where", ["main", "worker"])
def test_child_of_a_fork(spprof, parked, where):
    """The thread that forked is the child's main thread, with a kernel thread id that the parent's memory did not have."""
    target = parked("forked.py", where)
    assert differences(all_threads(spprof.report(target.pid)), target.truth) == []


def holds(pid, tid, parked_in):
    """Whether a thread that was parked has gone on to its long call."""
    return ticks(pid, tid) > 5 or system_call(pid, tid) not in (parked_in, "running")


@pytest.fixture
def held(start, interpreter):
    """A process with one thread, "worker holder", that keeps the GIL, threads that wait for it, and one that is parked."""
    if interpreter.free_threaded:
        pytest.skip("%s has no GIL" % interpreter.id)

    def hold(kind):
        target = start("gil.py", kind)
        tids = {thread["name"]: int(tid) for tid, thread in target.truth["threads"].items()}
        parked_in = system_call(target.pid, tids["worker park"])
        wait_for(lambda: holds(target.pid, tids["worker holder"], parked_in), "the holder")
        with open(str(target.truth_path) + ".fifo", "wb") as fifo:
            fifo.write(b"...")
        waiters = [int(tid) for tid, thread in target.truth["threads"].items() if thread["name"] in ("worker waiter", "MainThread")]
        assert len(waiters) == 3
        wait_for(lambda: all(system_call(target.pid, tid) == parked_in for tid in waiters), "the waiters")
        return target, tids["worker holder"], waiters, tids["worker park"]
    return hold


@pytest.mark.native
@pytest.mark.parametrize("kind", ["hold", "collect", "compute"])
def test_who_has_the_gil_and_who_waits_for_it(spprof, held, kind):
    target, holder, waiters, parker = held(kind)
    assert differences(all_threads(spprof.report(target.pid)), target.truth) == []

    def reported():
        gil = {thread["tid"]: thread["gil"] for thread in all_threads(spprof.report(target.pid))}
        assert (gil[holder], gil[parker]) == ("held", "none")
        return [tid for tid in gil if gil[tid] == "waiting"]

    def printed():
        return [int(tid) for tid in re.findall(r"^Thread (\d+) .*waiting for the GIL", spprof.text(target.pid), re.MULTILINE)]

    def all_are_told(look):
        """A waiter wakes up every 5 ms to ask the holder for the GIL, so that one look may miss it."""
        told.update(set(look()) - {target.truth["recorder"]})  # who let the holder go may itself not have the GIL back
        assert told <= set(waiters)
        return told == set(waiters)
    for look in (reported, printed):
        told = set()
        wait_for(lambda: all_are_told(look), "%s to have told three waiters" % look.__name__)


@pytest.mark.native
def test_garbage_collection(spprof, held):
    target, holder, waiters, parker = held("collect")
    collecting = {thread["tid"]: thread["gc"] for thread in all_threads(spprof.report(target.pid))}
    assert (collecting[holder], collecting[parker], [collecting[tid] for tid in waiters]) == (True, False, [False] * 3)
    target, holder, *_ = held("hold")
    assert {thread["gc"] for thread in all_threads(spprof.report(target.pid))} == {False}


@pytest.mark.native
def test_the_gil_of_a_process_at_rest_is_free(spprof, parked):
    gil = {thread["gil"] for thread in all_threads(spprof.report(parked("functions.py").pid))}
    assert gil <= {"none", None}


@pytest.mark.native
def test_idle_and_running(spprof, start):
    target = start("gil.py", "compute")
    tids = {thread["name"]: int(tid) for tid, thread in target.truth["threads"].items()}
    wait_for(lambda: ticks(target.pid, tids["worker holder"]) > 5, "the computing thread")
    report = spprof.report(target.pid)
    assert [thread_of(report, tids[name])["idle"] for name in ("worker holder", "worker park")] == [False, True]


@pytest.fixture
def several(parked, interpreter):
    """A process with three interpreters, and the truth of each by number."""
    target = parked("subinterpreters.py")
    return target, {0: target.truth, **{number: json.loads(Path("%s.%d" % (target.truth_path, number)).read_text()) for number in (1, 2)}}


def test_several_interpreters(spprof, several):
    """A thread that runs code of two interpreters stands in both, with the frames of each."""
    target, truths = several
    report = spprof.report(target.pid)
    assert [interpreter["id"] for interpreter in report["interpreters"]] == [0, 1, 2]
    for interpreter in report["interpreters"]:
        truth = truths[interpreter["id"]]
        # An interpreter keeps thread states without frames for threads that made it.
        found = reported_threads(thread for thread in interpreter["threads"] if thread["frames"])
        wanted = expected_threads(truth)
        assert found.keys() - {truth["recorder"]} == wanted.keys()
        for tid, thread in wanted.items():
            assert list(frame_differences(found[tid]["frames"], thread["frames"])) == []
            assert (found[tid]["name"], found[tid]["truncated"]) == (thread["name"], None)


def test_threads_of_several_interpreters_have_one_main_thread(spprof, several):
    target, _ = several
    assert {thread["tid"] for thread in all_threads(spprof.report(target.pid)) if thread["main"]} == {target.pid}

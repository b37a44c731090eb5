"""Targets that say something untrue of themselves: damaged memory, a sys that was written to, debug offsets that lie."""
import os
import random
import re
import struct

import pytest

from stacks import all_threads, differences

RANDOM = random.Random(7)
WORDS = {"3.13": 73, "3.14": 95}  # of _Py_DebugOffsets; behind them stands what the interpreter itself lives by
NEWEST_WORDS = 111
EVERY = bool(os.environ.get("SPPROF_EXHAUSTIVE"))
GARBAGE = [0, 8, 24, 64, 4096, 0xffff0, 0xffff8, 0x100000, 0x4141414141414141, 2 ** 64 - 1]
KINDS = ["text", "number", "large", "deleted", "type name"]
OWNERS = ["codecs", "context", "gc", "type", "audit", "fork"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_object_says_refuses_nothing(spprof, launcher, kind):
    target = launcher.start("overwritten.py", kind)
    report = spprof.report(target.pid)
    assert differences(all_threads(report), target.truth) == []
    assert report["runtime"]["finalizing"] is False
    target.kill()


@pytest.mark.parametrize("owner", OWNERS)
def test_a_process_that_is_ending(spprof, launcher, owner):
    target = launcher.launch("last_owner.py", owner).wait(".parked")
    report = spprof.report(target.process.pid)
    thread, = all_threads(report)
    assert [frame["function"] for frame in thread["frames"]][0] == "__del__"
    assert report["runtime"]["finalizing"] is True
    assert "which is ending" in spprof.text(target.process.pid).splitlines()[0]
    target.kill()


@pytest.mark.native
def test_a_newest_frame_that_was_overwritten(spprof, launcher, interpreter):
    """It costs no other thread its stack, though its thread is the newest, which is looked at first."""
    target = launcher.start("scribbled.py")
    truth = target.truth
    report = spprof.report(*(["--sysroot", interpreter.root] if interpreter.root else []), target.core(), codes=(0, 3))
    others = [thread for thread in all_threads(report) if str(thread["tid"]) in truth["threads"]]
    assert differences(others, truth) == []
    assert len(all_threads(report)) == len(truth["threads"]) + 2  # the recorder, and the one that died


@pytest.mark.native
def test_a_frame_that_was_overwritten_between_others(spprof, launcher, interpreter):
    """The frames above it are shown, and that some are missing is told. In 3.11 and 3.12 they are what the C stack names on trial."""
    target = launcher.start("scribbled_nested.py")
    truth = target.truth
    report = spprof.report(*(["--sysroot", interpreter.root] if interpreter.root else []), target.core(), codes=(3,))
    threads = all_threads(report)
    assert differences([thread for thread in threads if str(thread["tid"]) in truth["threads"]], truth) == []
    damaged, = (thread for thread in threads if thread["truncated"] is not None)
    assert [frame["function"] for frame in damaged["frames"]][:1] == ["overwrite"]
    assert not {"handle", "park"} & {frame["function"] for frame in damaged["frames"]}
    assert any("stack of thread %d is not whole" % damaged["tid"] in problem for problem in report["problems"])


class Offsets:
    """The debug offsets of a process, which does not read them itself."""

    def __init__(self, pid, address, count):
        self.address = address
        self.memory = open("/proc/%d/mem" % pid, "r+b", buffering=0)
        self.words = struct.unpack("<%dQ" % count, self.read(count * 8))

    def read(self, size):
        self.memory.seek(self.address)
        return self.memory.read(size)

    def write(self, word, value):
        self.memory.seek(self.address + word * 8)
        self.memory.write(struct.pack("<Q", value % 2 ** 64))

    def restore(self, word):
        self.write(word, self.words[word])


@pytest.fixture
def lying(spprof, launcher, interpreter):
    """A parked process whose debug offsets can be changed: (target, its threads as they are, its debug offsets)."""
    if tuple(map(int, interpreter.minor.split("."))) < (3, 13):
        pytest.skip("%s has no debug offsets" % interpreter.id)
    target = launcher.start("generators.py")
    report = spprof.report(target.pid)
    yield target, all_threads(report), Offsets(target.pid, int(report["runtime"]["address"], 16), WORDS.get(interpreter.minor, NEWEST_WORDS))
    target.kill()


def lies(offsets):
    """Every word as it may be damaged: garbage, and a little less or more than it was."""
    every = [(word, value) for word in range(len(offsets.words)) for value in [*GARBAGE, *(offsets.words[word] + step for step in (-8, 4, 8, 16))]]
    return every if EVERY else RANDOM.sample(every, 10)


@pytest.mark.native
@pytest.mark.heavy
def test_debug_offsets_that_lie(spprof, lying):
    """One word at a time: the stacks are as they were, or it is said that something is wrong."""
    target, honest, offsets = lying
    for word, value in lies(offsets):
        offsets.write(word, value)
        done = spprof.run("bt", "--json", "--locals", target.pid)
        assert done.returncode in (0, 1, 3), (word, value, done.returncode, done.stderr)
        if done.returncode == 0:
            report = spprof.report(target.pid)
            assert all_threads(report) == honest, (word, value)
        offsets.restore(word)


@pytest.mark.native
def test_a_frame_that_lies_about_its_size(spprof, lying, tmp_path):
    """frame.size and frame.stackpointer far behind the frame: bt and sample read it by another source, and say so."""
    target, honest, offsets = lying
    frame = next(i for i in range(3, len(offsets.words) - 4) if offsets.words[i] > offsets.words[i + 4] > 0 and offsets.words[i + 1:i + 4] == (8, 0, 56))
    offsets.write(frame, 0xffff8)
    report = spprof.report(target.pid, codes=(3,))
    assert all_threads(report) == honest
    assert re.search(r"contradict .*\(frame\.size at 1048568, not \d+", report["problems"][0])
    done = spprof.run("sample", "--idle", "-d", "0.3s", target.pid)
    assert done.returncode == 3, done.stderr
    assert b"frame.size at 1048568" in done.stdout
    done = spprof.run("sample", "--idle", "-d", "0.3s", "-o", tmp_path / "o.folded", target.pid)
    assert done.returncode == 3 and b"frame.size at 1048568" in done.stderr
    done = spprof.run("doctor", target.pid)
    assert done.returncode == 3 and b"frame.size is 1048568" in done.stdout

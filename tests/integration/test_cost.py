"""What a look costs, in facts that do not depend on the speed of the machine: reading calls, bytes read, files opened."""
import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from stacks import all_threads

pytestmark = [pytest.mark.native, pytest.mark.system]

READS = "process_vm_readv,read,pread64,readv,preadv,preadv2"


@pytest.fixture
def reads(spprof, tmp_path):
    """reads(target): how many calls read the target's memory, and how many bytes they brought."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")

    def count(target):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        done = spprof.run("bt", "--json", target.pid, before=["strace", "-ff", "-y", "-o", folder / "calls", "-e", "trace=" + READS])
        assert done.returncode == 0 and len(all_threads(json.loads(done.stdout))) > 2, done.stderr
        lines = [line for path in folder.iterdir() for line in path.read_text(errors="replace").splitlines()]
        calls = [line for line in lines if "process_vm_readv(" in line or "/mem>" in line]
        results = [int(re.search(r"= (-?\d+)[^=]*$", line)[1]) for line in calls]
        assert calls, "nothing was read"
        return len(calls), sum(max(0, result) for result in results)
    return count


def test_reading_20_threads_of_22_frames(start, reads, capsys, interpreter):
    calls, size = reads(start("many.py", 20, 22))
    with capsys.disabled():
        print("\n%s: 20 threads of 22 frames: %d reading calls, %d bytes" % (interpreter.id, calls, size))
    assert calls <= 180 and size <= 700000


@pytest.mark.heavy
def test_reading_grows_with_threads(start, reads):
    """Ten times the threads take at most ten times the calls and bytes, and a little for the start."""
    few, many = reads(start("many.py", 20, 22)), reads(start("many.py", 200, 22))
    assert many[0] <= 10 * few[0] and many[1] <= 10 * few[1]


@pytest.mark.heavy
def test_reading_grows_with_depth(start, reads):
    shallow, deep = reads(start("many.py", 2, 1000)), reads(start("many.py", 2, 10000))
    assert deep[0] <= 10 * shallow[0] + 10 and deep[1] <= 11 * shallow[1]


@pytest.mark.heavy
def test_a_thousand_threads(spprof, start):
    target = start("many.py", 1000, 10)
    threads = all_threads(spprof.report(target.pid))
    assert sorted(len(thread["frames"]) for thread in threads)[1:] == [10] * 1000
    assert {thread["name"] for thread in threads} == {"MainThread", *("worker %d" % number for number in range(1000))}

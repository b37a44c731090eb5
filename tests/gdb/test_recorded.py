"""Recorded cores, one of each kind, in one gdb."""
import pytest

from recorded import KINDS, NAMES, plain, truth_of, unpack
from session import ALL
from stacks import all_threads

pytestmark = pytest.mark.skipif(not NAMES, reason="no recorded cores: tests/cores/record makes them")


@pytest.mark.parametrize("emulated", [False, True])
def test_every_frame_of_recorded_cores(gdb, tmp_path, emulated):
    if emulated and gdb.path != "gdb":
        pytest.skip("the system's gdb-multiarch is tested with the system's gdb")
    names = [name for name in KINDS if ("aarch64" in name) == emulated]
    commands = [command for name in names for command in ("core-file %s" % unpack(name, tmp_path), ALL)]
    answers = gdb.run(*commands, gdb="gdb-multiarch" if emulated else None)
    for name, answer in zip(names, answers[1::2]):
        threads = {thread["tid"]: thread for thread in all_threads(answer.json)}
        for tid, thread in truth_of(name).items():
            assert [plain(frame) for frame in threads[tid]["frames"]] == thread["frames"], (name, tid)
            assert (threads[tid]["name"], threads[tid]["truncated"]) == (thread["name"], None), (name, tid)

"""Recorded cores as lldb opens them."""
import pytest

from recorded import NAMES, chosen, plain, truth_of, unpack
from stacks import all_threads

CHOSEN = ["3.9", "3.11-debian12", "3.12", "3.14t", "3.15-aarch64"]

pytestmark = pytest.mark.skipif(not NAMES, reason="no recorded cores: tests/cores/record makes them")


def test_every_frame_of_recorded_cores(lldb, tmp_path):
    for name in chosen(*CHOSEN):
        core = unpack(name, tmp_path)
        lldb.open_core(core, "--arch aarch64-unknown-linux-gnu" if "aarch64" in name else "")
        threads = {thread["tid"]: thread for thread in all_threads(lldb.report())}
        for tid, thread in truth_of(name).items():
            assert [plain(frame) for frame in threads[tid]["frames"]] == thread["frames"], (name, tid)
            assert threads[tid]["name"] == thread["name"]
            assert threads[tid]["truncated"] is None
        lldb.forget()
        core.unlink()

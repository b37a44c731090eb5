"""Who died is told, also where it runs no Python. By the interpreter that runs the tests."""
import signal
import subprocess

import pytest

import crashes


@pytest.mark.parametrize("kind", crashes.CORES)
def test_thread_of_c_that_dies(spprof, tmp_path, kind):
    crash = crashes.CORES[kind](tmp_path)
    report = spprof.report(crash.core)
    target, told = report["target"], report["target"]["crash"]
    assert (target["signal"], target["fault_address"]) == (signal.SIGSEGV, hex(crashes.FAULT_ADDRESS))
    assert (told["tid"], told["signal"], told["signal_name"]) == (crash.tid, signal.SIGSEGV, "SIGSEGV")
    assert told["fault_address"] == hex(crashes.FAULT_ADDRESS)
    assert told["known_to_python"] is False
    assert told["module"] == str(crash.module)
    assert crash.function <= int(told["offset"], 16) < crash.function + crashes.FUNCTION_SIZE
    notes = subprocess.run(["readelf", "-n", crash.module], capture_output=True, text=True).stdout
    assert told["build_id"] is None or told["build_id"] in notes
    crash.check(spprof.text(crash.core))


def test_gcore_of_a_living_process(spprof, tmp_path):
    core = crashes.gcore_of_living(tmp_path)
    report = spprof.report(core)
    assert (report["target"]["signal"], report["target"]["crash"]) == (None, None)
    assert "died" not in spprof.text(core)

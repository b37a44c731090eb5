"""Cores that the kernel and gdb write: who died in them, if anybody did. By the interpreter that runs the tests."""
import pytest

import crashes


@pytest.mark.parametrize("kind", crashes.CORES)
def test_thread_of_c_that_dies(lldb, tmp_path, kind):
    crash = crashes.CORES[kind](tmp_path)
    lldb.open_core(crash.core)
    crash.check(lldb.output("spprof bt all"))


def test_gcore_of_a_living_process(lldb, tmp_path):
    core = crashes.gcore_of_living(tmp_path)
    lldb.open_core(core)
    text = lldb.output("spprof bt all")
    assert "SIGSTOP" not in text and "died" not in text and "crashed" not in text

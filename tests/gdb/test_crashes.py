"""Who died in a core is told, also where it runs no Python. By the interpreter that runs the tests."""
import pytest

import crashes


@pytest.mark.parametrize("kind", crashes.CORES)
def test_thread_of_c_that_dies(gdb, tmp_path, kind):
    crash = crashes.CORES[kind](tmp_path)
    answer, = gdb.run("py-bt-all", before=["core-file %s" % crash.core])
    crash.check(answer.text)

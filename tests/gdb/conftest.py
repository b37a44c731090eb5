"""The interpreters of the machine, and gdb."""
import shutil
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "integration"))
import matrix
from matrix import *
from session import Gdb


def pytest_addoption(parser):
    matrix.pytest_addoption(parser)
    parser.addoption("--gdb", default="gdb", help="the gdb to test with")
    parser.addoption("--loader", default=str(TESTS.parent / "build/spprof-gdb.py"), help="spprof-gdb.py beside the extension")


@pytest.fixture(scope="session")
def gdb(request, tmp_path_factory):
    name = request.config.getoption("gdb")
    if shutil.which(name) is None:
        pytest.fail("there is no %s" % name, pytrace=False)
    return Gdb(name, request.config.getoption("loader"), tmp_path_factory.mktemp("gdb"))

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "integration"))
from matrix import *
from matrix import interpreters, pytest_addoption as add_matrix_options
from harness import Launcher
from lldbs import Lldb, find


def pytest_addoption(parser):
    add_matrix_options(parser)
    parser.addoption("--lldb", default="system", metavar="VERSION", help="the lldb to test: system, or one that was fetched")
    parser.addoption("--plugin", default=str(TESTS.parent / "build/lldb-plugin/spprof_lldb.so"), help="the plugin to load")


@pytest.fixture(scope="session")
def installation(request):
    version = request.config.getoption("lldb")
    found = find(version)
    if not found:
        pytest.skip("lldb (%s) is missing: tests/debuggers/fetch_lldb tells why" % version)
    return found


@pytest.fixture(scope="session")
def plugin(request):
    return str(Path(request.config.getoption("plugin")).resolve())


@pytest.fixture(scope="session")
def session(installation, plugin):
    session = Lldb(installation, plugin)
    yield session
    session.close()


@pytest.fixture
def lldb(session):
    """One lldb for all tests, which each of them gets without a target."""
    yield session
    session.forget()


@pytest.fixture(scope="session")
def any_launcher(request):
    """Programs of an interpreter that has debug offsets, for tests that need only one."""
    found = [one for one in interpreters(request.config) if one.release >= (3, 13) and not one.emulated and not one.debug]
    if not found:
        pytest.skip("no interpreter with debug offsets")
    launcher = Launcher(found[-1])
    yield launcher
    launcher.close()

"""The fixtures of the integration tests, and gdb."""
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

INTEGRATION = Path(__file__).resolve().parents[1] / "integration"
sys.path.insert(0, str(INTEGRATION))
specification = importlib.util.spec_from_file_location("integration_conftest", INTEGRATION / "conftest.py")
integration = importlib.util.module_from_spec(specification)
specification.loader.exec_module(integration)
globals().update({name: value for name, value in vars(integration).items() if not name.startswith("_") and name != "pytest_addoption"})

from session import Gdb


def pytest_addoption(parser):
    integration.pytest_addoption(parser)
    parser.addoption("--gdb", default="gdb", help="the gdb to test with")
    parser.addoption("--loader", default=str(INTEGRATION.parents[1] / "build/spprof-gdb.py"), help="spprof-gdb.py beside the extension")


@pytest.fixture(scope="session")
def gdb(request, tmp_path_factory):
    name = request.config.getoption("gdb")
    if shutil.which(name) is None:
        pytest.fail("there is no %s" % name, pytrace=False)
    return Gdb(name, request.config.getoption("loader"), tmp_path_factory.mktemp("gdb"))

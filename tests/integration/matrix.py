"""The interpreters of the machine as pytest sees them: options, marks and fixtures. A conftest.py takes all of it."""
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Interpreter, Launcher, Spprof

CHECKOUT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--spprof", default=str(CHECKOUT / "build/spprof"), help="the command to test")
    parser.addoption("--interpreter", action="append", default=[], metavar="ID", help="test this interpreter only; may be repeated")
    parser.addoption("--pythons", metavar="FILE", help="output of tests/pythons/find, which is run otherwise")


def pytest_configure(config):
    config.addinivalue_line("markers", "matrix: runs once for each interpreter")
    config.addinivalue_line("markers", "native: cannot work under qemu-user, or takes minutes there")
    config.addinivalue_line("markers", "heavy: takes seconds; runs on one interpreter of each kind")
    config.addinivalue_line("markers", "system: shows what the kernel and files do, whatever the version is; runs on three interpreters")


def interpreters(config):
    """The interpreters to test, found once."""
    if not hasattr(config, "interpreters"):
        path = config.getoption("pythons")
        lines = Path(path).read_text() if path else subprocess.check_output([sys.executable, CHECKOUT / "tests/pythons/find"], text=True)
        found = [Interpreter.parse(line) for line in lines.splitlines()]
        wanted = config.getoption("interpreter")
        if unknown := set(wanted) - {interpreter.id for interpreter in found}:
            raise pytest.UsageError("no such interpreter: %s; there are %s" % (", ".join(unknown), ", ".join(i.id for i in found)))
        config.interpreters = [interpreter for interpreter in found if not wanted or interpreter.id in wanted]
    return config.interpreters


def pytest_generate_tests(metafunc):
    if "interpreter" in metafunc.fixturenames:
        found = [] if metafunc.config.getoption("markexpr") == "not matrix" else interpreters(metafunc.config)
        metafunc.parametrize("interpreter", found, ids=[one.id for one in found], scope="session", indirect=True)


def pytest_collection_modifyitems(config, items):
    """Marks what needs an interpreter; an --interpreter runs nothing else."""
    for item in items:
        if "interpreter" in item.fixturenames:
            item.add_marker("matrix")
    if config.getoption("interpreter"):
        others = [item for item in items if not item.get_closest_marker("matrix")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def pytest_runtest_setup(item):
    call = getattr(item, "callspec", None)
    interpreter = call and call.params.get("interpreter")
    if isinstance(interpreter, Interpreter) and interpreter.emulated and item.get_closest_marker("native"):
        pytest.skip("%s runs under qemu-user" % interpreter.id)


@pytest.fixture(scope="session")
def spprof(request):
    command = Spprof(request.config.getoption("spprof"))
    if not Path(command.path).exists():
        pytest.fail("%s is not built" % command.path, pytrace=False)
    return command


@pytest.fixture(scope="session")
def interpreter(request):
    return request.param


@pytest.fixture(scope="session")
def launcher(interpreter):
    launcher = Launcher(interpreter)
    yield launcher
    launcher.close()


@pytest.fixture(scope="session")
def parked(launcher):
    """parked(program, ...): a running program that other tests read, too."""
    return launcher.parked


@pytest.fixture
def start(launcher):
    """start(program, ...): a running program of this test alone."""
    before = len(launcher.targets)
    yield launcher.start
    for target in launcher.targets[before:]:
        target.kill()

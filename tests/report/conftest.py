import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/pythons"))  # for places.py


def pytest_addoption(parser):
    parser.addoption("--make-profile", default=str(CHECKOUT / "build/tests/report/make_profile"), help="the program that writes profiles")


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests."""
    from chromium import PATH, Chromium

    if PATH is None:
        pytest.skip("Chromium is not installed (tools/install-dependencies test)")
    browser = Chromium()
    yield browser
    browser.close()

"""Lines and columns as the interpreter itself tells them, of code of its own library and of line tables that no compiler makes."""
import subprocess
from pathlib import Path

import pytest

GENERATOR = Path(__file__).resolve().parents[1] / "unit/positions.py"
MODULES = ["argparse", "typing"]


@pytest.fixture(scope="session")
def judge(spprof):
    path = Path(spprof.path).parent / "tests/test_position"
    if not path.exists():
        pytest.skip("the unit tests are not built")
    return path


def test_every_instruction(interpreter, judge, tmp_path):
    truth = subprocess.run([*interpreter.argv, "-", *MODULES], input=GENERATOR.read_bytes(), capture_output=True, check=True).stdout
    tmp_path.joinpath("truth").write_bytes(truth)
    judged = subprocess.run([judge, tmp_path / "truth"], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert judged.stdout == "%d code objects\n" % truth.count(b"\n")

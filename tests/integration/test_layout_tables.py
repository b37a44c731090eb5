"""The built-in tables against the headers of every interpreter that has them, by the generator's own way of measuring."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GENERATE = Path(__file__).resolve().parents[2] / "core/layout/generate.py"


def check(*arguments, generate=GENERATE):
    return subprocess.run([sys.executable, generate, "--check", *arguments], capture_output=True, text=True)


@pytest.fixture
def include(interpreter):
    if interpreter.emulated or not interpreter.include:
        pytest.skip("%s has no headers" % interpreter.id)
    return interpreter.include


def test_tables_equal_the_headers(include, interpreter):
    done = check("--include", include)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(interpreter.version) and done.stdout.endswith(": equal\n")


def test_clang_measures_the_same(include):
    if not shutil.which("clang"):
        pytest.skip("there is no clang")
    done = check("--include", include, "--compiler", "clang")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_table_is_told(include, tmp_path):
    for name in ("generate.py", "fields.def", "tables.inc"):
        shutil.copy(GENERATE.parent / name, tmp_path)
    tables = tmp_path / "tables.inc"
    tables.write_text(re.sub(r"(?<=FIELD_unicode_length\] )(.*\{)(.*)\}", lambda row: row[1] + re.sub(r"\d+", "24", row[2]) + "}",
                             tables.read_text()))
    done = check("--include", include, generate=tmp_path / "generate.py")
    assert done.returncode == 1
    assert re.search(r"unicode_length is at (16|32), not 24\n", done.stdout), done.stdout + done.stderr


def test_headers_that_do_not_compile_are_told(tmp_path):
    (tmp_path / "Python.h").write_text("#error these are no headers of CPython\n")
    done = check("--include", str(tmp_path))
    assert done.returncode == 1
    assert "these are no headers of CPython" in done.stderr

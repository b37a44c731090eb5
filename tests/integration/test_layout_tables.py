"""The built-in tables against the headers of every interpreter that has them, by the generator's own way of measuring."""
import ctypes
import json
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


EFFECTS = """
import dis, json
def effect(opcode, argument, jump):
    try: return dis.stack_effect(opcode, argument if opcode >= dis.HAVE_ARGUMENT else None, jump=jump)
    except ValueError: return None
print(json.dumps([(opcode, argument, jump, effect(opcode, argument, jump))
                  for opcode in dis.opmap.values() for argument in [*range(1, 20), 256, 259, 4096] for jump in (False, True)]))
"""


def test_what_instructions_do_to_the_value_stack(interpreter, tmp_path):
    """The interpreter's compiler is the witness."""
    if interpreter.minor not in ("3.9", "3.10"):
        pytest.skip("later versions store how deep the value stack of a frame is")
    library = tmp_path / "effects.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-I", GENERATE.parents[1], "-o", library, GENERATE.with_name("stack_effect.c")], check=True)
    ask, ours = ctypes.CDLL(library).layout_stack_effect, ctypes.c_int64()
    ask.restype = ctypes.c_bool
    told = json.loads(subprocess.run([*interpreter.argv, "-c", EFFECTS], capture_output=True, check=True).stdout)
    assert len(told) > 1000
    wrong = [(opcode, argument, jump, ours.value, theirs) for opcode, argument, jump, theirs in told
             if ask(opcode, argument, jump, ctypes.byref(ours)) and ours.value != theirs]
    assert wrong == []
    known = {opcode for opcode, argument, jump, theirs in told if ask(opcode, argument, jump, ctypes.byref(ours))}
    assert {opcode for opcode, _, _, theirs in told if theirs is not None} - known == set()

"""The newest frame's line inside code of the JIT is the last one that was stored: it is said to be about. Python itself is the witness of whether
it has a JIT that runs."""
import subprocess

import pytest

from stacks import all_threads

pytestmark = pytest.mark.native


def start(launcher, enabled):
    process = subprocess.Popen([*launcher.command(), launcher.interpreter.inside(launcher.programs / "jit.py")], stdout=subprocess.PIPE,
                               env=launcher.environment(PYTHON_JIT="1" if enabled else "0"))
    said = process.stdout.readline().split()
    return process, int(said[0]), said[1] == b"True"


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def look(spprof, pid, times):
    return [all_threads(spprof.report("--no-source", pid))[0]["frames"] for _ in range(times)]


def test_lines_inside_the_jit_are_approximate(spprof, launcher, interpreter):
    if interpreter.release < (3, 14):
        pytest.skip("this version keeps no word of its JIT")
    process, pid, has_jit = start(launcher, enabled=True)
    try:
        if not has_jit:
            pytest.skip("this Python has no JIT")
        looks = look(spprof, pid, 40)
        assert all(frame["line_exact"] for frames in looks for frame in frames[1:])
        assert {frame["function"] for frames in looks for frame in frames} == {"mix", "main", "<module>"}
        assert any(not frames[0]["line_exact"] for frames in looks)  # the loop of mix is hot: nearly all of them
        texts = (spprof.text("--no-source", pid) for _ in range(100))
        assert any('jit.py", line about ' in text for text in texts)
    finally:
        end(process)


def test_lines_without_a_jit_are_exact(spprof, launcher):
    process, pid, has_jit = start(launcher, enabled=False)
    try:
        assert not has_jit
        assert all(frame["line_exact"] for frames in look(spprof, pid, 5) for frame in frames)
        assert "about" not in spprof.text("--no-source", pid)
    finally:
        end(process)

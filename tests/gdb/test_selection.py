"""The Python frame follows gdb's own selection, and gdb's the Python frame. The witnesses: the program's text, and gdb's C frames."""
import os
import re

import pytest

import nesting
from harness import Launcher
from matrix import interpreters
from session import gdbserver, select, thread_named

C_FRAMES = "source %s/c_frames.py" % os.path.dirname(os.path.realpath(__file__))
LEVEL = "python print(gdb.selected_frame().level())"


def kept(function):
    return "local 'kept' = '%s'\n" % function


def check_printed(answer, function):
    """Of the functions of the program only park() has no such variable."""
    if function == "park":
        assert answer.error == "'kept' not found" and answer.text == ""
    else:
        assert answer.good == kept(function)


def names_of(gdb, before):
    told, = gdb.run("c-frames", before=[C_FRAMES, *before])
    return [name for _, name, _ in told.json]


def walked(gdb, release, before):
    """The same as py-up goes through them: where the evaluator has no name, the program's text is the only witness of who shares a C frame."""
    steps = [command for _ in nesting.FUNCTIONS[1:] for command in ("py-up", "py-print kept", LEVEL)]
    answers, runs = gdb.run("frame 0", *steps, before=before)[1:], {}
    for function, printed, level in zip(nesting.FUNCTIONS[1:], answers[1::3], answers[2::3]):
        check_printed(printed, function)
        runs.setdefault(int(level.good), []).append(function)
    groups = nesting.shared(release)
    assert list(runs.values()) == [group for group in ([one for one in group if one != "park"] for group in groups) if group]
    assert sorted(runs) == list(runs)
    return {level: groups[-len(runs):][index] for index, level in enumerate(runs)}


def running_of(gdb, release, before):
    """{level: functions}, and the names of all C frames."""
    names = names_of(gdb, before)
    runs = nesting.running(names, release)
    return runs or walked(gdb, release, before), names


def check_frames(gdb, runs, before):
    """`frame N`, for every C frame that runs Python, and those around it."""
    levels = [level for level in nesting.levels_around(runs) if nesting.expected(runs, level)]
    answers = gdb.run(*(command for level in levels for command in ("frame %d" % level, "py-print kept")), before=before)
    for level, printed in zip(levels, answers[1::2]):
        check_printed(printed, nesting.expected(runs, level))


def check_moves(gdb, runs, names, before):
    """py-up and py-down take gdb's own frame along; up, down and frame function take the Python frame along."""
    of = {function: level for level, functions in runs.items() for function in functions}
    sorts = of["sorts"]
    answers = gdb.run(
        "frame %d" % sorts, "py-print kept", "py-up", "py-locals", LEVEL, "py-up", "py-print kept", LEVEL, "py-down 2", "py-print kept", LEVEL,
        "down", "py-print kept", "up 2", "py-print kept", "frame %d" % of["reduces"], "py-list", "frame 0", "py-up", "py-print kept", LEVEL, "frame 0",
        "py-print kept", "frame function %s" % names[sorts - 1] if names[sorts - 1] else "frame %d" % sorts, LEVEL, "py-print kept", before=before)
    _, newest, up, variables, first, _, again, second, _, back, third, _, newer, _, older, _, listed, _, _, from_zero, fourth, _, _, _, fifth, named = answers
    check_printed(newest, "sorts")
    assert re.match(r"#\d+ Frame 0x[0-9a-f]+, for file .*nested.py, line \d+, in called_by_reduce \(", up.good)
    assert variables.good == "left = 1\nright = 2\nkept = 'called_by_reduce'\n" and int(first.good) == of["called_by_reduce"]
    check_printed(again, "reduces")
    assert int(second.good) == of["reduces"]
    check_printed(back, "sorts")
    assert int(third.good) == sorts
    check_printed(newer, nesting.expected(runs, sorts - 1))
    check_printed(older, nesting.expected(runs, sorts + 1))
    assert re.search(r"^ *>\d+ +return functools.reduce\(|is not at hand here", listed.text + listed.error, re.MULTILINE)
    check_printed(from_zero, "leaf")
    assert int(fourth.good) == of["leaf"]
    check_printed(named, nesting.expected(runs, int(fifth.good)))


def check_outside(gdb, names, before):
    """The C code that started Python runs for no Python frame, and no other one is shown in its place."""
    _, *answers = gdb.run("frame %d" % (len(names) - 1), "py-print kept", "py-locals", "py-list", "py-up", before=before)
    for answer in answers:
        assert answer.text == "" and answer.error.startswith("Unable to locate python frame: frame #%d, which gdb" % (len(names) - 1))


def check(gdb, release, before):
    runs, names = running_of(gdb, release, before)
    assert list(runs.values()) in (nesting.shared(release), nesting.shared(release)[1:]), names
    check_frames(gdb, runs, before)
    check_moves(gdb, runs, names, before)
    check_outside(gdb, names, before)


def root_of(interpreter):
    return ["set sysroot %s" % interpreter.root] * bool(interpreter.root)


@pytest.mark.native
def test_selection(gdb, launcher, interpreter):
    target = launcher.parked("nested.py")
    tid, _ = thread_named(target.truth, "worker nested")
    check(gdb, interpreter.release, ["attach %d" % target.process.pid, *root_of(interpreter), select(tid)])


@pytest.fixture(scope="module")
def programs(pytestconfig):
    found = [one for one in interpreters(pytestconfig) if not one.root and not one.emulated]
    launcher = Launcher(next((one for one in found if one.minor == "3.12"), found[0]))
    yield launcher
    launcher.close()


def test_selection_in_a_core_and_behind_gdbserver(gdb, programs, tmp_path):
    target = programs.parked("nested.py")
    tid, _ = thread_named(target.truth, "worker nested")
    core = tmp_path / "core"
    gdb.run(before=["attach %d" % target.process.pid, "generate-core-file %s" % core])
    check(gdb, programs.interpreter.release, ["file %s" % programs.interpreter.executable, "core-file %s" % core, select(tid)])
    with gdbserver(target.process.pid) as connect:
        runs, names = running_of(gdb, programs.interpreter.release, [connect, select(tid)])
    with gdbserver(target.process.pid) as connect:
        check_moves(gdb, runs, names, [connect, select(tid)])


def test_frames_that_cannot_be_told(gdb, programs, tmp_path):
    """Without the interpreter's file gdb unwinds into nowhere: no Python frame is guessed, and py-up says what it leaves alone."""
    target = programs.parked("nested.py")
    tid, thread = thread_named(target.truth, "worker nested")
    core = tmp_path / "core"
    gdb.run(before=["attach %d" % target.process.pid, "generate-core-file %s" % core])
    before = ["set sysroot /nowhere", "core-file %s" % core, select(tid)]
    told, = gdb.run("c-frames", before=[C_FRAMES, *before])
    assert not any(name and name.startswith(nesting.EVALUATOR) for _, name, _ in told.json)
    newest, moved, printed, level, _, *refused = gdb.run("py-print __name__", "py-up", "py-print kept", LEVEL, "frame 1", "py-print kept", "py-list",
                                                        before=before)
    assert newest.good == "global '__name__' = 'parking'\n"
    assert printed.good == kept("leaf") and int(level.good) == 0
    for answer in refused:
        assert answer.text == "" and answer.error.startswith("Unable to locate python frame: ")

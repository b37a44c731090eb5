"""The Python frame follows lldb's own selection, and lldb's the Python frame. The witnesses: the program's text, and lldb's C frames."""
import re
import signal

import pytest

import nesting
from harness import Launcher
from matrix import interpreters
from test_matrix import numbers_of

C_FRAME = re.compile(r"^ *(?:\* )?frame #(\d+): 0x[0-9a-f]+(?: [^`\n]*`(?:\S+ \[inlined\] )?([^\s(+]*))?", re.MULTILINE)


def names_of(lldb):
    """The names of all C frames, newest first."""
    return [name for _, name in C_FRAME.findall(lldb.output("thread backtrace"))]


def select(lldb, target):
    tid = next(int(tid) for tid, thread in target.truth["threads"].items() if thread["name"] == "worker nested")
    lldb.output("thread select %d" % numbers_of(lldb)[tid])


def level(lldb):
    return int(re.search(r"frame #(\d+):", lldb.output("frame info"))[1])


def printed(lldb):
    """The value of the variable that names its function; None: of all of them only park() has no such variable."""
    success, output, error = lldb.run("py-print kept")
    if not success:
        assert (output, error) == ("", "error: 'kept' not found\n"), (output, error)
        return "park"
    return re.fullmatch(r"local 'kept' = '(\w+)'\n", output)[1]


def walk(lldb, release):
    """{level: functions} as py-up goes through them: lldb's own frame comes along."""
    runs = {}
    lldb.output("frame select 0")
    for function in nesting.FUNCTIONS[1:]:
        lldb.output("py-up")
        assert printed(lldb) == function
        runs.setdefault(level(lldb), []).append(function)
    groups = nesting.shared(release)
    assert list(runs.values()) == [group for group in ([one for one in group if one != "park"] for group in groups) if group]
    assert sorted(runs) == list(runs)
    return {one: groups[-len(runs):][index] for index, one in enumerate(runs)}


def check(lldb, release):
    runs = walk(lldb, release)
    names = names_of(lldb)
    named = nesting.running(names, release)
    if release >= (3, 11) and len(named) == len(runs):  # with debug information lldb may name inlined functions only
        assert named == runs
    for one in nesting.levels_around(runs):
        function = nesting.expected(runs, one)
        if function and one >= min(runs):
            lldb.output("frame select %d" % one)
            assert printed(lldb) == function, (one, runs)
    sorts = next(one for one, functions in runs.items() if "sorts" in functions)
    lldb.output("frame select %d" % sorts)
    lldb.output("up")
    assert printed(lldb) == nesting.expected(runs, sorts + 1)
    lldb.output("down")
    assert printed(lldb) == "sorts" and "kept = 'sorts'" in lldb.output("py-locals")
    lldb.output("py-up 2")
    assert printed(lldb) == "reduces"
    lldb.output("py-down 2")
    assert (printed(lldb), level(lldb)) == ("sorts", sorts)
    lldb.output("frame select %d" % (len(names) - 1))
    for command in "py-print kept", "py-locals", "py-list", "py-up":
        assert lldb.error(command).startswith("Unable to locate python frame: frame #%d, which lldb has selected," % (len(names) - 1))


def check_told(lldb):
    """Where lldb does not unwind so far: what cannot be told is said, and no other frame is shown."""
    lldb.output("frame select 0")
    told, places = False, {}
    for function in nesting.FUNCTIONS[1:]:
        said = lldb.output("py-up")
        assert printed(lldb) == function
        told = told or "(lldb's own frame stays where it is: " in said
        if not told:
            places.setdefault(level(lldb), []).append(function)
    assert told
    last = len(names_of(lldb)) - 1
    if last > 0 and last not in places:
        lldb.output("frame select %d" % last)
        assert lldb.error("py-print kept").startswith("Unable to locate python frame: which one frame #%d, which lldb has selected," % last)


def unwinds(lldb):
    """Whether lldb comes to where the thread began."""
    return bool({"clone", "clone3", "__clone3", "__clone", "thread_start"} & set(names_of(lldb)[-1:]))


@pytest.mark.native
def test_selection(lldb, launcher, interpreter):
    target = launcher.parked("nested.py")
    lldb.attach(target.pid)
    select(lldb, target)
    if unwinds(lldb):
        check(lldb, interpreter.release)
    else:
        check_told(lldb)


def test_selection_in_a_core(lldb, request):
    found = [one for one in interpreters(request.config) if not one.root and not one.emulated]
    if not found:
        pytest.skip("no interpreter of this machine")
    launcher = Launcher(next((one for one in found if one.minor == "3.11"), found[0]))
    try:
        target = launcher.start("nested.py")
        target.process.send_signal(signal.SIGABRT)
        lldb.open_core(target.core(), launcher.interpreter.executable)
        select(lldb, target)
        if unwinds(lldb):
            check(lldb, launcher.interpreter.release)
        else:
            check_told(lldb)
    finally:
        launcher.close()

"""Programs that drive gdb: its machine interface with frame filters on, and its adapter for the debug adapter protocol.

The witnesses: the interpreter for Python frames, gdb without filters for C frames.
"""
import contextlib

import pytest

import nesting
from dap import Adapter
from harness import Launcher
from matrix import interpreters
from mi import Machine
from session import gdbserver, select, thread_named, true_places


@pytest.fixture(scope="module")
def programs(pytestconfig):
    """The programs under an interpreter of this machine where several Python frames share a C frame."""
    found = [one for one in interpreters(pytestconfig) if not one.root and not one.emulated]
    launcher = Launcher(next((one for one in found if one.minor == "3.12"), found[-1]))
    yield launcher
    launcher.close()


@pytest.fixture(scope="module")
def nested(programs):
    return programs.parked("nested.py")


@pytest.fixture(scope="module")
def core(gdb, nested, tmp_path_factory):
    path = tmp_path_factory.mktemp("core") / "core"
    gdb.run(before=["attach %d" % nested.process.pid, "generate-core-file %s" % path])
    return path


@contextlib.contextmanager
def commands_for(kind, programs, nested, core):
    """The console's commands that open the target."""
    if kind == "remote":
        with gdbserver(nested.process.pid) as connect:
            yield ["file %s" % programs.interpreter.executable, connect]
    elif kind == "core":
        yield ["file %s" % programs.interpreter.executable, "core-file %s" % core]
    else:
        yield ["attach %d" % nested.process.pid]


def flat(frames):
    """(frame, the frame that has its level) of every frame, those that share a C frame behind the one that shows it."""
    for frame in frames:
        yield frame, frame
        for child in frame.get("children", []):
            assert not child.keys() & {"level", "children"}
            yield child, frame


def places_of(stack):
    return [(frame["file"], int(frame["line"]), frame["func"]) for frame, _ in flat(stack) if frame.get("file", "").endswith(".py")]


def check_frames(stack, plain, thread, release):
    """Every frame has its level; it, and the pc, are those of gdb's own C frame, and several Python frames share only what they do share."""
    assert places_of(stack) == true_places(thread)
    levels = [int(frame["level"]) for frame in stack]
    assert levels == sorted(set(levels)) and levels[0] == 0
    c_frames = {int(frame["level"]): frame for frame in plain}
    for frame, owner in flat(stack):
        assert frame["addr"] == c_frames[int(owner["level"])]["addr"]
        assert frame["func"] not in ("", "???")
    runs = nesting.running([frame["func"] for frame in plain], release)
    assert len(runs) == len(nesting.shared(release))
    for level, functions in runs.items():
        shown = [frame["func"] for frame, owner in flat(stack) if int(owner["level"]) == level]
        assert shown[:len(functions)] == functions


def check_ranges(machine, stack):
    """Parts of the list fit together, as programs ask for them one after the other."""
    pieces = [frame for low in range(0, len(stack), 2) for frame in machine.ask("-stack-list-frames %d %d" % (low, low + 1))["stack"]]
    assert pieces == stack


def variables_of(machine, command):
    return {one["name"]: one for one in next(iter(machine.ask(command).values()))}


def check_variables(machine, runs):
    """Of the Python frame that the selected C frame runs, with values in every form that a program may ask for."""
    level = next(level for level, functions in runs.items() if "sorts" in functions)
    machine.ask("-stack-select-frame %d" % level)
    for values in "--all-values", "--simple-values":
        assert variables_of(machine, "-stack-list-variables " + values)["kept"]["value"] == "'sorts'"
        assert variables_of(machine, "-stack-list-locals " + values)["kept"]["value"] == "'sorts'"
    assert [one["name"] for one in machine.ask("-stack-list-variables --no-values")["variables"]] == ["kept"]
    assert machine.console("py-print kept") == "local 'kept' = 'sorts'\n"


def check_arguments(machine, stack):
    listed = machine.ask("-stack-list-arguments --simple-values")["stack-args"]
    assert [frame["level"] for frame in listed] == [frame["level"] for frame in stack]
    found = {}
    for shown, told in zip(flat(stack), flat(listed), strict=True):
        found[shown[0]["func"]] = {one["name"]: one.get("value") for one in told[0]["args"]}
    assert found["called_by_reduce"] == {"left": "1", "right": "2"} and found["called_by_sorted"] == {"item": "1"}
    assert found["nested"] == {} and set(found["park"]) == {"_", "__"}


@pytest.mark.parametrize("kind", ["process", "core", "remote"])
def test_machine_interface(gdb, programs, nested, core, tmp_path, kind):
    tid, thread = thread_named(nested.truth, "worker nested")
    with commands_for(kind, programs, nested, core) as opening:
        machine = Machine(gdb, tmp_path)
        try:
            for command in "source " + gdb.loader, *opening, select(tid):
                machine.console(command)
            machine.ask("-enable-frame-filters")
            stack = machine.ask("-stack-list-frames")["stack"]
            plain = machine.ask("-stack-list-frames --no-frame-filters")["stack"]
            release = programs.interpreter.release
            check_frames(stack, plain, thread, release)
            check_ranges(machine, stack)
            check_arguments(machine, stack)
            check_variables(machine, nesting.running([frame["func"] for frame in plain], release))
            printed = machine.console("bt")
            assert [name for name in nesting.FUNCTIONS if " in %s () at " % name in printed] == nesting.FUNCTIONS
            machine.console("set spprof bt-python off")
            assert machine.ask("-stack-list-frames")["stack"] == plain
        finally:
            machine.close()


def test_machine_interface_without_pairs(gdb, programs, core, nested, tmp_path):
    """Where gdb cannot unwind, Python frames have no level: they are told of, and no frame without one is listed."""
    tid, _ = thread_named(nested.truth, "worker nested")
    machine = Machine(gdb, tmp_path)
    try:
        for command in "source " + gdb.loader, "set sysroot /nowhere", "core-file %s" % core, select(tid):
            machine.console(command)
        machine.ask("-enable-frame-filters")
        stack = machine.ask("-stack-list-frames")["stack"]
        assert all("level" in frame and frame["func"] != "???" for frame in stack) and places_of(stack) == []
        assert "py-bt shows" in "".join(machine.said)
    finally:
        machine.close()


def has_adapter(gdb, kind):
    """gdb has one since version 14; it opens cores since version 17."""
    version, = gdb.run("python print(gdb.VERSION)")
    return int(version.good.split(".")[0]) >= (17 if kind == "core" else 14)


def open_by_adapter(gdb, tmp_path, kind, programs, core, nested):
    """The adapter with its target open, and what is to be closed."""
    stack = contextlib.ExitStack()
    executable = programs.interpreter.executable
    adapter = Adapter(gdb, tmp_path)
    stack.callback(adapter.close)
    try:
        if kind == "core":
            adapter.attach(program=executable, coreFile=str(core))
        elif kind == "remote":
            connect = stack.enter_context(gdbserver(nested.process.pid))
            adapter.attach(program=executable, target=connect.removeprefix("target remote "))
        else:
            adapter.attach(program=executable, pid=nested.process.pid)
    except BaseException:
        stack.close()
        raise
    return adapter, stack


def thread_id(adapter, tid):
    adapter.evaluate(select(tid))
    return int(adapter.evaluate("python print(gdb.selected_thread().global_num)"))


def scopes_of(adapter, frame):
    return {scope["name"]: {one["name"]: one["value"] for one in
                            adapter.ask("variables", variablesReference=scope["variablesReference"])["variables"]}
            for scope in adapter.ask("scopes", frameId=frame["id"])["scopes"] if scope["name"] in ("Arguments", "Locals")}


def check_adapter_frames(adapter, number, thread, plain):
    frames = adapter.ask("stackTrace", threadId=number)["stackFrames"]
    shown = [frame for frame in frames if frame.get("source", {}).get("path", "").endswith(".py")]
    assert [(frame["source"]["path"], frame["line"], frame["name"]) for frame in shown] == true_places(thread)
    assert all("sourceReference" not in frame["source"] for frame in shown)  # the IDE opens the file itself
    assert all(frame["name"] and frame["name"] != "???" for frame in frames)
    pages = [frame for start in range(0, len(frames), 3)
             for frame in adapter.ask("stackTrace", threadId=number, startFrame=start, levels=3)["stackFrames"]]
    assert [frame["id"] for frame in pages] == [frame["id"] for frame in frames]
    runs = {function: level for level, functions in nesting.running([name for _, name in plain], (3, 12)).items() for function in functions}
    for frame in shown:
        if frame["name"] in runs:
            assert int(frame["instructionPointerReference"], 0) == plain[runs[frame["name"]]][0]
    return {frame["name"]: frame for frame in shown}


@pytest.mark.parametrize("kind", ["process", "core", "remote"])
def test_adapter(gdb, programs, nested, core, tmp_path, kind):
    if not has_adapter(gdb, kind):
        pytest.skip("this gdb has no adapter for a %s" % kind)
    tid, thread = thread_named(nested.truth, "worker nested")
    adapter, opened = open_by_adapter(gdb, tmp_path, kind, programs, core, nested)
    with opened:
        number = thread_id(adapter, tid)
        listed = adapter.evaluate("bt -no-filters")
        plain = [(int(line.split()[1], 16) if " in " in line else None, line) for line in listed.splitlines() if line.startswith("#")]
        names = [(pc, line.partition(" in ")[2].split(" (")[0]) for pc, line in plain]
        frames = check_adapter_frames(adapter, number, thread, names)
        assert scopes_of(adapter, frames["called_by_reduce"]) == {"Arguments": {"left": "1", "right": "2"}, "Locals": {"kept": "'called_by_reduce'"}}
        assert scopes_of(adapter, frames["sorts"]) == {"Locals": {"kept": "'sorts'"}}
        for function in nesting.FUNCTIONS[1:]:  # several share a C frame, and each is asked about
            assert adapter.evaluate("py-print kept", frames[function]["id"]) == "local 'kept' = '%s'\n" % function
        assert adapter.evaluate("bt").count("nested.py:") == len(nesting.FUNCTIONS) - 1

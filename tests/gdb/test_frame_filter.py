"""gdb's own `bt` with Python frames in it. The witnesses: the interpreter for Python frames, gdb without filters for C frames."""
import os
import re
import subprocess

import pytest

from harness import Interpreter, Launcher
from session import select, thread_named, true_places

HERE = os.path.dirname(os.path.realpath(__file__))
C_FRAMES = "source %s/c_frames.py" % HERE
EVALUATOR = "_PyEval_EvalFrameDefault"
LINE = re.compile(r"(?:#(\d+) +|    )(?:0x[0-9a-f]+ in )?(.*)")
PYTHON = re.compile(r"(\S.*) \(\) at (.*\.py|<.*>):(\d+)")
UNSURE = "spprof: which C frame runs which Python frame cannot be told for sure. The Python frames:\n"


def split(text):
    """The lines of a bt: (number or None, what follows it)."""
    lines = [LINE.fullmatch(line) for line in text.splitlines() if line.startswith(("#", "    "))]
    return [(line[1] and int(line[1]), line[2]) for line in lines]


def python_places(text):
    found = [PYTHON.fullmatch(rest) for _, rest in split(text)]
    return [(place[2], int(place[3]), place[1]) for place in found if place]


def check_thread(interpreter, library, thread, text, c_frames):
    """What bt prints of one thread; gives whether every Python frame has its C frame."""
    assert python_places(text) == true_places(thread), text
    python = {number for number, rest in split(text) if PYTHON.fullmatch(rest) and number is not None}
    shown = {number for number, _ in split(text) if number is not None}
    others = {number for number, name, file in c_frames if file != library and (file or name in ("main", "_start"))}
    numbers = [number for number, _ in split(text) if number is not None]
    assert numbers == sorted(shown) and 0 in shown
    assert others <= shown, (others - shown, text)
    if UNSURE in text:
        assert not python and shown == {number for number, _, _ in c_frames}
        return False
    assert "spprof:" not in text
    evaluators = {number for number, name, _ in c_frames if name and name.startswith(EVALUATOR)}
    assert not evaluators or python == evaluators, text
    assert not others & python and len(shown) < len(c_frames)
    return True


def in_file(interpreter, launcher):
    """The interpreter's shared library as gdb names it; None: it is the executable."""
    return os.path.realpath(launcher.facts["library"]) if interpreter.shared else None


def root_of(interpreter):
    return ["set sysroot %s" % interpreter.root] * bool(interpreter.root)


@pytest.mark.native
@pytest.mark.parametrize("program", ["generators.py", "threads.py"])
def test_python_frames_in_place_of_c_frames(gdb, launcher, interpreter, program):
    target = launcher.parked(program)
    threads = [(tid, thread) for tid, thread in target.truth["threads"].items() if int(tid) != target.truth["recorder"]]
    commands = [command for tid, _ in threads for command in (select(int(tid)), "bt", "c-frames")]
    answers = gdb.run(*commands, before=[C_FRAMES, "attach %d" % target.process.pid, *root_of(interpreter)])
    unsure = []
    for (_, thread), text, c_frames in zip(threads, answers[1::3], answers[2::3]):
        frames = [(number, name, file and os.path.realpath(file)) for number, name, file in c_frames.json]
        if not check_thread(interpreter, in_file(interpreter, launcher), thread, text.good, frames):
            unsure.append(thread["name"])
    # 3.9 shortens its own chain of frames while throw() is handed on from generator to generator.
    assert unsure == (["worker thrown_into"] if interpreter.minor == "3.9" and program == "generators.py" else [])


def test_core(gdb, launcher, interpreter):
    """A thread that did not crash; without the interpreter's file no C frame can be told, and no Python frame is lost."""
    target = launcher.start("crash.py", "abort", "worker")
    truth = target.truth
    core = target.core()
    tid, thread = next((int(tid), thread) for tid, thread in truth["threads"].items() if thread["name"] != "worker crasher")
    debugger = "gdb-multiarch" if interpreter.emulated else None
    for file in ["file %s" % interpreter.executable], []:
        before = [*root_of(interpreter), *file, "core-file %s" % core]
        _, stacks, text, plain = gdb.run(select(tid), "py-bt", "bt", "bt -no-filters", gdb=debugger, before=before)
        assert stacks.error == ""
        assert python_places(text.good) == true_places(thread), text.good
        assert {number for number, _ in split(text.good)} - {None} <= {number for number, _ in split(plain.good)}
        if file and not interpreter.emulated:
            assert "spprof:" not in text.good and EVALUATOR not in text.good


@pytest.fixture(scope="module")
def programs(pytestconfig):
    """The programs under one interpreter of this machine."""
    found = [Interpreter.parse(line) for line in open(pytestconfig.getoption("pythons"))]
    launcher = Launcher(max((one for one in found if not one.root and not one.emulated), key=lambda one: one.id == "3.11-system"))
    yield launcher
    launcher.close()


def test_options_settings_and_other_filters(gdb, programs):
    target = programs.parked("generators.py")
    tid, thread = thread_named(target.truth, "worker coroutines")
    before = ["attach %d" % target.process.pid, select(tid)]
    whole, full, hidden, head, tail, plain = gdb.run("bt", "bt full", "bt -hide", "bt 3", "bt -3", "bt -no-filters", before=before)
    assert python_places(whole.good) == python_places(full.good) == true_places(thread)
    assert "        n = 4\n" in full.good and re.search(r"        leaf = <function leaf at 0x[0-9a-f]+>\n", full.good)
    assert hidden.good == whole.good
    lines = whole.good.splitlines(True)
    assert head.good == "".join(lines[:3])
    assert [rest for _, rest in split(tail.good)] == [rest for _, rest in split(whole.good)][-3:]
    assert split(tail.good)[0][0] is not None  # the first line of a C frame that is printed has its number
    assert EVALUATOR in plain.good and ".py" not in plain.good

    shown, _, off, hidden, _, again, _, disabled, _, filtered, number = gdb.run(
        "show spprof bt-python", "set spprof bt-python off", "bt", "show spprof bt-python", "set spprof bt-python on", "bt",
        "disable frame-filter global spprof", "bt", "enable frame-filter global spprof", "bt",
        "frame apply all -q python print(gdb.selected_frame().pc() != 0)", before=before)
    assert '"on"' in shown.good and '"off"' in hidden.good
    assert off.good == disabled.good == plain.good
    assert again.good == filtered.good == whole.good
    assert number.good.split() == ["True"] * len(split(plain.good))
    others, = gdb.run("bt", before=[*before, "source %s/other_filters.py" % HERE])
    assert python_places(others.good) == true_places(thread)


def test_trampolines_for_perf(gdb, pytestconfig):
    """-X perf puts code that is made at run time around each function: it is the interpreter's, and no function is shown for it."""
    found = [Interpreter.parse(line) for line in open(pytestconfig.getoption("pythons"))]
    launcher = Launcher(next(one for one in found if one.minor == "3.12" and not one.root and not one.emulated))
    try:
        target = launcher.start("nested.py", options=["-X", "perf"])
        tid, thread = thread_named(target.truth, "worker nested")
        shown, plain = gdb.run("bt", "bt -no-filters", before=["attach %d" % target.process.pid, select(tid)])
        os.unlink("/tmp/perf-%d.map" % target.process.pid)
    finally:
        launcher.close()
    assert python_places(shown.good) == true_places(thread)
    assert plain.good.count(" in ?? ()") >= len(thread["frames"]), "there are no trampolines"
    assert "??" not in shown.good and "trampoline" not in shown.good, shown.good


def test_names_of_threads_without_python(gdb, programs):
    """What has no name is named as gdb does, also where no Python frame is put in."""
    target = programs.parked("threads.py")
    report, = gdb.run("spprof bt --json", before=["attach %d" % target.process.pid])
    known = {thread["tid"] for interpreter in report.json["interpreters"] for thread in interpreter["threads"]}
    stranger = next(tid for tid in map(int, os.listdir("/proc/%d/task" % target.process.pid)) if tid not in known)
    for tid in stranger, max(known):
        shown, plain = gdb.run("bt", "bt -no-filters", before=["attach %d" % target.process.pid, select(tid)])
        assert not re.search(r" in +\(\)|\?\?\?", shown.good)
        if tid == stranger:
            assert [line.partition(" (")[0] for line in shown.good.splitlines()] == [line.partition(" (")[0] for line in plain.good.splitlines()]


def test_a_program_without_python(gdb):
    """Nothing is different for it, not even the way that gdb prints."""
    process = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    try:
        shown, plain = gdb.run("bt", "bt -no-filters", before=["attach %d" % process.pid])
    finally:
        process.kill()
        process.wait()
    assert shown.good == plain.good and shown.good.startswith("#0 ")


def test_memory_that_cannot_be_read(gdb, programs):
    """bt goes on with its C frames, and one line says why."""
    target = programs.start("crash.py", "abort", "worker")
    core = target.core()
    whole = core.read_bytes()
    for part, wanted in (3, None), (20, None), (100, "bt shows C frames only"):
        core.write_bytes(whole[:len(whole) // part])
        before = ["file %s" % programs.interpreter.executable, "core-file %s" % core]
        shown, plain = gdb.run("bt", "bt -no-filters", before=before)
        assert shown.error == plain.error == ""
        told = re.findall("^spprof: ([^:]*): .", shown.text, re.MULTILINE)
        assert told == [wanted] if wanted else told or python_places(shown.text), shown.text
        shown_numbers, numbers = ({number for number, _ in split(text)} - {None} for text in (shown.text, plain.text))
        assert shown_numbers <= numbers and (python_places(shown.text) or shown_numbers == numbers)


def test_machine_interface(gdb, programs):
    """What drives gdb gets names without blanks, and variables of Python frames."""
    target = programs.parked("generators.py")
    tid, thread = thread_named(target.truth, "worker coroutines")
    console = '-interpreter-exec console "%s"'
    commands = [console % ("source " + gdb.loader), "-enable-frame-filters", "-target-attach %d" % target.process.pid,
                console % select(tid), "-stack-list-frames", console % "bt", "-stack-list-variables --all-values", "-stack-info-depth",
                "-gdb-exit"]
    done = subprocess.run([gdb.path, *gdb.start_options(), "-q", "-i=mi"], input="\n".join(commands) + "\n", capture_output=True, text=True,
                          timeout=60)
    results = [line for line in done.stdout.splitlines() if line.startswith("^")]
    assert [line.partition(",")[0] for line in results] == ["^done"] * 8 + ["^exit"], done.stdout
    listed = next(line for line in results if ",stack=[" in line)
    places = [(file, int(line), function) for function, file, line in re.findall(r'func="([^"]*)",file="([^"]*\.py)",line="(\d+)"', listed)]
    assert places == true_places(thread)

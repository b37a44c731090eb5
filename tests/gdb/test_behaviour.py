"""What does not depend on the version of Python: one interpreter, every way to meet it, and what can go wrong."""
import os
import re
import subprocess

import pytest

from harness import Launcher
from matrix import interpreters
from session import ALL, gdbserver, select, shown_places, thread_named, true_places
from stacks import all_threads, differences
from test_containers import host_pid

LANGUAGES = ["ada", "asm", "c", "c++", "d", "fortran", "go", "minimal", "modula-2", "objective-c", "opencl", "pascal", "rust"]
CALLS = """\
import os
def inner(number):
    os.getpgid(number)
    os.getpgid(number + 0)
def outer():
    inner(0)
outer()
"""


@pytest.fixture(scope="module")
def machine(pytestconfig):
    """One interpreter of this machine."""
    return next(one for one in interpreters(pytestconfig) if not one.root and not one.emulated)


@pytest.fixture(scope="module")
def programs(machine):
    launcher = Launcher(machine)
    yield launcher
    launcher.close()


def attach(target):
    return "attach %d" % target.process.pid


def test_without_a_process(gdb):
    answers = gdb.run("py-bt", "py-bt-all", "py-list", "spprof doctor", "py-up")
    assert {answer.error for answer in answers} == {
        "there is no process or core to look at: start the program with 'run', attach to one with 'attach PID', or open a core with "
        "'core-file FILE'"}


def test_started_under_gdb(gdb, machine, tmp_path):
    """What was read is forgotten at each resume, and the program goes on as ever."""
    program = tmp_path / "calls.py"
    program.write_text(CALLS)
    start = ["file %s" % machine.executable, "set args -I %s" % program, "catch syscall getpgid", "run"]
    first, *_, second, end = gdb.run("py-bt", "py-up", "continue", "continue", "py-bt", "continue", before=start)
    places = [(str(program), line, name) for line, name in ((3, "inner"), (6, "outer"), (7, "<module>"))]
    assert shown_places(first.good) == places
    assert shown_places(second.good) == [(str(program), 4, "inner"), *places[1:]]
    assert end.error == ""


def test_a_thread_without_python(gdb, programs):
    target = programs.parked("threads.py")
    truth = target.truth
    report, = gdb.run(ALL, before=[attach(target)])
    assert differences(all_threads(report.json), truth) == []
    known = {thread["tid"] for thread in all_threads(report.json)}
    stranger = next(tid for tid in map(int, os.listdir("/proc/%d/task" % target.process.pid)) if tid not in known)
    answers = gdb.run("py-bt", "py-up", "py-locals", before=[attach(target), select(stranger)])
    for answer in answers:
        assert answer.error.startswith("Unable to locate python frame: thread %d, which gdb has selected, runs no Python code" % stranger)


def test_every_language(gdb, programs):
    """A user's language must not matter; behind gdbserver, every look-up goes through gdb."""
    target = programs.parked("debugged.py")
    tid, thread = thread_named(target.truth, "worker walked")
    commands = [command for language in LANGUAGES for command in ("set language %s" % language, "py-bt")]
    with gdbserver(target.process.pid) as connect:
        answers = gdb.run(*commands, before=[connect.replace("remote", "extended-remote"), select(tid)])
    stacks = [answer for answer in answers if answer.command == "py-bt"]
    assert len(stacks) == len(LANGUAGES)
    for answer in stacks:
        assert shown_places(answer.good) == true_places(thread)


def test_threads_that_run(gdb, programs):
    """Looked at while it runs, with asynchronous commands: every stack is validated."""
    target = programs.parked("functions.py")
    report, again, interrupted = gdb.run(ALL, ALL, "interrupt", before=["set non-stop on", attach(target), "continue -a &"])
    assert differences(all_threads(report.json), target.truth) == []
    assert differences(all_threads(again.json), target.truth) == []


def test_process_in_a_container(gdb, programs):
    unshare = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--mount-proc=/proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("this user may not make namespaces")
    target = programs.start("debugged.py", before=unshare, PARKING_PROC="")
    stacks, = gdb.run("py-bt-all", before=["attach %d" % host_pid(target)])
    _, thread = thread_named(target.truth, "worker walked")
    block = next(text for text in stacks.good.split("\n\n") if '"worker walked"' in text)
    assert shown_places(block) == true_places(thread)
    target.kill()


def test_gcore(gdb, programs, tmp_path):
    target = programs.parked("debugged.py")
    core = tmp_path / "core"
    tid, thread = thread_named(target.truth, "worker walked")
    gdb.run(before=[attach(target), "generate-core-file %s" % core])
    report, stack, _, printed = gdb.run(ALL, "py-bt", "py-up %d" % (len(thread["frames"]) - 4), "py-print LIMIT", before=["core-file %s" % core, select(tid)])
    assert differences(all_threads(report.json), target.truth) == []
    assert report.json["target"]["signal"] is None
    assert shown_places(stack.good) == true_places(thread)
    assert printed.good == "global 'LIMIT' = 7\n"


def test_core_of_a_process_whose_id_lives_on(gdb, programs, machine):
    """A core names a process id that another process may have now: nothing of /proc may enter what is said."""
    target = programs.start("crash.py", "abort", "worker")
    truth, core = target.truth, target.core()
    living = programs.parked("debugged.py")
    patched = target.folder / "patched"
    patched.write_bytes(core.read_bytes().replace(target.process.pid.to_bytes(4, "little"), living.process.pid.to_bytes(4, "little")))
    report, = gdb.run(ALL, before=["file %s" % machine.executable, "core-file %s" % patched])
    names = {thread["name"] for thread in all_threads(report.json)}
    assert "worker crasher" in names and "worker walked" not in names
    assert len(names) >= len(truth["threads"])


def test_names_of_other_scripts(gdb, programs, tmp_path):
    """Whoever defines the names before or after, spprof's commands are the ones that run."""
    script = tmp_path / "python-gdb.py"
    script.write_text("import gdb\nclass PyLocals(gdb.Command):\n    def __init__(self): super().__init__('py-locals', gdb.COMMAND_DATA)\n"
                      "    def invoke(self, args, from_tty): raise gdb.GdbError('not this one')\nPyLocals()\n")
    target = programs.parked("debugged.py")
    tid, _ = thread_named(target.truth, "worker walked")
    reloaded, stopped, shown, again = gdb.run("source %s" % gdb.loader, attach(target), "py-locals", "source %s" % gdb.loader,
                                              before=["source %s" % script])
    assert "spprof: replaces what another script (CPython's own?) defined as py-locals\n" == reloaded.text
    assert (shown.error, again.text) == ("", "")
    _, stopped, _, shown = gdb.run("source %s" % script, attach(target), select(tid), "py-locals")
    assert "spprof: replaces what another script" in stopped.text
    assert shown.error == ""


WRONG = {
    "py-bt 12": "takes no operand",
    "py-bt --thread x": "--thread takes the number of a thread, not 'x'",
    "py-bt --nonsense": "unknown or ambiguous option '--nonsense'",
    "spprof bt --sysroot /": "--sysroot is for a shell",
    "py-up x": "takes one number from 1 on, not 'x'",
    "py-list x": "list takes a line, or two",
    "py-print": "print takes the name of one variable",
    "py-print self.x": "a name is looked up, not an expression",
    "py-bt 'x": "a quote is not closed",
    "spprof nonsense": 'Undefined spprof command: "nonsense".  Try "help spprof".',
}


def test_wrong_usage(gdb, programs):
    for answer in gdb.run(*WRONG, before=[attach(programs.parked("debugged.py"))]):
        assert WRONG[answer.command] in answer.error and not answer.events


def test_help(gdb, machine):
    commands = ["py-bt", "py-bt-all", "py-bt-full", "py-list", "py-up", "py-down", "py-print", "py-locals", "spprof bt", "spprof doctor"]
    answers = gdb.run(*["help " + command for command in commands], "help spprof", "info spprof", "py-bt --help")
    for command, answer in zip(commands, answers):
        lines = answer.good.splitlines()
        assert lines[0].endswith(".") and lines[1].startswith("Usage: %s" % command), answer.good
    assert "spprof doctor -- " in answers[-3].good
    assert re.match(r"spprof \d+\.\d+\.\d+, in gdb \S+.* with Python \d+\.\d+\.\d+\.\n", answers[-2].good)
    assert answers[-1].error == "" and "--locals" in answers[-1].text


def test_installed(gdb, programs, pytestconfig, tmp_path):
    """The loader finds the extension where `make install` puts it."""
    build = os.path.dirname(gdb.loader)
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path], check=True, capture_output=True)
    loader = tmp_path / "share/spprof/spprof-gdb.py"
    done = subprocess.run([gdb.path, *gdb.start_options(), "-batch", "-ex", "source %s" % loader, "-ex", "info spprof"], capture_output=True, text=True)
    assert done.stdout.startswith("spprof ")
    os.unlink(tmp_path / "lib/spprof/spprof_gdb.abi3.so")
    done = subprocess.run([gdb.path, *gdb.start_options(), "-batch", "-ex", "source %s" % loader], capture_output=True, text=True)
    assert "'make install' puts it there" in done.stderr and "Traceback" not in done.stderr

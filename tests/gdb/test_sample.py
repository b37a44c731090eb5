"""`spprof sample` in gdb: the program runs meanwhile, and nothing of it stays behind."""
import json
import os
import re
import signal
import time

import pytest

from harness import wait_for
from profiles import folded
from session import gdbserver, select
from test_behaviour import attach, machine, programs  # noqa: F401: fixtures
from test_terminal import terminal  # noqa: F401

SETTINGS = ["info signals SIGURG", "info signals SIGINT", "show pagination", "show confirm", "show scheduler-locking", "show schedule-multiple",
            "show print frame-info", "thread", "frame"]
EARLY = "Sampling ended early: "
ENDING = """
import os, signal, sys, time
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
os.getppid()
burn(0.8)
os.getpgid(0)
burn(0.8)
if sys.argv[1] == "crash":
    import ctypes
    ctypes.string_at(0)
sys.exit(3)
"""


# Its thread is killed by another process while it stands in the kernel, where it meets no signal: what comes meanwhile, it meets all at once.
KILLED = """
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None)
def wait_in_kernel():
    CLONE_VFORK = 0x4000
    stack = ctypes.create_string_buffer(1 << 16)
    middle = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 15))
    libc.clone(ctypes.cast(libc.usleep, ctypes.c_void_p), middle, CLONE_VFORK | signal.SIGCHLD, ctypes.c_void_p(600000))
def kill(pid, go):
    os.read(go, 1)
    time.sleep(0.3)
    libc.tgkill(pid, pid, signal.SIGSEGV)
main = os.getpid()
go, begin = os.pipe()
if os.fork() == 0:
    kill(main, go)
    os._exit(0)
os.getpgid(0)
os.write(begin, b"!")
wait_in_kernel()
time.sleep(20)
"""


def rounds(target):
    return os.path.getsize(str(target.truth_path) + ".rounds")


def check_unharmed(target, count=5):
    """It goes on, has got each signal of its own once, and no other."""
    before = rounds(target)
    wait_for(lambda: rounds(target) >= before + count, "the program to go on")
    faults = str(target.truth_path) + ".faults"
    assert not os.path.exists(faults), open(faults).read()


def ticks(path):
    return json.loads(path.read_text())["ticks"]


@pytest.mark.parametrize("how", ["", "--stop"])
def test_attached(gdb, programs, tmp_path, how):  # noqa: F811
    """The program's own SIGURGs come through, none of gdb's does, and everything in gdb is as before."""
    target = programs.start("urgent.py")
    names = ["p.folded", "p.speedscope.json", "p.html", "p.pb.gz", "p.gecko.json"]
    sample = "spprof sample %s -r 200" % how
    other = next(int(tid) for tid in os.listdir("/proc/%d/task" % target.pid) if int(tid) != target.pid)
    before = [attach(target), select(other), "set scheduler-locking on", "handle SIGURG print"]
    answers = gdb.run(*SETTINGS, sample + " 2s --json-stats %s" % (tmp_path / "stats.json"), *SETTINGS,
                      *["%s 100ms -o %s" % (sample, tmp_path / name) for name in names], "detach", before=before)
    settings = len(SETTINGS)
    shown = answers[settings]
    assert shown.error == "" and EARLY not in shown.text and "Thread 1" not in shown.text
    assert "Hottest stack" in shown.text and " work  " in shown.text
    assert ticks(tmp_path / "stats.json") > 1
    for first, second in zip(answers[:settings - 1], answers[settings + 1:2 * settings]):
        assert (first.command, first.text, first.error) == (second.command, second.text, second.error)
    for answer in answers[2 * settings + 1:-1]:
        assert re.match(r"\d+ samples written to ", answer.text) and answer.error == ""
    stacks = {frames[-1][0] for frames, _ in folded((tmp_path / "p.folded").read_text())}
    assert "work" in stacks or "wait_for_signal" in stacks
    check_unharmed(target)
    target.kill()


def test_stopped_at_the_same_moment(gdb, programs):  # noqa: F811
    """A catchpoint is hit again and again while the signal is sent: it never reaches the program, which would notice. The time is long enough
    for any machine; it is over with the hit."""
    target = programs.start("urgent.py", "silent")
    commands = ["spprof sample --stop -r 1000 5s -o /dev/null --format collapsed"] * 40
    *sampled, now = gdb.run(*commands, "py-bt", before=[attach(target), "catch syscall getpgid"])
    ends = [re.search(EARLY + r"the program stopped \(catchpoint 1\)", answer.text) is not None for answer in sampled]
    assert sum(ends) >= 20 and not any(answer.error for answer in sampled)
    assert now.error == ""
    check_unharmed(target)
    target.kill()


@pytest.mark.parametrize("how", ["", "--stop"])
def test_a_signal_of_an_earlier_run(gdb, programs, tmp_path, how):  # noqa: F811
    """gdb's own SIGURG, sent twice for one stop, waits for the program: it neither ends the next run nor reaches the program."""
    target = programs.start("urgent.py")
    tgkill = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
    again = "python import ctypes; ctypes.CDLL(None).syscall(%d, %d, %d, %d)" % (tgkill, target.pid, target.pid, signal.SIGURG)
    sample = "spprof sample %s 1s --json-stats %s" % (how, tmp_path / "stats.json")
    _, shown = gdb.run(again, sample, before=[attach(target)])
    assert shown.error == "" and EARLY not in shown.text and ticks(tmp_path / "stats.json") > 1
    check_unharmed(target)
    target.kill()


@pytest.mark.parametrize("how", ["", "--stop"])
def test_a_signal_that_the_program_has_stopped_by(gdb, programs, how):  # noqa: F811
    """It reaches the program by the sampling as it would by `continue`."""
    target = programs.start("urgent.py")
    before = [attach(target), "handle SIGURG stop", "continue", "handle SIGURG nostop"]
    stopped, shown, *_ = gdb.run("info program", "spprof sample %s 300ms" % how, "detach", before=before)
    assert "SIGURG" in stopped.text
    assert shown.error == "" and EARLY not in shown.text
    check_unharmed(target)
    target.kill()


@pytest.mark.parametrize("multiple, words", [("off", []), ("on", ["silent"])])
def test_several_inferiors(gdb, programs, multiple, words):  # noqa: F811
    """The current one is sampled; neither of them notices."""
    first, second = programs.start("urgent.py", *words), programs.start("urgent.py", *words)
    before = [attach(first), "add-inferior", "inferior 2", attach(second), "set schedule-multiple %s" % multiple]
    commands = ["spprof sample 300ms", "spprof sample --stop 300ms"]
    answers = gdb.run(*commands, "inferior 1", *commands, "detach inferiors 1 2", before=before)
    for answer, pid in zip(answers[:2] + answers[3:5], [second.pid] * 2 + [first.pid] * 2):
        assert answer.error == "" and answer.text.startswith("process %d\n" % pid) and EARLY not in answer.text
    for target in first, second:
        check_unharmed(target)
        target.kill()


@pytest.mark.parametrize("how", ["", "--stop"])
def test_started_and_ended_under_gdb(gdb, machine, tmp_path, how):  # noqa: F811
    program = tmp_path / "ending.py"
    program.write_text(ENDING)
    start = ["file %s" % machine.executable, "set args -I %s exit" % program, "catch syscall getpgid", "tcatch syscall getppid", "run"]
    stopped, stack, ended, after = gdb.run("spprof sample %s 20s" % how, "py-bt", "delete", "spprof sample %s 20s" % how, before=start)[:4]
    assert EARLY + "the program stopped (catchpoint 1)\n" in stopped.text and " burn  " in stopped.text
    assert 'line 9, in <module>' in stack.text
    assert EARLY + "the program ended (exit code 3)\n" in after.text and " burn  " in after.text
    assert (stopped.error, stack.error, after.error) == ("", "", "")


@pytest.mark.parametrize("how", ["", "--stop"])
def test_crash(gdb, machine, tmp_path, how):  # noqa: F811
    program = tmp_path / "ending.py"
    program.write_text(ENDING)
    start = ["file %s" % machine.executable, "set args -I %s crash" % program, "tcatch syscall getpgid", "run"]
    signal_number = "python print(gdb.parse_and_eval('$_siginfo.si_signo'))"
    stopped, stack, info = gdb.run("spprof sample %s 20s" % how, "py-bt", signal_number, before=start)
    assert EARLY + "the program stopped (signal SIGSEGV)\n" in stopped.text and " burn  " in stopped.text
    assert "in string_at" in stack.text and info.text == "%d\n" % signal.SIGSEGV


def test_killed_at_the_same_moment(gdb, machine, tmp_path):  # noqa: F811
    """What gdb knows of the signal is what it knows where nobody samples."""
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    known = "python print(*(gdb.parse_and_eval('$_siginfo.' + name) for name in ('si_signo', 'si_code', '_sifields._kill.si_pid')))"
    start = ["file %s" % machine.executable, "set args -I %s" % program, "tcatch syscall getpgid", "run"]
    SI_TKILL = -6
    stopped, info = gdb.run("spprof sample --stop -r 100 20s", known, before=start)[:2]
    assert EARLY + "the program stopped (signal SIGSEGV)\n" in stopped.text
    number, code, sender = map(int, info.text.split())
    assert (number, code) == (signal.SIGSEGV, SI_TKILL) and sender > 0


def test_behind_gdbserver(gdb, programs, tmp_path):  # noqa: F811
    target = programs.start("urgent.py", "silent")
    with gdbserver(target.pid) as connect:
        sample = "spprof sample 3s -r 50 --json-stats %s" % (tmp_path / "stats.json")
        answers = gdb.run(*SETTINGS, sample, *SETTINGS, "detach", before=[connect])
    shown = answers[len(SETTINGS)]
    assert shown.error == "" and EARLY not in shown.text and " work  " in shown.text
    assert ticks(tmp_path / "stats.json") > 1
    for first, second in zip(answers[:len(SETTINGS) - 1], answers[len(SETTINGS) + 1:]):
        assert (first.text, first.error) == (second.text, second.error)
    check_unharmed(target)
    target.kill()


def press(one, command, wait=0.7):
    one.type(command + "\n")
    one.wait_for(re.escape(command) + r"\s*\n")
    time.sleep(wait)
    one.type("\x03")
    return one.wait_for(r"\(gdb\) $")


def test_control_c(terminal, programs, machine):  # noqa: F811
    """The result comes at once, gdb does not tell of a signal, and the program has not seen it."""
    target = programs.start("urgent.py")
    one = terminal(attach(target))
    for command in "spprof sample 60s", "spprof sample --stop 60s", "spprof sample --stop -r 0.1 60s":
        said = press(one, command)
        assert EARLY + "interrupted\n" in said and "received signal" not in said and "Quit" not in said, said
        assert (" work  " in said or " wait_for_signal  " in said) or "0.1" in command
    assert "is not being run" not in one.command("info threads")
    one.command("detach")
    check_unharmed(target)
    target.kill()


def test_control_c_behind_gdbserver(terminal, programs):  # noqa: F811
    """The program sends itself nothing: gdbserver by itself loses such signals, and Ctrl-C, where both meet."""
    target = programs.start("urgent.py", "silent")
    one = terminal()
    with gdbserver(target.pid) as connect:
        assert "SIGINT" not in one.command(connect)
        said = press(one, "spprof sample 60s")
        assert EARLY + "interrupted\n" in said and "received signal" not in said and "Quit" not in said, said
        one.command("detach")
    check_unharmed(target)
    target.kill()


def test_control_c_of_a_program_in_the_same_terminal(terminal, machine, tmp_path):  # noqa: F811
    program = tmp_path / "urgent.py"
    program.write_text("import os\nos.getpgid(0)\nwhile True: sum(range(1000))\n")
    one = terminal("file %s" % machine.executable, "set args -I %s" % program, "tcatch syscall getpgid", "run")
    for command in "spprof sample 60s", "spprof sample --stop 60s":
        said = press(one, command)
        assert EARLY + "interrupted\n" in said and "received signal" not in said and "<module>" in said, said
    one.command("tcatch syscall getppid")
    one.command("kill")


def test_a_breakpoint_is_shown_as_ever(terminal, programs):  # noqa: F811
    target = programs.start("urgent.py", "silent")
    one = terminal(attach(target), "catch syscall getpgid")
    said = one.command("spprof sample 20s")
    assert re.search(r'Thread 1 "\S+" hit Catchpoint 1 \(.*syscall getpgid', said) and EARLY in said, said
    one.command("detach")
    target.kill()


def test_where_it_cannot_be_done(gdb, programs):  # noqa: F811
    target = programs.parked("functions.py")
    sample = "spprof sample 1s"
    non_stop, = gdb.run(sample, before=["set non-stop on", attach(target)])
    runs, _ = gdb.run(sample, "interrupt", before=[attach(target), "continue &"])
    for answer, words in (runs, "the program runs in the background"), (non_stop, "this is non-stop mode"):
        assert words in answer.error and "spprof sample %d" % target.pid in answer.error

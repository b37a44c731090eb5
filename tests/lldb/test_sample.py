"""spprof sample: the process runs for that time, and is then as it was. disturbed.py computes, and is disturbed where a test wants it."""
import json
import re
import signal
import time
from pathlib import Path

import pytest

from harness import Launcher, wait_for
from matrix import interpreters
from profiles import folded
from stubs import connect, start_stub
from terminal import CONTROL, Terminal

PROGRAM = "disturbed.py"
CLEAN_ENVIRONMENT = "settings set target.unset-env-vars PYTHONHOME PYTHONPATH"  # lldb's own
WHILE_RUNNING, STOPPED = "", "--stop"
BOTH = pytest.mark.parametrize("way", [WHILE_RUNNING, STOPPED])


@pytest.fixture(scope="module")
def own_launcher(request):
    """Programs of an interpreter in whose libc lldb can set a breakpoint: it takes the files of another root for the machine's own."""
    found = [one for one in interpreters(request.config) if not one.root and not one.emulated]
    if not found:
        pytest.skip("no interpreter outside of Debian's roots")
    launcher = Launcher(found[-1])
    yield launcher
    launcher.close()


@pytest.fixture
def target(own_launcher):
    target = own_launcher.start(PROGRAM)
    yield target
    target.kill()


def state_of(pid):
    return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0]


def is_pending(pid):
    """Whether SIGURG waits for the process or for a thread of it."""
    told = "".join(path.read_text() for path in Path("/proc/%d/task" % pid).glob("*/status"))
    return any(int(mask, 16) >> (signal.SIGURG - 1) & 1 for mask in re.findall(r"^S\w+Pnd:\s+(\w+)", told, re.MULTILINE))


def disturb(target, how):
    """Once the process runs."""
    wait_for(lambda: state_of(target.pid) != "t", "the process to run")
    time.sleep(2)  # for a look or two
    Path(str(target.truth_path) + "." + how).touch()


def caught(target):
    path = Path(str(target.truth_path) + ".caught")
    return path.read_text().splitlines() if path.exists() else []


def handling(lldb):
    return lldb.output("process handle SIGURG")


def is_as_before_or_owed(lldb, before):
    """Where a look's own signal is still under way, lldb keeps it from the program until that has gone on, and the plugin says so."""
    now = handling(lldb)
    return now == before or re.search(r"SIGURG +false +false +false", now)


def selected(lldb):
    return re.search(r"^\* thread #(\d+)", lldb.output("thread list"), re.MULTILINE)[1]


def check_table(text):
    """Only the main thread computes, in one function."""
    text = CONTROL.sub("", text)
    assert "  inner  " in text and re.search(r"^ +\d+ +[\d.]+%  captured$", text, re.MULTILINE), text


def check_folded(path):
    """Every function has the one above it as its caller. The number of samples."""
    samples = 0
    for frames, count in folded(path.read_text()):
        names = [name for name, _, _ in frames if name in ("outer", "middle", "inner", "sleep")]
        assert names in ([], ["outer"], ["outer", "middle"], ["outer", "middle", "inner"]), frames
        samples += count
    return samples


def check_unharmed(target):
    assert caught(target) == [] and not is_pending(target.pid)


@BOTH
def test_a_process(lldb, target, tmp_path, way):
    lldb.attach(target.pid)
    lldb.output("thread select 2")
    before = handling(lldb)
    profile, stats, speedscope = tmp_path / "profile.folded", tmp_path / "stats.json", tmp_path / "p.speedscope.json"
    text = lldb.output("spprof sample 3s %s -o %s --json-stats %s" % (way, profile, stats))
    samples = check_folded(profile)
    assert samples > 0 and "%d samples written to %s" % (samples, profile) in text and "ended early" not in text
    counted = json.loads(stats.read_text())
    assert counted["captured"] == samples
    assert selected(lldb) == "2" and handling(lldb) == before
    assert state_of(target.pid) == "t", "the process was not put back"
    lldb.output("spprof sample 0.2 %s -o %s" % (way, speedscope))
    assert json.loads(speedscope.read_text())["profiles"]
    assert lldb.report()["interpreters"], "other commands do not go on"
    lldb.output("process detach")
    wait_for(lambda: state_of(target.pid) == "R", "the process to go on")
    check_unharmed(target)


@BOTH
@pytest.mark.parametrize("how, told", [("break", r"the program stopped \(breakpoint 1\.1\)"), ("crash", r"the program stopped \(signal SIGSEGV.*\)"),
                                       # The end may meet lldb's own interrupt, and then lldb tells of no status.
                                       ("exit", r"the program ended \(exited with status = (3 \(0x00000003\)|-1 \(0xffffffff\) lost connection)\)")])
def test_an_early_end(lldb, target, way, how, told):
    lldb.attach(target.pid)
    before = handling(lldb)
    lldb.output("breakpoint set --name getppid")
    lldb.send("spprof sample 20s " + way)
    disturb(target, how)
    success, text, error = lldb.receive()
    assert success and re.match("Sampling ended early: %s\n" % told, text), (text, error)
    check_table(text)
    if how != "exit":
        assert re.search("stop reason = (breakpoint 1.1|signal SIGSEGV)", lldb.output("thread info"))
        assert is_as_before_or_owed(lldb, before)
        assert selected(lldb) == "1" and caught(target) == []
    if how == "break":
        lldb.output("breakpoint delete 1")
        check_table(lldb.output("spprof sample 2 " + way))
        assert handling(lldb) == before
        check_unharmed(target)


def test_a_signal_of_the_program(lldb, target):
    """What lldb would pass on it passes on, though sampling stops the process by the same signal."""
    lldb.attach(target.pid)
    lldb.output("process handle --stop false --notify false --pass true SIGURG")
    before = handling(lldb)
    lldb.send("spprof sample 3s --stop")
    disturb(target, "raise")
    success, text, error = lldb.receive()
    assert success and "ended early" not in text and handling(lldb) == before
    assert caught(target) == ["SIGURG"]


def test_a_signal_that_is_blocked(lldb, own_launcher):
    """It is not waited for, and never comes."""
    target = own_launcher.start(PROGRAM, "block")
    lldb.attach(target.pid)
    check_table(lldb.output("spprof sample 2s --stop"))
    target.kill()


@BOTH
def test_a_launched_program(lldb, own_launcher, tmp_path, way):
    truth = tmp_path / "truth.json"
    interpreter = own_launcher.interpreter
    lldb.output("target create %s" % interpreter.executable)
    lldb.output("breakpoint set --name getppid")
    lldb.output(CLEAN_ENVIRONMENT)
    lldb.output("process launch --stdout /dev/null -- %s %s break" % (own_launcher.programs / PROGRAM, truth))
    check_table(lldb.output("spprof sample 2 " + way))
    lldb.output("process kill")


def test_a_stub(lldb, target):
    """Of another's server memory is only read while the process stands."""
    port, stub = start_stub("gdbserver", target.pid)
    try:
        lldb.output("target create " + target.process.args[0])
        connect(lldb, port)
        check_table(lldb.output("spprof sample 1s"))
        assert state_of(target.pid) == "t"
        check_unharmed(target)
    finally:
        lldb.forget()
        stub.kill()
        stub.wait()


@BOTH
def test_interrupt_in_a_terminal(installation, plugin, target, way):
    """Ctrl-C ends sampling with its result; lldb is as before."""
    terminal = Terminal(installation.program, environment=installation.environment)
    try:
        terminal.wait_for_prompt()
        terminal.command("plugin load " + plugin)
        terminal.command("process attach --pid %d" % target.pid, "Architecture set")
        terminal.type("spprof sample 20s %s\n" % way)
        wait_for(lambda: state_of(target.pid) != "t", "the process to run")
        time.sleep(2)  # for a look or two
        terminal.interrupt()
        check_table(terminal.wait_for_prompt("Sampling ended early: interrupted", "captured"))
        assert state_of(target.pid) == "t"
        terminal.command("continue", "resuming")
        wait_for(lambda: state_of(target.pid) != "t", "the process to go on")
        check_unharmed(target)
    finally:
        terminal.close()


def test_interrupt_of_a_launched_program(installation, plugin, own_launcher, tmp_path):
    """It shares lldb's terminal, and Ctrl-C is meant for it at other times."""
    terminal = Terminal(installation.program, environment=installation.environment)
    try:
        terminal.wait_for_prompt()
        terminal.command("plugin load " + plugin)
        terminal.command("target create " + own_launcher.interpreter.executable, "Current executable set")
        terminal.command("breakpoint set --name getppid", "Breakpoint 1")
        terminal.command(CLEAN_ENVIRONMENT)
        terminal.command("process launch -- %s %s break" % (own_launcher.programs / PROGRAM, tmp_path / "truth.json"), "stop reason")
        terminal.type("spprof sample 20s\n")
        time.sleep(2)  # for a look or two
        terminal.interrupt()
        check_table(terminal.wait_for_prompt("Sampling ended early: interrupted", "captured"))
        terminal.command("process kill", "exited")
    finally:
        terminal.close()

"""lldb as a person meets it: completion, help, colour, Ctrl-C."""
import os
import re
import signal

import pytest

from harness import wait_for
from stubs import listens, start_stub
from terminal import Terminal

COLOR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(installation, plugin):
    terminal = Terminal(installation.program)
    terminal.wait_for_prompt()
    terminal.command("plugin load " + plugin)
    yield terminal
    terminal.close()


def listed(terminal, begun):
    """What the Tab key offers."""
    terminal.type(begun + "\t")
    shown = terminal.wait_for_prompt("Available completions:")
    terminal.type("\x15")  # the line is empty again
    return set(re.findall(r"^\s+(\S+)\s+--", shown, re.MULTILINE))


def test_help_completion_and_colour(terminal, any_launcher):
    names = {"bt", "bt-all", "bt-full", "list", "up", "down", "print", "locals"}
    assert listed(terminal, "spprof ") - {"sample"} == names | {"doctor"}
    assert listed(terminal, "py-") == {"py-" + name for name in names}
    assert "Syntax: spprof bt [OPTIONS]" in terminal.command("help spprof bt")
    assert "Python stacks of all threads" in terminal.command("help py-bt-all")
    assert "there is no process" in terminal.command("spprof bt")

    target = any_launcher.parked("functions.py")
    terminal.command("process attach --pid %d" % target.pid, "Architecture set")
    header = "Thread %d" % target.pid
    assert "\x1b[1m" + header in terminal.command("spprof bt", header)
    terminal.command("settings set use-color false")
    plain = terminal.command("py-bt all", header)
    assert header in plain and not COLOR.search(plain[plain.index(header):plain.rindex("File")])


def test_interrupt(terminal, any_launcher):
    """Ctrl-C ends a command that waits for memory; lldb and the process are as before."""
    target = any_launcher.start("functions.py")
    port, stub = start_stub("gdbserver", target.pid)
    header = "Thread %d" % target.pid
    try:
        terminal.command("target create " + any_launcher.interpreter.executable, "Current executable set")
        terminal.command("settings set plugin.process.gdb-remote.packet-timeout 60")
        wait_for(lambda: listens(port), "the stub")
        terminal.type("gdb-remote 127.0.0.1:%d\n" % port)
        terminal.wait_for_prompt("stopped")
        os.kill(stub.pid, signal.SIGSTOP)
        terminal.type("spprof bt all\n")
        terminal.wait_until_reading(False)
        terminal.interrupt()
        terminal.wait("^C")
        os.kill(stub.pid, signal.SIGCONT)
        assert header not in terminal.wait_for_prompt("nterrupted")
        assert header in terminal.command("spprof bt all", header)
        assert target.process.poll() is None
    finally:
        stub.kill()
        stub.wait()
        target.kill()

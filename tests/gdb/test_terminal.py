"""gdb as a person meets it: a terminal, a pager, completion, Ctrl-C."""
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from harness import wait_for
from session import gdbserver, thread_named
from test_behaviour import attach, machine, programs  # noqa: F401: fixtures


def take_terminal():
    """Standard input becomes the terminal from which Ctrl-C comes."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A gdb in a terminal of its own."""

    def __init__(self, gdb, *commands, height=0):
        self.master, slave = pty.openpty()
        options = [option for command in ("set height %d" % height, "set width 200", "source " + gdb.loader, *commands) for option in ("-ex", command)]
        self.process = subprocess.Popen([gdb.path, *gdb.start_options(), "-q", *options], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                        start_new_session=True, preexec_fn=take_terminal, env={**os.environ, "TERM": "dumb"})
        os.close(slave)
        self.text = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern, timeout=60):
        """Waits until the pattern stands in what has come since the last call, and returns it with all before it."""
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("waited for %r, got: %s" % (pattern, self.text[-2000:]))
            self.text += os.read(self.master, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
        before, self.text = self.text[:found.end()], self.text[found.end():]
        return before

    def wait_until_busy(self):
        """gdb takes each key as it is typed while it reads a command, and none while it runs one."""
        wait_for(lambda: termios.tcgetattr(self.master)[3] & termios.ICANON, "gdb to run the command")

    def command(self, text):
        self.type(text + "\n")
        return self.wait_for(r"\(gdb\) $")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(gdb):
    opened = []

    def open_terminal(*commands, **options):
        opened.append(Terminal(gdb, *commands, **options))
        opened[-1].wait_for(r"\(gdb\) $")
        return opened[-1]
    yield open_terminal
    for one in opened:
        one.close()


def test_pager_and_quit(terminal, programs):  # noqa: F811
    """A long report stops at the end of the screen; q ends it, and nothing else."""
    one = terminal(attach(programs.parked("functions.py")))
    one.command("set height 10")
    one.type("py-bt-all\n")
    shown = one.wait_for(r"--Type <RET> for more.*--")
    assert shown.count("\n") < 14
    one.type("q\n")
    assert "Traceback" not in one.wait_for(r"\(gdb\) $")
    one.command("set height 0")
    assert "main thread" in one.command("py-bt-all")


def test_completion(terminal, programs):  # noqa: F811
    target = programs.parked("debugged.py")
    tid, thread = thread_named(target.truth, "worker walked")
    one = terminal(attach(target))
    assert {"py-bt", "py-bt-all", "py-bt-full"} <= set(one.command("complete py-b").split())
    assert "spprof doctor" in one.command("complete spprof d")
    assert "py-bt-all --json" in one.command("complete py-bt-all --j")
    one.command("python [one.switch() for one in gdb.selected_inferior().threads() if one.ptid[1] == %d]" % tid)
    one.command("py-up %d" % (len(thread["frames"]) - 6))
    words = one.command("complete py-print ")
    assert "py-print depth" in words or "py-print held" in words


def test_control_c(terminal, programs, gdb):  # noqa: F811
    """Ctrl-C ends a command before it has printed anything; gdb, the process and the next command are as ever."""
    target = programs.start("many.py", 400, 200)
    with gdbserver(target.process.pid) as connect:
        one = terminal("set sysroot /nowhere", connect)
        one.type("py-bt-all\n")
        one.wait_for("py-bt-all\n")
        one.wait_until_busy()
        one.type("\x03")
        said = one.wait_for(r"\(gdb\) $")
        assert "Quit" in said, said[-500:]
        assert "Thread" not in said and "Traceback" not in said
        assert target.process.poll() is None
        assert '(gdb) ' in one.command("spprof doctor")
        one.command("detach")
    assert target.process.poll() is None
    os.kill(target.process.pid, signal.SIGKILL)

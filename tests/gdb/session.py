"""One run of gdb: commands go in, what each printed or complained comes out, and what the inferior had to suffer."""
import contextlib
import json
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

ALL = "spprof bt --json"
DRIVER = Path(__file__).with_name("driver.py")


class CommandFailed(AssertionError):
    pass


@dataclass
class Answer:
    command: str
    text: str
    error: str
    events: list  # what happened to the inferior meanwhile: "cont", "inferior_call", "memory_changed"

    @property
    def good(self):
        """What the command printed; it must not fail, and not touch the inferior."""
        if self.error or self.events:
            raise CommandFailed("%s: %s%s %s" % (self.command, self.text, self.error, self.events))
        return self.text

    @property
    def json(self):
        return json.loads(self.good)


class Gdb:
    def __init__(self, path, loader, folder):
        self.path, self.loader, self.folder = path, str(loader), folder

    def start_options(self):
        """No file of the user's, no network, and the environment of a program is not gdb's own."""
        return ["-nx", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-iex", "set confirm off",
                "-iex", "unset environment PYTHONHOME"]

    def run(self, *commands, before=(), gdb=None, timeout=120):
        """Runs the commands and gives an Answer for each. before are commands whose answers do not matter."""
        result = self.folder / ("answers-%d.json" % len(list(self.folder.iterdir())))
        wanted = json.dumps({"before": before, "commands": commands, "result": str(result)})
        done = subprocess.run([gdb or self.path, *self.start_options(), "-batch", "-ex", "source " + self.loader, "-ex", "source %s" % DRIVER],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, text=True, errors="replace",
                              env={**os.environ, "SPPROF_TEST": wanted})
        if not result.exists():
            raise AssertionError("gdb ended with %d:\n%s\n%s" % (done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
        return [Answer(*answer) for answer in json.loads(result.read_text())]


def select(tid):
    """A command that selects the thread with this kernel id."""
    return "python [one.switch() for one in gdb.selected_inferior().threads() if %d in one.ptid[1:]]" % tid


def thread_named(truth, name):
    """(kernel id, thread) of a truth."""
    return next((int(tid), thread) for tid, thread in truth["threads"].items() if thread["name"] == name)


def shown_places(text):
    """(file, line, function) of every frame line of a text, newest first."""
    return [(file, int(line), name) for file, line, name in re.findall(r'^  File "(.*)", line (\d+), in (.*)$', text, re.MULTILINE)]


def true_places(thread):
    return [(frame["file"], frame["line"], frame["qualified_name"] or frame["function"]) for frame in thread["frames"]]


@contextlib.contextmanager
def gdbserver(pid):
    """gdbserver attached to a process, at a port; the process lives on."""
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        port = listening.getsockname()[1]
    server = subprocess.Popen(["gdbserver", "--once", "--attach", "localhost:%d" % port, str(pid)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in server.stderr:
        if b"Listening" in line:
            break
    try:
        yield "target remote localhost:%d" % port
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()

"""The lldbs of the machine, and commands run in them as scripts run them."""
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "pythons"))
from places import DEBUGGERS


@dataclass
class Installation:
    """One lldb: its program, the Python that has it as a module, and what their environment needs."""
    version: str
    program: str
    python: list
    environment: dict = field(default_factory=dict)


def system():
    """The machine's own. Debian 12's module does not find its library, and the library not its server: both are named."""
    try:
        said = subprocess.run(["lldb", "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return None
    version = re.search(r"lldb version (\d+)", said)[1]
    folder = Path("/usr/lib/llvm-" + version)
    modules = next(iter(folder.glob("lib/python3.*/*/lldb/__init__.py")), None)
    if not modules:
        return None
    python = ["/usr/bin/python3", str(TESTS / "lldb/driver.py"), str(folder / "lib/liblldb.so.1")]
    environment = {"PYTHONPATH": str(modules.parents[1]), "LLDB_DEBUGSERVER_PATH": str(folder / "bin/lldb-server")}
    return Installation(version, "lldb", python, environment)


def fetched(version):
    """One that tests/debuggers/fetch_lldb has put beside the system."""
    folder = DEBUGGERS / ("lldb-" + version)
    library = next(iter(folder.glob("usr/lib/llvm-*/lib/liblldb*.so.1")), None)
    if not library:
        return None
    return Installation(version, str(folder / "lldb"), [str(folder / "python3"), str(TESTS / "lldb/driver.py"), str(library)])


def find(version):
    """The lldb of this version, or "system"; None where it is missing."""
    own = system()
    return own if version == "system" or own and own.version == version else fetched(version)


class Failed(AssertionError):
    """A command that should have succeeded."""


class Lldb:
    """An lldb with the plugin loaded."""

    def __init__(self, installation, plugin):
        self.process = subprocess.Popen(installation.python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **installation.environment})
        self.output("plugin load " + str(plugin))

    def send(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def receive(self):
        """(success, output, error) of the command that was sent."""
        answer = self.process.stdout.readline()
        assert answer, "lldb has died of %d" % self.process.wait(60)
        return json.loads(answer)

    def run(self, command):
        self.send(command)
        return self.receive()

    def output(self, command):
        success, output, error = self.run(command)
        if not success or error:
            raise Failed("%s\n%s\n%s" % (command, output, error))
        return output

    def error(self, command):
        success, output, error = self.run(command)
        assert not success and error.startswith("error: "), (command, success, output, error)
        return error.removeprefix("error: ").strip()

    def report(self, *options):
        return json.loads(self.output(" ".join(["spprof bt all --json", *options])))

    def attach(self, pid):
        self.output("process attach --pid %d" % pid)

    def open_core(self, core, executable=""):
        self.output("target create %s --core %s" % (executable, core))

    def forget(self):
        """Leaves the process as it was, and forgets everything else."""
        self.run("process detach")
        for _ in range(self.output("target list").count("target #")):
            self.output("target delete 0")
        self.run("platform select host")  # an image or a core may have chosen another

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)

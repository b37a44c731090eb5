"""Starts the programs of tests/programs under an interpreter of the matrix, and always ends them."""
import ctypes
import functools
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
FACTS = """
import sys, sysconfig
print(sys.base_prefix, sys.base_exec_prefix, *sysconfig.get_config_vars("LIBDIR", "INSTSONAME"), sep="\\n")
"""
PROGRAMS = Path(__file__).resolve().parent.parent / "programs"


def wait_for(condition, what, timeout=60):
    """Polls until condition() is true, and returns its value."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError("waited %d s for %s" % (timeout, what))
        time.sleep(0.005)
    return value


def until(done, attempt, what, timeout=100):
    """Tries again until done(value) is true, and returns the value: how much happens in a while is up to the machine, not to us."""
    end = time.monotonic() + timeout
    while not done(value := attempt()):
        assert time.monotonic() < end, "%d s did not bring %s" % (timeout, what)
    return value


@dataclass(frozen=True)
class Interpreter:
    """One line of tests/pythons/find."""
    id: str
    version: str
    minor: str
    free_threaded: bool
    debug: bool
    argv: tuple
    root: str
    architecture: str
    executable: str
    shared: bool
    include: str
    origin: str

    @classmethod
    def parse(cls, line):
        fields = json.loads(line)
        return cls(**{**fields, "argv": tuple(fields["argv"])})

    @property
    def release(self):
        return tuple(int(number) for number in self.minor.split("."))

    @property
    def emulated(self):
        return self.architecture != platform.machine()

    def inside(self, path):
        """A path of the host as the interpreter sees it."""
        return "/" + os.path.relpath(path, self.root) if self.root else str(path)

    def outside(self, path):
        return Path(self.root + path) if self.root else Path(path)


@dataclass
class Target:
    """A running program and the folder where it tells the truth."""
    process: subprocess.Popen
    folder: Path

    @property
    def truth_path(self):
        return self.folder / "truth.json"

    @property
    def truth(self):
        return json.loads(self.truth_path.read_text())

    @property
    def pid(self):
        return self.truth["pid"]

    @property
    def faulthandler(self):
        return self.folder.joinpath("truth.json.faulthandler").read_text("utf-8", "surrogateescape")

    def messages(self):
        return self.folder.joinpath("output").read_text(errors="replace")

    def has(self, suffix):
        """Whether the file truth.json + suffix exists; an error when the program has died instead."""
        if Path(str(self.truth_path) + suffix).exists():
            return True
        if self.process.poll() is not None:
            raise RuntimeError("the program ended with %s:\n%s" % (self.process.returncode, self.messages()))
        return False

    def wait(self, suffix=""):
        try:
            wait_for(lambda: self.has(suffix), "the program's " + (suffix or "truth"))
        except TimeoutError as error:
            raise RuntimeError(self.messages()) from error
        return self

    def go(self):
        """Lets a program that was started late write its truth."""
        Path(str(self.truth_path) + ".go").touch()
        return self.wait()

    def core(self):
        """The core that the kernel, or qemu, writes when the program dies."""
        self.process.wait(timeout=60)
        # qemu's own core, which the kernel writes beside the one of the program, comes last.
        core = next((path for pattern in ("qemu_*.core", "core*") for path in self.folder.glob(pattern)), None)
        if core is None:
            pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
            assert "/" in pattern or pattern.startswith(("|", "@")), "no core was written: " + self.messages()
            pytest.skip("the kernel does not write cores to the working folder here: core_pattern is %r" % pattern)
        return core

    def kill(self):
        """Ends the program and whatever it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Launcher:
    """Runs programs of one interpreter in a folder that it can see, and that other users can read."""

    def __init__(self, interpreter):
        self.interpreter = interpreter
        parent = interpreter.outside("/tmp")
        parent.mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="spprof-", dir=parent))
        self.folder.chmod(0o755)
        self.programs = self.copy_programs()
        self.targets = []
        self.parked_targets = {}

    def new_folder(self):
        return Path(tempfile.mkdtemp(dir=self.folder))

    def copy_programs(self):
        folder = self.new_folder()
        folder.chmod(0o755)
        copy = Path(shutil.copytree(PROGRAMS, folder / "programs", ignore=shutil.ignore_patterns("__pycache__")))
        time.sleep(0.05)  # the kernel tells when a process started in hundredths of a second: the files must be older than that
        return copy

    def environment(self, **changes):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_"))}
        return {**kept, **changes}

    @functools.cached_property
    def facts(self):
        """What the interpreter says of its own files: its prefixes, and its shared library or ""."""
        said = subprocess.check_output([*self.command(), "-c", FACTS], text=True, env=self.environment())
        prefix, exec_prefix, libdir, soname = said.splitlines()
        library = str(Path(libdir) / soname) if self.interpreter.shared else ""
        return {"home": prefix if prefix == exec_prefix else prefix + ":" + exec_prefix, "library": library}

    def home(self):
        """The environment in which a copy of the executable finds its modules and its library."""
        facts = self.facts
        library = {"LD_LIBRARY_PATH": str(Path(facts["library"]).parent)} if facts["library"] else {}
        return {"PYTHONHOME": facts["home"], **library}

    def command(self, python=None):
        """What starts the interpreter, or another executable in its place."""
        argv = list(self.interpreter.argv)
        return argv[:-1] + [self.interpreter.inside(python)] if python else argv

    def launch(self, program, *arguments, python=None, options=(), before=(), programs=None, **environment):
        """Starts a program, not waiting for anything. python replaces the executable, before stands in front of all."""
        folder = self.new_folder()
        inside = self.interpreter.inside
        command = [*before, *self.command(python), *options, inside((programs or self.programs) / program), inside(folder / "truth.json")]
        descriptor = os.open("/proc", os.O_RDONLY)
        with open(folder / "output", "wb") as output:
            process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       start_new_session=True, pass_fds=[descriptor], preexec_fn=prepare_child, cwd=folder,
                                       env=self.environment(**{"PARKING_PROC": str(descriptor), **environment}))
        os.close(descriptor)
        target = Target(process, folder)
        self.targets.append(target)
        return target

    def start(self, program, *arguments, **options):
        """Starts a program and waits for its truth."""
        return self.launch(program, *arguments, **options).wait()

    def start_late(self, program, *arguments, **options):
        """Starts a program and waits until its threads are parked; no witness has looked at them then."""
        return self.launch(program, *arguments, PARKING_LATE="1", **options).wait(".parked")

    def parked(self, program, *arguments):
        """A program that may be read but not changed: one process serves all tests."""
        key = program, arguments
        if key not in self.parked_targets:
            self.parked_targets[key] = self.start(program, *arguments)
        return self.parked_targets[key]

    def end(self, program):
        """Of programs that compute beside all tests that follow."""
        for key in [key for key in self.parked_targets if key[0] == program]:
            self.parked_targets.pop(key).kill()

    def close(self):
        for target in self.targets:
            target.kill()
        shutil.rmtree(self.folder)


def prepare_child():
    """Lets a program leave a core, and end with the tests if these are killed."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Spprof:
    """The command under test."""

    def __init__(self, path):
        self.path = str(Path(path).resolve())

    def run(self, *arguments, before=(), timeout=120, **options):
        if before:  # the leak check of the sanitizers cannot work below strace
            options.setdefault("env", {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        return subprocess.run([*before, self.path, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              **options)

    def text(self, *arguments, **options):
        """The text that `bt` prints; it must be complete."""
        done = self.run("bt", *arguments, **options)
        assert (done.returncode, done.stderr) == (0, b""), describe(done)
        return done.stdout.decode("utf-8")

    def report(self, *arguments, codes=(0,), **options):
        """The JSON that `bt` prints; a problem and exit code 3 go together."""
        done = self.run("bt", "--json", *arguments, **options)
        assert done.returncode in codes, describe(done)
        report = json.loads(done.stdout.decode("utf-8"))
        assert (report["problems"] != []) == (done.returncode == 3), (done.returncode, report["problems"])
        return report


def describe(done):
    output, messages = (stream[-2000:].decode(errors="replace") for stream in (done.stdout, done.stderr))
    return "exit code %d\n%s\n%s" % (done.returncode, output, messages)

"""Where a Python may lie besides the file that has its name: memory of no file, cores without their files' pages, beside another Python."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import interpreters
from harness import PROGRAMS, wait_for
from stacks import all_threads, differences

pytestmark = pytest.mark.native
WITHOUT_FILES = ["0x23", "0x3", "0x1"]  # /proc/PID/coredump_filter: no pages of files, not even the first one


@pytest.fixture(scope="session")
def mover(launcher):
    """A library that moves the interpreter's file into anonymous memory, as the interpreter sees it."""
    if not shutil.which("cc"):
        pytest.skip("no compiler")
    path = launcher.new_folder() / "moved.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, PROGRAMS / "moved.c"], check=True)
    return launcher.interpreter.inside(path)


def start_moved(start, mover, interpreter, **environment):
    name = "libpython" if interpreter.shared else Path(interpreter.executable).name
    target = start("functions.py", LD_PRELOAD=mover, MOVED=name, **environment)
    maps = Path("/proc/%d/maps" % target.pid).read_text()
    assert not re.search(r"/%s[^/\n]*$" % re.escape(name), maps, re.MULTILINE), maps
    return target


@pytest.fixture
def moved(start, mover, interpreter):
    """A parked program whose interpreter lies in no file."""
    return start_moved(start, mover, interpreter)


@pytest.fixture
def moved_bare(start, mover, interpreter):
    """The same, and not even its memory looks like that of a file."""
    return start_moved(start, mover, interpreter, MOVED_BARE="1")


def test_an_interpreter_in_anonymous_memory(spprof, moved):
    report = spprof.report(moved.pid)
    assert differences(all_threads(report), moved.truth) == []
    assert report["runtime"]["file"] is None
    assert b"memory without a name" in spprof.run("doctor", moved.pid).stdout


@pytest.fixture(params=["0x23", "0x1"])
def bare_core(start, request):
    """A kernel core without any page of a file, and the truth."""
    target = start("crash.py", "wait", "worker")
    Path("/proc/%d/coredump_filter" % target.pid).write_text(request.param)
    truth = target.truth
    target.process.send_signal(6)
    return target.core(), truth


def test_a_core_without_the_pages_of_files(spprof, bare_core, interpreter):
    """The files at hand are proven by what the core has of their relocated data."""
    core, truth = bare_core
    report = spprof.report(*(["--sysroot", interpreter.root] if interpreter.root else []), core)
    assert differences(all_threads(report), truth) == []


def test_a_core_without_the_pages_of_files_and_without_the_files(spprof, bare_core, tmp_path):
    core, truth = bare_core
    report = spprof.report("--sysroot", tmp_path, core, codes=(3,))
    assert differences(all_threads(report), truth) == []


@pytest.mark.system
@pytest.mark.parametrize("core_filter", WITHOUT_FILES)
def test_a_core_of_gdb_without_the_pages_of_files(spprof, start, interpreter, core_filter):
    if not shutil.which("gcore"):
        pytest.skip("gcore is not installed")
    if interpreter.free_threaded and core_filter != WITHOUT_FILES[0]:
        pytest.skip("gdb writes for a quarter of a minute what a free-threaded build has reserved")
    target = start("functions.py")
    Path("/proc/%d/coredump_filter" % target.pid).write_text(core_filter)
    prefix = target.folder / "gcore"
    done = subprocess.run(["gcore", "-o", prefix, str(target.pid)], check=True, capture_output=True, text=True, timeout=120)
    lost = len(re.findall("Memory read failed", done.stderr)) > 1  # see test_cores.py: guard pages end what gdb 13 reads of stacks
    report = spprof.report("%s.%d" % (prefix, target.pid), codes=(0, 3) if lost else (0,))
    found = differences(all_threads(report), target.truth)
    assert found == [] or lost and all("truncated" in one or "frames" in one for one in found), found


PLACES = """
import sysconfig
print(*sysconfig.get_config_vars("LIBPL", "LIBRARY", "LIBS", "SYSLIBS"), sep="\\n")
"""


@pytest.fixture(scope="session")
def host(launcher, interpreter):
    """A program with this Python in it, and nothing of it exported where its modules do not need that."""
    folder, library, *needed = subprocess.check_output([*launcher.command(), "-c", PLACES], text=True).splitlines()
    library = interpreter.outside(folder) / library
    if interpreter.root or not library.exists():
        pytest.skip("%s has no static library for the programs of this system" % interpreter.id)
    program = launcher.new_folder() / "host"
    hides = interpreter.release >= (3, 11)
    archives = sorted(library.parent.glob("*.a")) if interpreter.release >= (3, 13) else [library]
    done = subprocess.run(["cc", "-o", program, PROGRAMS / "host.c", *archives, "-Wl,--exclude-libs,ALL" if hides else "-rdynamic",
                           *" ".join(needed).split(), "-ldl", "-lpthread", "-lm"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("%s cannot be linked into a program: %s" % (interpreter.id, done.stderr[-300:]))
    return program


@pytest.fixture(scope="session")
def plug_in(interpreter, request):
    """The libpython of another version."""
    for other in interpreters(request.config) or []:
        if other.shared and not other.root and other.minor != interpreter.minor:
            return library_of(other.executable)
    if interpreter.shared:
        return library_of(interpreter.executable)
    pytest.skip("no interpreter here has a libpython")


def library_of(executable):
    return re.search(r"=> (\S*libpython\S*)", subprocess.check_output(["ldd", executable], text=True))[1]


def functions_of(report, address):
    threads = [thread for one in report["interpreters"] if one["runtime"] == address for thread in one["threads"]]
    return threads, [frame["function"] for thread in threads for frame in thread["frames"]]


@pytest.fixture
def hosting(start, host, plug_in):
    def started(what, library=plug_in, **environment):
        return start("functions.py", python=host, options=(library, what), PYTHONHOME="", **environment)
    return started


def has_both(report):
    """Whether the host's Python and the one that is started beside it are there, and have got as far as they go."""
    return "innermost_of_plug_in" in [frame["function"] for thread in all_threads(report) for frame in thread["frames"]]


def report_of_both(spprof, *operands, codes=(0,)):
    def both():
        report = spprof.report(*operands, codes=codes)
        return report if has_both(report) else None
    return wait_for(both, "the plug-in's Python")


def check_both(report, truth):
    """Each Python has its own threads, and no other."""
    addresses = [one["address"] for one in report["runtimes"]]
    assert len(addresses) == 2 and report["runtime"] == report["runtimes"][0]
    own, = [address for address in addresses if "innermost_of_plug_in" not in functions_of(report, address)[1]]
    other, = [address for address in addresses if address != own]
    assert differences(functions_of(report, own)[0], truth) == []
    assert functions_of(report, other)[1] == ["innermost_of_plug_in", "<module>"]


def test_a_python_that_was_never_started_hides_none(spprof, hosting):
    target = hosting("load")
    report = spprof.report(target.pid)
    assert [one["address"] for one in report["runtimes"]] == [report["runtime"]["address"]]
    assert differences(all_threads(report), target.truth) == []


def test_two_pythons_that_run(spprof, hosting):
    target = hosting("run")
    report = report_of_both(spprof, target.pid)
    check_both(report, target.truth)
    assert report["target"]["threads_without_python"] == 0
    text = spprof.text(target.pid)
    assert text.index("innermost_of_plug_in") > 0 and text.splitlines()[0].count("Python ") == 2
    assert spprof.run("doctor", target.pid).stdout.count(b"(used)") == 2


def test_a_second_python_in_anonymous_memory(spprof, hosting, mover):
    target = hosting("run", LD_PRELOAD=mover, MOVED="libpython")
    assert "libpython" not in Path("/proc/%d/maps" % target.pid).read_text()
    check_both(report_of_both(spprof, target.pid), target.truth)


@pytest.mark.parametrize("files", ["at hand", "gone"])
def test_a_second_python_of_a_core_in_a_file_of_any_name(spprof, hosting, plug_in, launcher, tmp_path, files):
    if not shutil.which("gcore"):
        pytest.skip("gcore is not installed")
    library = shutil.copy(plug_in, launcher.new_folder() / "plug_in.so")
    target = hosting("run", library)
    report_of_both(spprof, target.pid)
    subprocess.run(["gcore", "-o", tmp_path / "core", str(target.pid)], check=True, capture_output=True, timeout=120)
    core = tmp_path / ("core.%d" % target.pid)
    if files == "gone":
        library.unlink()
    report = spprof.report(core, codes=(0, 3))
    check_both(report, target.truth)


def sample(spprof, folder, *arguments):
    """The samples of each stack, by the Python that they are of, and the statistics."""
    done = spprof.run("sample", "-q", "-d", "1s", "-o", folder / "profile.folded", "--json-stats", folder / "stats.json", *arguments)
    assert done.returncode == 0, done.stderr
    stacks = collections.Counter()
    for line in (folder / "profile.folded").read_text().splitlines():
        names, _, count = line.rpartition(" ")
        first, *others = names.split(";")
        stacks[first, *(re.sub(r" \(.*\)$", "", name) for name in others)] += int(count)
    return stacks, json.loads((folder / "stats.json").read_text())


@pytest.mark.parametrize("how", ["--no-stop", "--stop"])
def test_two_pythons_are_sampled(spprof, hosting, interpreter, tmp_path, how):
    """What the plug-in computes, and what the host's threads wait in."""
    target = hosting("work")
    report_of_both(spprof, target.pid)
    working = wait_for(lambda: sample(spprof, tmp_path, how, target.pid)[0], "the plug-in to be given a CPU")
    assert {stack[1:] for stack in working} == {("<module>", "innermost_of_plug_in")}, working
    all_stacks, stats = sample(spprof, tmp_path, how, "--idle", "-r", "20", target.pid)
    root, = {stack[0] for stack in working}
    assert {stack[1:] for stack in all_stacks if stack[0] == root} == {("<module>", "innermost_of_plug_in")}
    own, = {stack[0] for stack in all_stacks} - {root}
    assert own.startswith("Python " + interpreter.version)
    parked = [stack for stack in all_stacks if stack[0] == own and stack[-1] == "park"]
    assert len(parked) >= len(target.truth["threads"]) / 2
    assert sum(all_stacks.values()) == stats["captured"]


def test_a_thread_of_two_pythons_is_sampled_once(spprof, hosting, tmp_path):
    """The main thread has started both, and is in frames of the host's."""
    target = hosting("main")
    assert len(spprof.report(target.pid)["runtimes"]) == 2
    stacks, stats = sample(spprof, tmp_path, "--idle", "--threads", "-r", "20", target.pid)
    threads = collections.Counter()
    for stack, count in stacks.items():
        threads[stack[0]] += count
    assert len(threads) == len(target.truth["threads"]) + 1 and max(threads.values()) <= stats["ticks"]
    assert all(stack[1].startswith("Python ") and len(stack) > 2 for stack in stacks), stacks


def reads_threads_of(sampler, pid):
    """Whether it has begun: it asks the kernel of each thread."""
    folder = Path("/proc/%d/fd" % sampler.pid)
    return any(os.readlink(path).startswith("/proc/%d/task/" % pid) for path in folder.iterdir() if path.is_symlink())


def test_a_python_that_starts_while_another_is_sampled_is_told_of(spprof, hosting, tmp_path):
    target = hosting("late", LATE=str(tmp_path / "late"))
    sampler = subprocess.Popen([spprof.path, "sample", "--idle", "-d", "600", "-o", tmp_path / "o.folded", str(target.pid)], stderr=subprocess.PIPE)
    wait_for(lambda: reads_threads_of(sampler, target.pid), "the sampler")
    (tmp_path / "late").touch()
    report_of_both(spprof, target.pid)
    sampler.send_signal(signal.SIGINT)
    _, said = sampler.communicate(timeout=60)
    assert sampler.returncode == 3 and b"1 more Python has been started in the process while it was sampled" in said, said

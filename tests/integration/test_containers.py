"""Interpreters in unusual places: namespaces, chroots, deleted and stripped files, other programs (peers' fault 11)."""
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
from stacks import all_threads, differences, expected_threads, reported_threads

pytestmark = [pytest.mark.native, pytest.mark.system]


def host_pid(target):
    """The only child of the process that made the namespaces."""
    children = Path("/proc/%d/task/%d/children" % (target.process.pid, target.process.pid))
    return int(wait_for(children.read_text, "the process in its namespace"))


def host_tids(pid):
    """The host's number of each thread, by the number in the thread's own namespace."""
    tids = {}
    for task in Path("/proc/%d/task" % pid).iterdir():
        numbers = re.search(r"^NSpid:(.*)", task.joinpath("status").read_text(), re.MULTILINE)[1].split()
        tids[int(numbers[-1])] = int(task.name)
    return tids


@pytest.fixture
def contained(start, interpreter):
    """A program in PID and mount namespaces of its own, as in a container."""
    proc = interpreter.outside("/proc")
    proc.mkdir(exist_ok=True)
    unshare = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--mount-proc=%s" % proc]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("this user may not make namespaces")
    return start("functions.py", before=unshare, PARKING_PROC="")


def test_process_in_another_namespace(spprof, contained):
    pid, truth = host_pid(contained), contained.truth
    assert truth["pid"] == 1
    tids = host_tids(pid)
    wanted = {tids[tid]: thread for tid, thread in expected_threads(truth).items()}
    report = spprof.report(pid)
    found = reported_threads(all_threads(report))
    del found[tids[truth["recorder"]]]
    assert found == wanted
    assert report["target"]["pid"] == pid


def test_one_thread_in_another_namespace(spprof, contained):
    """--thread takes the number that the report shows, which is the host's."""
    pid = host_pid(contained)
    tid = max(host_tids(pid).values())
    assert [thread["tid"] for thread in all_threads(spprof.report("--thread", tid, pid))] == [tid]


@pytest.fixture
def copy(launcher, interpreter):
    """A folder with a copy of the interpreter's executable and library, and the environment to run it."""
    folder = launcher.new_folder()
    executable = Path(shutil.copy(interpreter.outside(interpreter.argv[-1]), folder / "python3"))
    environment = launcher.home()
    if library := launcher.facts["library"]:
        shutil.copy(library, folder)
        environment["LD_LIBRARY_PATH"] = str(folder)
    return executable, environment


def runtime_files(executable):
    return [executable, *executable.parent.glob("libpython*")]


def check(spprof, target):
    report = spprof.report(target.pid)
    assert differences(all_threads(report), target.truth) == []
    return report


def test_files_deleted_since(spprof, start, copy):
    executable, environment = copy
    target = start("functions.py", python=executable, **environment)
    for path in runtime_files(executable):
        path.unlink()
    check(spprof, target)


def test_files_replaced_since(spprof, start, copy):
    """An upgrade of a running interpreter: other files lie at the paths that are mapped."""
    executable, environment = copy
    target = start("functions.py", python=executable, **environment)
    for path in runtime_files(executable):
        path.unlink()
        shutil.copy(shutil.which("true"), path)
    check(spprof, target)


def test_stripped_files(spprof, start, copy):
    executable, environment = copy
    for path in runtime_files(executable):
        subprocess.run(["strip", "--strip-all", path], check=True)
    check(spprof, start("functions.py", python=executable, **environment))


def test_files_without_section_headers(spprof, start, copy):
    """Some builds drop even the section headers; the program headers lead to the dynamic symbols."""
    executable, environment = copy
    for path in runtime_files(executable):
        with open(path, "r+b") as file:
            file.seek(40)
            file.write(bytes(8))  # e_shoff
            file.seek(58)
            file.write(bytes(6))  # e_shentsize, e_shnum, e_shstrndx
    check(spprof, start("functions.py", python=executable, **environment))


def test_interpreter_mapped_twice(spprof, start):
    check(spprof, start("twice.py"))


def test_several_libpythons_in_one_process(spprof, start, copy, interpreter, request):
    """The library of another version, and a copy of the own one: each has a _PyRuntime that never ran."""
    if not interpreter.shared:
        pytest.skip("%s has no libpython" % interpreter.id)
    executable, environment = copy
    own_copy, = executable.parent.glob("libpython*")
    others = [other_library(one) for one in interpreters(request.config) if one.shared and not one.root and one.minor != interpreter.minor]
    target = start("twice.py", own_copy, *others)
    check(spprof, target)


def other_library(interpreter):
    listed = subprocess.check_output(["ldd", interpreter.executable], text=True)
    return re.search(r"=> (\S*libpython\S*)", listed)[1]


@pytest.mark.parametrize("where", ["main", "thread"])
def test_embedded_interpreter(spprof, start, launcher, interpreter, tmp_path, where):
    """libpython opened as a plug-in by a program of another name, run in its main thread or in another one."""
    if not interpreter.shared:
        pytest.skip("%s has no libpython" % interpreter.id)
    program = tmp_path / "embed"
    subprocess.run(["cc", "-o", program, PROGRAMS / "embed.c", "-ldl", "-lpthread"], check=True)
    target = start("functions.py", python=program, options=(launcher.facts["library"], where), **launcher.home())
    report = check(spprof, target)
    assert report["target"]["executable"] == str(program)


@pytest.mark.parametrize("kind", ["atexit", "shutdown"])
def test_interpreter_that_ends(spprof, start, kind):
    check(spprof, start("ending.py", kind))


@pytest.mark.heavy
def test_interpreter_that_begins(spprof, launcher):
    """At any moment of its start a process is told to be no Python yet, or shows stacks."""
    for number in range(30):
        target = launcher.launch("functions.py")
        for _ in range(1 + number % 3):
            done = spprof.run("bt", "--json", target.process.pid)
            assert done.returncode in (0, 1, 3), done.stderr
            if done.returncode != 1:
                json.loads(done.stdout)
        if number % 10 == 0:
            check(spprof, target.wait())
        target.kill()


def test_process_that_has_died(spprof, start):
    """A zombie has no memory to read."""
    target = start("functions.py")
    os.kill(target.pid, signal.SIGKILL)
    task = Path("/proc/%d/task" % target.process.pid)
    wait_for(lambda: " Z " in (task.parent / "stat").read_text() and len(list(task.iterdir())) == 1, "the end of all its threads")
    done = spprof.run("bt", target.process.pid)
    assert (done.returncode, done.stdout) == (1, b"")
    assert str(target.process.pid).encode() in done.stderr

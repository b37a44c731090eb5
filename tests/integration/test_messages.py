"""What spprof says where it can show nothing: what was being done, on what, what is so, and what to do. Never the wrong thing."""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness import PROGRAMS, Spprof, wait_for
from test_cli import NOBODY, check_refusal

WAITS = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(3600)"
AS_NOBODY = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become other users and give capabilities up")


@pytest.fixture
def start():
    """start(command, ...): a process that has said "ready"."""
    processes = []

    def started(*command, **options):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        processes.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process
    yield started
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def core_of(process, folder):
    process.send_signal(signal.SIGABRT)
    process.wait(timeout=60)
    core = next(folder.glob("core*"), None)
    if core is None:
        pytest.skip("the kernel does not write cores to the working folder here")
    return core


@pytest.fixture(scope="module")
def other_users_spprof(spprof):
    """The command where any user may run it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Spprof(shutil.copy(spprof.path, folder))


def test_a_core_without_memory(spprof, start, tmp_path):
    process = start(sys.executable, "-c", WAITS, cwd=tmp_path, preexec_fn=allow_core)
    Path("/proc/%d/coredump_filter" % process.pid).write_text("0")
    core = core_of(process, tmp_path)
    check_refusal(spprof.run("bt", core), 1, r"%s holds only 0 of [\d,]+ bytes of the memory.*coredump_filter.*echo 0x33" % re.escape(core.name))


@pytest.mark.parametrize("size", [300000, 3000])
def test_a_core_that_was_cut_short(spprof, start, tmp_path, size):
    core = core_of(start(sys.executable, "-c", WAITS, cwd=tmp_path, preexec_fn=allow_core), tmp_path)
    whole = core.stat().st_size
    os.truncate(core, size)
    done = spprof.run("bt", core)
    check_refusal(done, 1, "cut short: the file ends after {:,} of ([0-9,]+) bytes.*disk.*ulimit".format(size))
    told = int(re.search(rb"of ([0-9,]+) bytes", done.stderr)[1].replace(b",", b""))
    assert 0 <= whole - told < 1 << 16  # sections that some kernels write behind the memory


def test_a_core_that_ends_within_its_header(spprof, tmp_path):
    path = tmp_path / "core"
    path.write_bytes(b"\x7fELF\2\1\1" + bytes(30))
    check_refusal(spprof.run("bt", path), 1, "cut short")


@pytest.mark.parametrize("data, pattern", [(b"ProblemType: Crash\nArchitecture: amd64\n" + b"x" * 100, "report of apport.*apport-unpack"),
                                           (b"MDMP\x93\xa7\0\0" + bytes(100), "minidump.*lldb --core"),
                                           (b"\xcf\xfa\xed\xfe" + bytes(100), "Mach-O.*lldb --core")],
                         ids=["apport", "minidump", "mach-o"])
def test_a_crash_report_of_another_kind(spprof, tmp_path, data, pattern):
    path = tmp_path / "report"
    path.write_bytes(data)
    check_refusal(spprof.run("bt", path), 1, pattern)


@only_root
def test_a_process_that_is_not_dumpable(other_users_spprof, start):
    hidden = start(*AS_NOBODY, sys.executable, "-c", "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n" + WAITS)
    check_refusal(other_users_spprof.run("bt", hidden.pid, before=AS_NOBODY), 1, "process %d.*not dumpable.*PR_SET_DUMPABLE.*root" % hidden.pid)


@only_root
def test_a_process_of_another_user(other_users_spprof, start):
    process = start(sys.executable, "-c", WAITS)
    check_refusal(other_users_spprof.run("bt", process.pid, before=AS_NOBODY), 1,
                  "belongs to user 0, and spprof runs as user %d.*sudo" % NOBODY)


@only_root
def test_root_without_the_capability(spprof, start):
    process = start(*AS_NOBODY, sys.executable, "-c", WAITS)
    before = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
    check_refusal(spprof.run("bt", process.pid, before=before), 1, "as root, but without the capability SYS_PTRACE.*--cap-add")


def child_of(process):
    children = wait_for(lambda: Path("/proc/%d/task/%d/children" % (process.pid, process.pid)).read_text().split(), "the child")
    return int(children[0])


@pytest.mark.parametrize("command, pattern", [(["sh", "-c", '"$0" -c "$1"; true'], "a shell"), (["timeout", "3600"], "a launcher")], ids=["shell", "launcher"])
def test_who_only_starts_a_python(spprof, start, command, pattern):
    program = [sys.executable, WAITS] if command[0] == "sh" else [sys.executable, "-c", WAITS]
    process = start(*command, *program)
    child = child_of(process)
    check_refusal(spprof.run("bt", process.pid), 1, r"process %d: \S+ is %s.*process %d \(\S+\).*'spprof bt %d'" % (process.pid, pattern, child, child))


def test_a_shell_that_has_started_no_python(spprof, start):
    process = start("sh", "-c", "echo ready; sleep 3600; true")
    check_refusal(spprof.run("bt", process.pid), 1, "is a shell, and none of the processes that it has started")


def test_pypy(spprof, tmp_path):
    program = shutil.copy(shutil.which("sleep"), tmp_path / "pypy3.10")
    process = subprocess.Popen([program, "3600"])
    try:
        wait_for(lambda: os.readlink("/proc/%d/exe" % process.pid) == str(program), "the start")
        check_refusal(spprof.run("bt", process.pid), 1, "pypy3.10 is PyPy, which is not CPython.*faulthandler")
    finally:
        process.kill()
        process.wait()


def test_pypy_under_another_name(spprof, start, tmp_path):
    """By what its library exports for programs that embed it."""
    source = tmp_path / "program.c"
    source.write_text("#include <stdio.h>\n#include <unistd.h>\nint pypy_main_startup(void) { return 0; }\n"
                      "int main(void) { puts(\"ready\"); fflush(stdout); return pause(); }\n")
    subprocess.run(["cc", "-rdynamic", "-o", tmp_path / "python3", source], check=True)
    check_refusal(spprof.run("bt", start(tmp_path / "python3").pid), 1, "python3 is PyPy, which is not CPython.*faulthandler")


@pytest.mark.parametrize("arguments", [["bt"], ["bt", "--json"], ["doctor"], ["sample", "-d", "0.1"]], ids=" ".join)
@pytest.mark.parametrize("output, pattern", [("/dev/full", b"No space left on device; .*make room"), (None, b"it is closed")], ids=["full", "closed"])
def test_output_that_takes_nothing(spprof, start, arguments, output, pattern):
    process = start(sys.executable, "-c", WAITS)
    redirection = ">&-" if output is None else ">" + output
    done = subprocess.run(["sh", "-c", 'exec "$@" ' + redirection, "sh", spprof.path, *arguments, str(process.pid)], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and re.search(rb"standard output: " + pattern, done.stderr), done.stderr


def test_a_reader_that_has_had_enough(spprof, start):
    """head ends early: no message, and the end that every command has."""
    process = start(sys.executable, "-c", WAITS)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([spprof.path, "bt", str(process.pid)], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.native
@pytest.mark.parametrize("state, live, dead", [("ended", "has ended: .*Py_FinalizeEx", "had ended before the core was written: .*Py_FinalizeEx"),
                                               ("never", "has not been started yet", "never started before the core was written")])
def test_a_host_whose_python_does_not_run(spprof, interpreter, launcher, start, tmp_path, state, live, dead):
    if not interpreter.shared:
        pytest.skip("%s has no libpython" % interpreter.id)
    program = tmp_path / "ended"
    subprocess.run(["cc", "-o", program, PROGRAMS / "ended.c", "-ldl"], check=True)
    environment = {**os.environ, **launcher.home()}
    process = start(program, launcher.facts["library"], state, cwd=tmp_path, env=environment, preexec_fn=allow_core)
    check_refusal(spprof.run("bt", process.pid), 1, live)
    check_refusal(spprof.run("bt", core_of(process, tmp_path)), 1, dead)


@pytest.mark.native
@pytest.mark.system
def test_more_than_a_thousand_threads_are_sampled_apart(spprof, launcher, tmp_path):
    target = launcher.start("many.py", 1100, 3)
    try:
        done = spprof.run("sample", "-d", "2", "-r", "20", "--idle", "--threads", "-o", tmp_path / "threads.folded", target.pid)
        assert done.returncode == 0, done.stderr
        roots = {line.split(";")[0] for line in (tmp_path / "threads.folded").read_text().splitlines()}
        assert len(roots) >= 1100 and not any("other threads" in root for root in roots)
    finally:
        target.kill()

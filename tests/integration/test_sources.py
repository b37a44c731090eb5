"""Source lines: whose files are opened, and what is said of a file that may not be what ran. By the interpreter that runs the tests."""
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

NOBODY = 65534
GROUP = 65533
NAMES_A_FILE = """
import sys, time
code = compile("\\n" * 1 + "time.sleep(3600) if len(sys.argv) < 3 else __import__('os').abort()", sys.argv[1], "exec")
print("ready", flush=True)
exec(code)
"""
SECRET = "first line\nsecond line of the file\n"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder():
    """One that every user can enter."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def start():
    """start(command, ...): a process that has said that it is ready, ended after the test."""
    started = []

    def start(command, **options):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, **options)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process
    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def write(path, mode=0o644, group=0, text=SECRET):
    path.write_text(text)
    os.chown(path, 0, group)
    path.chmod(mode)
    os.utime(path, (1, 1))
    time.sleep(0.05)  # the kernel tells when a process started in hundredths of a second
    return path


def as_user(groups):
    return ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--groups=%s" % groups]


def in_directory(folder):
    (folder / "inner").mkdir(mode=0o700)
    return write(folder / "inner" / "file")


def by_link(folder):
    write(folder / "secret", 0o600)
    (folder / "link").symlink_to("secret")
    return folder / "link"


FILES = {
    "for all": lambda folder: write(folder / "file"),
    "for root": lambda folder: write(folder / "file", 0o600),
    "for a group": lambda folder: write(folder / "file", 0o640, GROUP),
    "for all but a group": lambda folder: write(folder / "file", 0o604, GROUP),
    "in a directory of root": in_directory,
    "by a link": by_link,
}


@needs_root
@pytest.mark.parametrize("groups", [NOBODY, GROUP])
@pytest.mark.parametrize("kind", FILES)
def test_a_source_is_opened_only_where_the_user_could(spprof, folder, start, kind, groups):
    """The kernel is the witness: cat, run by that user."""
    path = FILES[kind](folder)
    user = as_user(groups)
    allowed = subprocess.run([*user, "cat", path], capture_output=True).returncode == 0
    process = start([*user, sys.executable, "-c", NAMES_A_FILE, path])
    done = spprof.run("bt", process.pid)
    assert ("second line" in done.stdout.decode()) == allowed
    assert done.returncode == 0


@needs_root
@pytest.mark.parametrize("owner", [NOBODY, 0])
@pytest.mark.parametrize("kind", ["for all", "for root", "in a directory of root"])
def test_a_source_that_a_core_names(spprof, folder, kind, owner):
    """Neither the user of the process nor the owner of the core file makes root print what that user may not read."""
    path = FILES[kind](folder)
    work = folder / "work"
    work.mkdir()
    work.chmod(0o777)
    limit = lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    done = subprocess.run([*as_user(NOBODY), sys.executable, "-c", NAMES_A_FILE, path, "die"], cwd=work, preexec_fn=limit, capture_output=True)
    assert done.returncode == -signal.SIGABRT
    core = next(work.glob("core*"), None)
    if core is None:
        pytest.skip("the kernel does not write cores to the working folder here")
    os.chown(core, owner, owner)
    shown = "second line" in spprof.run("bt", core).stdout.decode()
    assert not shown or kind == "for all"

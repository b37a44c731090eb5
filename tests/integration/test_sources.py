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

from harness import wait_for
from stacks import all_threads

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


SCRIPT = """
import os, sys, time
def serve():
    os.chdir(sys.argv[1])
    print("ready", flush=True)
    while len(sys.argv) < 3:
        time.sleep(3600)
    os.abort()
serve()
"""
EMBEDS = "exec(compile(open('served.py').read(), 'served.py', 'exec'))\n"


def frames_of(spprof, target):
    """Of the main thread: function, and whether its source may differ."""
    report = spprof.report(target)
    return [(frame["function"], frame["source_may_differ"]) for frame in all_threads(report)[0]["frames"]]


def wait_until_asleep(spprof, pid):
    line = SCRIPT[:SCRIPT.index("time.sleep(")].count("\n") + 1
    wait_for(lambda: all_threads(spprof.report(pid))[0]["frames"][0]["line"] == line, "the sleep")


def lines_of(spprof, target):
    """The source lines as they are printed, with their margin, and what stands below the stacks."""
    head, stacks, *below = spprof.text(target).split("\n\n")
    return [line for line in stacks.splitlines()[1:] if not line.startswith("  File ")], "".join(below)


def test_a_script_that_is_older_than_its_process(spprof, folder, start):
    script = write(folder / "served.py", text=SCRIPT)
    wait_for(lambda: time.time() - os.stat(script).st_ctime > 0.1, "the file to be old")  # the kernel counts starts in hundredths of a second
    process = start([sys.executable, script, folder])
    wait_until_asleep(spprof, process.pid)
    assert frames_of(spprof, process.pid) == [("serve", False), ("<module>", False)]
    assert lines_of(spprof, process.pid) == (["    time.sleep(3600)", "    serve()"], "")


def test_a_script_that_was_touched(spprof, folder, start):
    script = write(folder / "served.py", text=SCRIPT)
    process = start([sys.executable, script, folder])
    wait_until_asleep(spprof, process.pid)
    script.touch()
    assert frames_of(spprof, process.pid) == [("serve", True), ("<module>", True)]
    lines, below = lines_of(spprof, process.pid)
    assert lines == ["  ? time.sleep(3600)", "  ? serve()"]
    assert "source may have changed since" in below and str(script) in below


def test_a_script_that_has_changed(spprof, folder, start):
    """What stands there now in place of the function is not shown for it; that is said."""
    script = write(folder / "served.py", text=SCRIPT)
    process = start([sys.executable, script, folder])
    wait_until_asleep(spprof, process.pid)
    script.write_text("# another\n" * 20)
    lines, below = lines_of(spprof, process.pid)
    assert lines == ["  ? # another"]  # of <module>, of which there is no head to tell it by
    assert "does not hold" in below


@pytest.mark.parametrize("moves", [False, True])
def test_a_relative_path(spprof, folder, start, moves):
    """Python compiled it where the process stood then: now it stands there, or elsewhere."""
    write(folder / "served.py", text=SCRIPT)
    write(folder / "main.py", text=EMBEDS)
    process = start([sys.executable, folder / "main.py", "/" if moves else folder], cwd=folder, env={**os.environ, "PWD": str(folder)})
    wait_until_asleep(spprof, process.pid)
    lines, below = lines_of(spprof, process.pid)
    assert lines[:2] == ["  ? time.sleep(3600)", "  ? serve()"]
    assert "relative path served.py" in below
    assert frames_of(spprof, process.pid)[:2] == [("serve", True), ("<module>", True)]


def test_a_file_that_is_gone(spprof, folder, start):
    script = write(folder / "served.py", text=SCRIPT)
    process = start([sys.executable, script, folder])
    wait_until_asleep(spprof, process.pid)
    script.unlink()
    lines, below = lines_of(spprof, process.pid)
    assert lines == [] and "there is no file " + str(script) in below
    assert frames_of(spprof, process.pid) == [("serve", None), ("<module>", None)]


def test_the_main_script_of_a_core(spprof, folder):
    """Nothing proves that a file is the one whose process left a core, and its relative path is one from where that began."""
    work = folder / "work"
    work.mkdir()
    write(folder / "served.py", text=SCRIPT)
    write(folder / "main.py", text=EMBEDS)
    limit = lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    subprocess.run([sys.executable, folder / "main.py", work, "die"], cwd=folder, preexec_fn=limit, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PWD": str(folder)})
    core = next(work.glob("core*"), None)
    if core is None:
        pytest.skip("the kernel does not write cores to the working folder here")
    lines, below = lines_of(spprof, core)
    assert lines == ["  ? os.abort()", "  ? serve()", "  ? " + EMBEDS.strip()]
    assert "relative path served.py" in below and "nothing proves that it is what ran: %s" % (folder / "main.py") in below

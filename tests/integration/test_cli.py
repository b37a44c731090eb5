"""The command line: exit codes, messages that name the way out, options that hold for every command. No interpreter of the matrix."""
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness import Spprof
from recorded import one_of, unpack

NOBODY = 65534
MACHINES = {"s390": (2, 2, 22, "s390"), "ppc64": (2, 2, 21, "power|ppc"), "riscv": (2, 1, 243, "risc"), "i386": (1, 1, 3, "386|32-bit|x86")}


@pytest.fixture
def sleeper():
    """A process that is no Python."""
    process = subprocess.Popen(["sleep", "3600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def snake():
    """A Python process, by the interpreter that runs the tests."""
    script = "import sys, time\nprint('ready', flush=True)\nwhile True: time.sleep(3600)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def check_refusal(done, code, pattern):
    """One message on stderr, nothing on stdout."""
    message = done.stderr.decode("utf-8")
    assert (done.returncode, done.stdout) == (code, b""), message
    assert message.startswith("spprof: ")
    assert re.search(pattern, message, re.IGNORECASE), message
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", message) == []


COMMANDS = ["bt", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_such_process(spprof, command):
    pid = gone()
    check_refusal(spprof.run(command, pid), 1, r"no (such )?process.*\b%d\b|\b%d\b.*no (such )?process" % (pid, pid))


@pytest.mark.parametrize("command", ["bt"])
def test_process_that_is_no_python(spprof, sleeper, command):
    check_refusal(spprof.run(command, sleeper.pid), 1, "python")


def test_doctor_of_a_process_that_is_no_python(spprof, sleeper):
    """The doctor shows how far it came."""
    done = spprof.run("doctor", sleeper.pid)
    assert done.returncode == 1
    assert b"python" in (done.stdout + done.stderr).lower()


def test_kernel_thread(spprof):
    """A process without memory; PID 2 is the kernel's."""
    if Path("/proc/2/comm").exists() and Path("/proc/2/comm").read_text() == "kthreadd\n":
        assert spprof.run("bt", 2).returncode == 1
    else:
        pytest.skip("no kernel threads are visible here")


@pytest.mark.parametrize("arguments", [[], ["bt"], ["nonsense"], ["bt", "--nonsense", "1"], ["bt", "--thread"], ["bt", "--thread", "many", "1"],
                                       ["bt", "--color", "sometimes", "1"], ["bt", "1", "2", "3"], ["doctor"], ["doctor", "--json", "1"]],
                         ids=lambda arguments: " ".join(arguments) or "nothing")
def test_wrong_usage(spprof, arguments):
    done = spprof.run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--help" in done.stderr or b"sage" in done.stderr


def test_a_thread_that_does_not_exist(spprof, snake):
    check_refusal(spprof.run("bt", "--thread", gone(), snake.pid), 1, "thread")


@pytest.fixture
def file(tmp_path):
    def make(data):
        path = tmp_path / "file"
        path.write_bytes(data)
        return path
    return make


@pytest.mark.parametrize("data", [b"", b"text\n", b"\x7fELF", b"\x7fELF\2\1\1" + bytes(9), b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08" + bytes(20),
                                  b"\xfd7zXZ\0" + bytes(20), b"\x04\x22\x4d\x18" + bytes(20), bytes(100000)],
                         ids=["empty", "text", "magic", "head", "zstd", "gzip", "xz", "lz4", "zeros"])
def test_a_file_that_is_no_core(spprof, file, data):
    check_refusal(spprof.run("bt", file(data)), 1, "core|file")


def test_an_executable_is_no_core(spprof):
    check_refusal(spprof.run("bt", shutil.which("true")), 1, "core")


def test_a_compressed_text_is_no_core(spprof, tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(subprocess.run(["gzip", "-c"], input=b"text\n" * 1000, stdout=subprocess.PIPE, check=True).stdout)
    check_refusal(spprof.run("bt", path), 1, "core")


def test_missing_file_and_folder(spprof, tmp_path):
    check_refusal(spprof.run("bt", tmp_path / "missing"), 1, "missing")
    check_refusal(spprof.run("bt", tmp_path), 1, "director|folder|file")


def test_names_in_messages_are_escaped(spprof, tmp_path):
    path = tmp_path / "red\x1b[31m"
    path.write_bytes(b"text")
    check_refusal(spprof.run("bt", path), 1, "red")


@pytest.mark.parametrize("machine", MACHINES)
def test_core_of_another_machine(spprof, file, machine):
    """The message names the machine, so that its user knows where to go."""
    width, order, number, pattern = MACHINES[machine]
    sign = "<" if order == 1 else ">"
    identity = b"\x7fELF" + bytes([width, order, 1]) + bytes(9)
    sizes = (64, 56) if width == 2 else (52, 32)
    words = "QQQ" if width == 2 else "III"
    header = identity + struct.pack(sign + "HHI" + words + "IHHHHHH", 4, number, 1, 0, sizes[0], 0, 0, *sizes, 1, 0, 0, 0)
    check_refusal(spprof.run("bt", file(header + bytes(4096))), 1, pattern)


@pytest.mark.parametrize("machine", [22, 21])
def test_real_core_of_another_machine(spprof, tmp_path, machine):
    """The same with a whole core whose machine was changed."""
    path = unpack(one_of("3.9"), tmp_path)
    with open(path, "r+b") as core:
        core.seek(18)
        core.write(struct.pack("<H", machine))
    check_refusal(spprof.run("bt", path), 1, "machine|architecture|s390|power|ppc")


@pytest.fixture(scope="module")
def of_nobody(spprof):
    """The command as an ordinary user runs it."""
    if os.getuid() != 0:
        return lambda *arguments: spprof.run(*arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = Spprof(shutil.copy(spprof.path, folder))
        yield lambda *arguments: copy.run(*arguments, before=["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"])


@pytest.mark.parametrize("command", COMMANDS)
def test_no_permission(of_nobody, command):
    """A process of root's is refused to others, with what to do about it."""
    done = of_nobody(command, 1)
    assert done.returncode == 1
    message = (done.stdout if command == "doctor" else b"") + done.stderr
    assert re.search(rb"permission|not permitted", message, re.IGNORECASE), message
    assert re.search(rb"sudo|root|CAP_SYS_PTRACE|ptrace_scope", message), message


def test_no_permission_for_a_core(of_nobody, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can make a file that this user may not read")
    with tempfile.NamedTemporaryFile() as core:
        check_refusal(of_nobody("bt", core.name), 1, "permission")


@pytest.mark.parametrize("arguments", [["--help"], ["bt", "--help"], ["doctor", "--help"], ["--version"]], ids=" ".join)
def test_help_and_version(spprof, arguments):
    """Peers' fault 14: a locale that is not installed does not matter."""
    plain = spprof.run(*arguments, env={**os.environ, "LC_ALL": "C.UTF-8"})
    strange = spprof.run(*arguments, env={**os.environ, "LC_ALL": "xx_YY.UTF-8", "LANG": "xx_YY.UTF-8"})
    assert (plain.returncode, plain.stderr) == (0, b"") and b"spprof" in plain.stdout
    assert (strange.returncode, strange.stdout, strange.stderr) == (0, plain.stdout, b"")


def test_help_names_every_option(spprof):
    text = spprof.run("bt", "--help").stdout.decode()
    for option in ("--json", "--no-source", "--thread", "--sysroot", "--no-stop", "--color"):
        assert option in text


def test_a_locale_does_not_change_the_report(spprof, snake):
    """Peers' fault 14, for stacks."""
    reports = {spprof.text(snake.pid, env={**os.environ, "LC_ALL": locale}) for locale in ("C", "C.UTF-8", "xx_YY.UTF-8", "")}
    assert len(reports) == 1 and "<module>" in reports.pop()


COLOR = re.compile(rb"\x1b\[[0-9;]*m")


def test_colors(spprof, snake):
    plain = spprof.run("bt", "--color", "never", snake.pid).stdout
    assert spprof.run("bt", snake.pid).stdout == plain
    assert b"\x1b" not in plain
    colored = spprof.run("bt", "--color", "always", snake.pid).stdout
    assert COLOR.search(colored) and COLOR.sub(b"", colored) == plain


def on_terminal(spprof, *arguments, **changes):
    """What the command prints on a terminal."""
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen([spprof.path, *map(str, arguments)], stdout=theirs, env={**env, "TERM": "xterm", **changes})
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 65536):
            output += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return output


def test_colors_of_a_terminal(spprof, snake):
    assert COLOR.search(on_terminal(spprof, "bt", snake.pid))
    assert not COLOR.search(on_terminal(spprof, "bt", snake.pid, NO_COLOR="1"))
    assert not COLOR.search(on_terminal(spprof, "bt", "--color", "never", snake.pid))
    assert not COLOR.search(on_terminal(spprof, "bt", "--json", snake.pid))


@pytest.mark.parametrize("option", ["-v", "-q"])
def test_more_and_less_words(spprof, snake, option):
    """Neither changes the stacks."""
    assert spprof.run("bt", option, snake.pid).stdout.decode("utf-8") == spprof.text(snake.pid)
    assert "<module>" in spprof.text(snake.pid)


def test_output_that_cannot_be_written(spprof, snake):
    """A full disk is told."""
    with open("/dev/full", "wb") as full:
        for arguments in (["bt"], ["bt", "--json"], ["doctor"]):
            done = subprocess.run([spprof.path, *arguments, str(snake.pid)], stdout=full, stderr=subprocess.PIPE, timeout=60)
            assert done.returncode != 0 and done.stderr != b""


def test_doctor(spprof, snake):
    """The doctor tells version, runtime and the source of the layout, and asks nothing of a terminal."""
    done = spprof.run("doctor", snake.pid)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("utf-8")
    assert "%d.%d" % sys.version_info[:2] in text
    assert re.search("0x[0-9a-f]+", text)
    assert "\x1b" not in text


def test_a_process_by_a_number_that_is_a_file_too(spprof, snake, tmp_path):
    """A number is a process; a file of that name is reached by its path."""
    path = tmp_path / str(snake.pid)
    path.write_bytes(b"text")
    assert spprof.run("bt", snake.pid, cwd=tmp_path).returncode == 0
    check_refusal(spprof.run("bt", "./%d" % snake.pid, cwd=tmp_path), 1, "core|file")

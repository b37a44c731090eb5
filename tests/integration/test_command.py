"""`spprof sample -- COMMAND`: the command has its terminal, its signals and its end for itself."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from harness import wait_for

HANDLES = """
import signal, sys, time
def handle(number, frame):
    print("got", number, flush=True)
    end = time.monotonic() + 0.3
    while time.monotonic() < end: pass
    print("cleaned up", flush=True)
    sys.exit(30 + number)
for number in signal.SIGTERM, signal.SIGHUP: signal.signal(number, handle)
print("ready", flush=True)
def burn():
    while True: sum(range(1000))
burn()
"""
ENDS = """
import sys
def burn():
    for _ in range(1000): sum(range(1000))
print("ready", flush=True)
while True:
    burn()
    if %s: break
print("ended", flush=True)
"""


@pytest.fixture
def start(spprof):
    """start(options, text): a sampler and the lines of its command, which is ready."""
    samplers = []

    def run(options, text, **more):
        sampler = subprocess.Popen([spprof.path, "sample", *map(str, options), "--", sys.executable, "-c", text], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        samplers.append(sampler)
        assert sampler.stdout.readline() == b"ready\n"
        return sampler
    yield run
    for sampler in samplers:
        sampler.kill()
        sampler.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_and_the_end_awaited(start, tmp_path, number):
    """The samples are written whatever the command makes of it; its exit status is spprof's."""
    sampler = start(["-o", tmp_path / "p.folded"], HANDLES)
    time.sleep(0.5)
    sampler.send_signal(number)
    output, said = sampler.communicate(timeout=60)
    assert output == b"got %d\ncleaned up\n" % number and sampler.returncode == 30 + number
    assert b"samples written" in said and (tmp_path / "p.folded").exists()


def test_a_signal_before_the_command_is_python(spprof, tmp_path):
    """It is passed on from the first moment on."""
    sampler = subprocess.Popen([spprof.path, "sample", "--", "sleep", "600"], stderr=subprocess.PIPE)
    wait_for(lambda: open("/proc/%d/task/%d/children" % (sampler.pid, sampler.pid)).read(), "the command")
    sampler.terminate()
    sampler.communicate(timeout=60)
    assert sampler.returncode == 128 + signal.SIGTERM


def test_a_command_runs_on_after_the_time(start, tmp_path):
    sampler = start(["-d", "0.3"], ENDS % ("__import__('os').path.exists(%r)" % str(tmp_path / "end")))
    said = ""
    while "runs on" not in said:  # its end would be that of the command, too
        said = sampler.stderr.readline().decode()
    assert sampler.wait(timeout=60) == 0
    command = int(re.search(r"runs on as process (\d+)", said)[1])
    assert b"sum(range" in open("/proc/%d/cmdline" % command, "rb").read()
    (tmp_path / "end").touch()
    assert sampler.stdout.read() == b"ended\n"


def test_a_command_has_standard_output_for_itself(start, tmp_path):
    sampler = start([], ENDS % "True")
    output, said = sampler.communicate(timeout=60)
    assert output == b"ended\n" and b"captured" in said and sampler.returncode == 0


def test_a_command_has_the_terminal_for_itself(spprof):
    """What it asks there stays to be seen: nothing is written until it has ended."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(spprof.path, [spprof.path, "sample", "--color", "never", "--", sys.executable, "-c", "print('Hello', input('Your name? '))"])
    shown = b""
    while b"name? " not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 4096)
    time.sleep(0.5)  # a progress line comes ten times a second
    os.write(terminal, b"Ada\n")
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # its other end is closed
        pass
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0
    assert shown.startswith(b"Your name? Ada\r\nHello Ada\r\n") and b"\x1b" not in shown and b"Python" in shown


def test_progress_waits_for_no_terminal(spprof, tmp_path):
    """One that has been told to take no more (Ctrl-S) holds up neither the sampling nor its end."""
    target = subprocess.Popen([sys.executable, "-c", ENDS % "False"], stdout=subprocess.PIPE)
    target.stdout.readline()
    profile = tmp_path / "p.folded"
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(spprof.path, [spprof.path, "sample", "--stop", "-d", "600", "-o", str(profile), str(target.pid)])
    try:
        assert b"samples" in os.read(terminal, 4096)
        os.write(terminal, b"\x13")
        time.sleep(0.5)
        os.kill(child, signal.SIGTERM)
        wait_for(profile.exists, "the profile", timeout=30)  # then a message waits for the terminal
        os.write(terminal, b"\x11")
        while b"samples written" not in os.read(terminal, 4096):
            pass
        assert os.waitpid(child, 0)[1] == 0
    finally:
        os.close(terminal)
        target.kill()
        target.wait()

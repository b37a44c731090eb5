"""Where `spprof sample` writes to: told at once where that cannot be, whole or not at all, and never at the cost of what was there."""
import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from harness import wait_for

BURN = """
import time
def burn():
    while True: sum(range(1000))
print("ready", flush=True)
burn()
"""
LONG = ["-d", "600"]
SHORT = ["-d", "0.5", "-r", "500"]


@pytest.fixture(scope="module")
def burning():
    process = subprocess.Popen([sys.executable, "-c", BURN], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB, where that can be made."""
    path = tmp_path / "small"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", path], capture_output=True).returncode != 0:
        pytest.skip("needs to mount")
    yield path
    subprocess.run(["umount", path], check=True)


def others(folder):
    """What lies in a folder beside the profile and the tests' own files."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize("option", ["-o", "--json-stats"])
@pytest.mark.parametrize("name, words", [("nowhere/p.folded", b"No such file"), ("folder.folded", b"Is a directory"), ("loop.folded", b"symbolic"),
                                         ("", b"No such file")])
def test_a_bad_name_fails_at_once(spprof, burning, tmp_path, option, name, words):
    (tmp_path / "folder.folded").mkdir()
    (tmp_path / "loop.folded").symlink_to("loop.folded")
    arguments = [option, str(tmp_path / name) if name else "", "--format", "collapsed"]
    done = spprof.run("sample", *LONG, *arguments, burning, timeout=30)
    assert done.returncode == 1 and words in done.stderr and done.stdout == b"" and others(tmp_path) == []


def test_a_command_is_not_started_where_the_name_is_bad(spprof, tmp_path):
    done = spprof.run("sample", "-o", "/nowhere/p.folded", "--", "touch", tmp_path / "started")
    assert done.returncode == 1 and not (tmp_path / "started").exists()


def test_an_old_file_is_replaced_when_the_new_one_is_whole(spprof, burning, tmp_path):
    """By way of a link, which stays; with its mode and its owner."""
    old, link = tmp_path / "old.folded", tmp_path / "link.folded"
    old.write_text("old\n")
    old.chmod(0o640)
    owner = (1, 1) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(old, *owner)
    link.symlink_to("old.folded")
    sampler = subprocess.Popen([spprof.path, "sample", "-q", *LONG, "-o", link, str(burning)])
    wait_for(lambda: others(tmp_path), "the new file to be opened")
    time.sleep(0.3)
    assert old.read_text() == "old\n"
    sampler.terminate()
    assert sampler.wait(timeout=60) == 0 and b"burn" in old.read_bytes() and link.is_symlink() and others(tmp_path) == []
    status = old.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, *owner)


def test_a_new_file_is_made_as_any_other(spprof, burning, tmp_path):
    """Also where a link points to nothing yet."""
    (tmp_path / "link.folded").symlink_to("made.folded")
    before = os.umask(0o027)
    try:
        assert spprof.run("sample", *SHORT, "-o", tmp_path / "link.folded", burning).returncode == 0
    finally:
        os.umask(before)
    made = tmp_path / "made.folded"
    assert b"burn" in made.read_bytes() and stat.S_IMODE(made.stat().st_mode) == 0o640 and (tmp_path / "link.folded").is_symlink()


def test_a_file_that_must_not_be_replaced_is_written_over(spprof, burning, tmp_path):
    """One that has two names."""
    (tmp_path / "first.folded").write_text("old\n" * 10000)
    os.link(tmp_path / "first.folded", tmp_path / "second.folded")
    assert spprof.run("sample", *SHORT, "-o", tmp_path / "first.folded", burning).returncode == 0
    text = (tmp_path / "second.folded").read_text()
    assert "burn" in text and "old" not in text and others(tmp_path) == []


def test_a_file_in_a_folder_that_must_not_be_written(spprof, burning, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "p.folded").write_text("old\n")
    folder.chmod(0o555)
    if os.access(folder, os.W_OK) and subprocess.run(["chattr", "+i", folder], capture_output=True).returncode != 0:
        pytest.skip("root may write to each folder")
    try:
        assert spprof.run("sample", *SHORT, "-o", folder / "p.folded", burning).returncode == 0
        assert "burn" in (folder / "p.folded").read_text()
    finally:
        subprocess.run(["chattr", "-i", folder], capture_output=True)


def test_what_something_is_mounted_on(spprof, burning, tmp_path):
    source, place = tmp_path / "source.folded", tmp_path / "place.folded"
    source.write_text("old\n" * 10000)
    place.touch()
    if subprocess.run(["mount", "--bind", source, place], capture_output=True).returncode != 0:
        pytest.skip("needs to mount")
    try:
        assert spprof.run("sample", *SHORT, "-o", place, burning).returncode == 0
        assert "burn" in source.read_text() and "old" not in source.read_text() and others(tmp_path) == []
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("names", [1, 2])
def test_a_full_disk_costs_neither_the_old_file_nor_the_samples(spprof, burning, small_disk, tmp_path, names):
    old = small_disk / "p.html"
    old.write_text("old\n")
    if names == 2:
        os.link(old, small_disk / "q.html")
    (small_disk / "fill").write_bytes(bytes(40960))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = spprof.run("sample", *SHORT, "-o", old, burning, env={**os.environ, "TMPDIR": str(elsewhere)})
    assert done.returncode == 1 and b"No space left" in done.stderr and old.read_text() == "old\n" and others(small_disk) == []
    saved, = elsewhere.iterdir()
    assert str(saved).encode() in done.stderr and b"burn" in saved.read_bytes() and saved.suffix == ".html"


def test_what_is_no_file_is_written_itself(spprof, burning, tmp_path):
    sample = ["sample", "-q", *SHORT, "--format", "collapsed", "-o"]
    assert b"burn" in spprof.run(*sample, "/dev/stdout", burning).stdout
    assert spprof.run(*sample, "/dev/null", burning).returncode == 0 and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        assert spprof.run(*sample, tmp_path / "pipe", burning).returncode == 0
        assert b"burn" in reader.stdout.read()
    with open(tmp_path / "both", "wb") as both:  # what was written to standard output before stays
        os.write(both.fileno(), b"before\n")
        subprocess.run([spprof.path, *sample, "/dev/stdout", str(burning)], stdout=both, check=True)
    assert (tmp_path / "both").read_bytes().startswith(b"before\n<module>")


def test_standard_output(spprof, burning, tmp_path):
    sample = ["sample", *SHORT]
    done = spprof.run(*sample, "-o", "-", "--format", "collapsed", burning)
    assert done.stdout.startswith(b"<module>") and done.stderr == b""
    assert b"Hottest stack" in spprof.run(*sample, "-o", "-", burning).stdout
    done = spprof.run(*sample, "--json-stats", "-", burning)
    assert json.loads(done.stdout)["captured"] > 0 and b"Hottest stack" in done.stderr
    done = spprof.run(*sample, "--json-stats", "-", "-o", tmp_path / "p.folded", burning)
    assert json.loads(done.stdout)["captured"] > 0 and b"burn" in (tmp_path / "p.folded").read_bytes()
    done = spprof.run(*sample, "--json-stats", "-", "-o", "-", burning)
    assert done.returncode == 2 and b"only one of" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_the_result(spprof, burning, tmp_path, number):
    arguments = ["sample", *LONG, "-o", tmp_path / "p.folded", "--json-stats", tmp_path / "s.json", str(burning)]
    sampler = subprocess.Popen([spprof.path, *arguments], stderr=subprocess.PIPE)
    wait_for(lambda: len(others(tmp_path)) == 2, "the files to be opened")
    time.sleep(0.5)
    for _ in range(1 if number == signal.SIGINT else 3):  # a hang-up comes from the terminal and from the shell
        sampler.send_signal(number)
    assert b"samples written" in sampler.communicate(timeout=60)[1] and sampler.returncode == 0
    assert b"burn" in (tmp_path / "p.folded").read_bytes() and json.loads((tmp_path / "s.json").read_text())["captured"] > 0
    assert others(tmp_path) == []


def test_a_hang_up_that_is_ignored(spprof, burning, tmp_path):
    """As nohup does."""
    command = ["nohup", spprof.path, "sample", *LONG, "-o", tmp_path / "p.folded", str(burning)]
    sampler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: others(tmp_path), "the file to be opened")
    time.sleep(0.2)
    sampler.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert sampler.poll() is None
    sampler.terminate()
    assert sampler.wait(timeout=60) == 0 and (tmp_path / "p.folded").exists()

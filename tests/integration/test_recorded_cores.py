"""Recorded cores of every version, each with what that interpreter said of itself: tests/cores/cores.py says where they come from.

They hold no file-backed pages, and no executable is looked for on this machine. What they say is compared for all of them; they are damaged
where they are the first of their kind.
"""
import json
import mmap
import os
import random
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from recorded import KINDS, NAMES, NO_FILES, PATHS, chosen, core_of, one_of, plain, said_of, truth_of, unpack
from stacks import all_threads, thread_of

LIMIT = 30  # seconds that no core may take, however it is damaged

pytestmark = pytest.mark.skipif(not NAMES, reason="no recorded cores: tests/cores/record makes them")


@pytest.fixture(scope="module")
def unpacked():
    with tempfile.TemporaryDirectory() as folder:
        yield lambda name: unpack(name, Path(folder))


class Damaged:
    """A core to be changed in place and made whole again. Copies are avoided: some cores are sparse files of a gigabyte."""

    def __init__(self, core):
        self.path = core.with_suffix(".damaged")
        subprocess.run(["cp", "--sparse=always", core, self.path], check=True)
        self.file = open(self.path, "r+b")
        self.data = mmap.mmap(self.file.fileno(), 0)
        self.saved = []

    def change(self, offset, new):
        self.saved.append((offset, self.data[offset:offset + len(new)]))
        self.data[offset:offset + len(new)] = new

    def restore(self):
        while self.saved:
            offset, old = self.saved.pop()
            self.data[offset:offset + len(old)] = old

    def truncate(self, length):
        self.file.truncate(length)

    def segments(self):
        """Where the program headers are that describe memory in the file: (offset of the header, offset, size in the file)."""
        table, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        for header in range(table, table + count * size, size):
            kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", self.data, header)
            if kind == 1 and length:
                yield header, start, length

    def extents(self):
        """The pieces of the file that are not holes: (start, end)."""
        end = 0
        while end < len(self.data):
            try:
                start = os.lseek(self.file.fileno(), end, os.SEEK_DATA)
            except OSError:  # the rest is a hole
                return
            end = os.lseek(self.file.fileno(), start, os.SEEK_HOLE)
            yield start, end

    def pages(self):
        """Offsets of the pages of memory that are not holes of the file."""
        first = min(start for _, start, _ in self.segments())
        return [page for start, end in self.extents() for page in range(max(first, start), end - 4095, 4096)]

    def find(self, text):
        """The offsets of all places where text stands."""
        for start, end in list(self.extents()):
            while (start := self.data.find(text, start, end)) >= 0:
                yield start
                start += 1


@pytest.fixture
def damaged(unpacked):
    """damaged(name): a copy of a core, to be damaged."""
    copies = []

    def copy(name):
        copies.append(Damaged(unpacked(name)))
        return copies[-1]
    yield copy
    for one in copies:
        one.path.unlink()


@pytest.mark.parametrize("name", NAMES)
def test_every_frame(spprof, name):
    """Peers' faults 7 (no executable beside the core) and 12 (variants of the debug offsets)."""
    truth = truth_of(name)
    report = spprof.report(*core_of(name), codes=(0, 3))
    assert truth.keys() <= {thread["tid"] for thread in all_threads(report)}
    for thread in all_threads(report):
        wanted = truth.get(thread["tid"])
        if wanted is None:
            assert thread["name"] == "recorder"
            continue
        assert [plain(frame) for frame in thread["frames"]] == wanted["frames"]
        assert (thread["name"], thread["main"], thread["truncated"]) == (wanted["name"], wanted["main"], None)


@pytest.mark.parametrize("name", NAMES)
def test_locals_change_no_frame(spprof, name):
    """Printed in both forms: every variable is read and written by the build under test."""
    truth, report = truth_of(name), spprof.report("--locals", *core_of(name), codes=(0, 3))
    threads = {thread["tid"]: thread["frames"] for thread in all_threads(report)}
    assert {tid: [plain(frame) for frame in threads[tid]] for tid in truth} == {tid: thread["frames"] for tid, thread in truth.items()}
    assert any(frame["locals"] for frames in threads.values() for frame in frames)
    done = spprof.run("bt", "--locals", *core_of(name))
    assert done.returncode in (0, 3) and b" = " in done.stdout, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_the_target(spprof, name):
    said = said_of(name)
    report = spprof.report(*core_of(name), codes=(0, 3))
    target, runtime = report["target"], report["runtime"]
    assert (target["kind"], target["pid"]) == ("core", said["pid"])
    assert target["architecture"] == ("aarch64" if "aarch64" in name else "x86_64")
    kind = name.split("-")[0].lstrip("3.0123456789")
    assert (runtime["free_threaded"], runtime["debug"]) == ("t" in kind, "d" in kind)
    version = ".".join(map(str, said["version"]))
    assert runtime["python"].startswith(version if said["version"] >= [3, 11] else "3.%d" % said["version"][1])


@pytest.mark.parametrize("name", NAMES)
def test_owners(spprof, name):
    """The recorded truth does not name the owners; its programs do: two functions are generators or coroutines."""
    report = spprof.report(*core_of(name), codes=(0, 3))
    has_owners = name.split("-")[0] not in ("3.9", "3.10")
    for thread in all_threads(report):
        for frame in thread["frames"]:
            generator = frame["function"] in ("inner", "branch", "leaf")
            assert frame["owner"] == (("generator" if generator else "thread") if has_owners else None)


COMPRESSORS = {"zstd": ["zstd", "-q", "-c"], "lz4": ["lz4", "-q", "-c"], "gzip": ["gzip", "-1", "-c"], "xz": ["xz", "-0", "-c"]}


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_compressed_cores(spprof, unpacked, tmp_path, compressor):
    """A compressed core, told by its content and not by its name, gives what the plain one gives."""
    if not shutil.which(compressor):
        pytest.skip("%s is not installed" % compressor)
    core = unpacked(one_of("3.12"))
    packed = tmp_path / "core"
    with open(packed, "wb") as out:
        subprocess.run([*COMPRESSORS[compressor], core], stdout=out, check=True)
    assert all_threads(spprof.report(*NO_FILES, packed, codes=(0, 3))) == all_threads(spprof.report(*NO_FILES, core, codes=(0, 3)))


def is_in_order(frames, truth):
    """Whether frames stand in truth, in its order."""
    rest = iter(truth)
    return all(frame in rest for frame in frames)


def check_damaged(spprof, core, truth, zeros=False):
    """Whatever is printed of a core with pages missing stood on that thread; returns how many threads are whole.

    A stack that ends early says so, but where zeros stand for what is missing: they may look like the end of a chain.
    """
    done = spprof.run("bt", "--json", *NO_FILES, core, timeout=LIMIT)
    assert done.returncode in (0, 1, 3), done.stderr.decode()
    if done.returncode == 1:
        assert done.stdout == b"" and done.stderr != b""
        return 0
    whole = 0
    for thread in all_threads(json.loads(done.stdout)):
        wanted = truth.get(thread["tid"])
        if wanted is None:
            continue
        frames = [plain(frame) for frame in thread["frames"]]
        known = [frame for frame in frames if None not in (frame["function"], frame["file"], frame["line"])]
        if thread["truncated"] is None and not zeros:
            assert len(frames) == len(wanted["frames"])
        assert is_in_order([strip(frame) for frame in known], [strip(frame) for frame in wanted["frames"]]), thread["tid"]
        whole += frames == wanted["frames"]
    return whole


def strip(frame):
    return frame["function"], frame["file"], frame["line"]


@pytest.mark.parametrize("name", chosen("3.9", "3.11", "3.13-debian", "3.14t", "3.15-debian", "3.14-aarch64"))
def test_truncated_cores(spprof, damaged, name):
    """Peers' fault 7: a core of any length prints what it holds, and never a frame that did not stand."""
    core, truth = damaged(name), truth_of(name)
    size, pages = len(core.data), core.pages()
    wholes = []
    for length in [size - 1, size - 4096, *[pages[len(pages) * part // 16] for part in range(15, -1, -1)], 4096, 1000, 120, 64, 63, 1, 0]:
        core.truncate(length)
        wholes.append(check_damaged(spprof, core.path, truth))
        if wholes[-1]:
            assert spprof.run("bt", *NO_FILES, core.path).returncode == 3
    # The last page is one of the main thread's stack, which Python's frames do not need.
    assert wholes[:2] == [len(truth), len(truth)]


@pytest.mark.parametrize("packed", ["zstd", "gzip", "xz", "lz4"])
def test_truncated_compressed_cores(spprof, unpacked, tmp_path, packed):
    if not shutil.which(packed):
        pytest.skip("%s is not installed" % packed)
    truth = truth_of(one_of("3.12"))
    data = subprocess.run([*COMPRESSORS[packed], unpacked(one_of("3.12"))], stdout=subprocess.PIPE, check=True).stdout
    for part in (1, 500, 900, 999):
        cut = tmp_path / "core"
        cut.write_bytes(data[:len(data) * part // 1000])
        check_damaged(spprof, cut, truth)


@pytest.mark.parametrize("name", chosen("3.10", "3.12", "3.13t", "3.14d-debian", "3.15t"))
def test_cores_with_pages_of_zeros(spprof, damaged, name):
    """Peers' fault 7: pages that were not written. One lost thread costs no other (fault 10)."""
    core, truth, source = damaged(name), truth_of(name), random.Random(name)
    pages = core.pages()
    wholes = []
    for share in (0.003, 0.01, 0.05, 0.2, 0.5) * 2:
        for offset in source.sample(pages, int(len(pages) * share)):
            core.change(offset, bytes(4096))
        wholes.append(check_damaged(spprof, core.path, truth, zeros=True))
        core.restore()
    assert max(wholes) > 0


@pytest.mark.parametrize("name", KINDS)
def test_one_bad_object_costs_no_other_thread(spprof, damaged, name):
    """Peers' fault 10: of one thread a function's name is destroyed, which is told; all other threads are whole."""
    core, truth = damaged(name), truth_of(name)
    victim = "naïve_имя_関数"
    for place in core.find(victim.encode("utf-16-le")):
        core.change(place - 40, b"\xff" * 40)  # length and state of the str
    assert core.saved
    report = spprof.report(*NO_FILES, core.path, codes=(3,))
    for tid, wanted in truth.items():
        frames = [plain(frame) for frame in thread_of(report, tid)["frames"]]
        if wanted["name"] == "worker " + victim:
            assert [strip(frame) for frame in frames if frame["function"]] == [strip(frame) for frame in wanted["frames"]
                                                                               if frame["function"] != victim]
        else:
            assert frames == wanted["frames"]


def changed_word(source, core, pages):
    """A place, and for it a wild value, a small one, one nearly right, or a word from elsewhere in the core."""
    place, elsewhere = (source.choice(pages) + source.randrange(512) * 8 for _ in range(2))
    word, = struct.unpack_from("<Q", core.data, place)
    other, = struct.unpack_from("<Q", core.data, elsewhere)
    value = source.choice((source.getrandbits(64), source.randrange(256), word + 8 & 2 ** 64 - 1, word ^ 1 << source.randrange(64), other))
    return place, struct.pack("<Q", value)


@pytest.mark.parametrize("name", KINDS)
def test_cores_with_words_changed(spprof, damaged, name):
    """Peers' fault 7: whatever a core says, reading it ends, in time, with an exit code of its own."""
    core, source = damaged(name), random.Random(name)
    pages = core.pages()
    for words in (10, 100, 1000, 3000, 10000, 30000):
        for _ in range(words):
            core.change(*changed_word(source, core, pages))
        check_readable(spprof.run("bt", "--json", *NO_FILES, core.path, timeout=LIMIT))
        core.restore()


def check_readable(done):
    assert done.returncode in (0, 1, 3), (done.returncode, done.stderr[-2000:])
    if done.returncode != 1:
        json.loads(done.stdout.decode("utf-8"))


@pytest.mark.parametrize("name", chosen("3.11", "3.14t"))
def test_cores_with_headers_changed(spprof, damaged, name):
    """Peers' fault 7: sizes and offsets in headers and notes are believed only as far as the file reaches."""
    core, source = damaged(name), random.Random(name)
    end = min(start for _, start, _ in core.segments())
    for _ in range(60):
        for _ in range(source.choice((1, 5, 50))):
            core.change(source.randrange(16, end), bytes([source.choice((0, 1, 0x7f, 0x80, 0xff, source.randrange(256)))]))
        check_readable(spprof.run("bt", "--json", *NO_FILES, core.path, timeout=LIMIT))
        core.restore()


def test_sizes_are_those_in_the_file(spprof, damaged):
    """Peers' fault 7: a core whose segments claim more memory than the file holds of them reads as before (p_filesz, not p_memsz)."""
    core, truth = damaged(one_of("3.12")), truth_of(one_of("3.12"))
    for header, _, length in list(core.segments()):
        core.change(header + 40, struct.pack("<Q", length + (1 << 46)))
    assert check_damaged(spprof, core.path, truth) == len(truth)


def without_sources(report):
    """Its threads, less what the source files at hand have to do with it."""
    return [{**thread, "frames": [{**frame, "source_may_differ": None} for frame in thread["frames"]]} for thread in all_threads(report)]


def test_no_file_of_this_machine_stands_in_for_another(spprof, tmp_path):
    """A file at the path of the core's executable is used only if it is that very file."""
    wrong = tmp_path / "sysroot"
    for name in chosen("3.13-debian", "3.11-debian12"):
        report = spprof.report(*core_of(name), codes=(0, 3))
        path = wrong / report["target"]["executable"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)
        again = spprof.report("--sysroot", wrong, PATHS[name], codes=(0, 3))
        assert without_sources(again) == without_sources(report)


def test_thread_ids_of_this_machine_do_not_matter(spprof):
    """Peers' fault 6: names come from the core, even where this machine runs a process of the number of one of its threads."""
    tid = max(truth_of(NAMES[0]))
    script = 'echo %d > /proc/sys/kernel/ns_last_pid; sleep 60 & test $! = %d && "$@"' % (tid - 1, tid)
    namespace = ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc"]
    if subprocess.run([*namespace, "sh", "-c", script, "sh", "true"], capture_output=True).returncode != 0:
        pytest.skip("this user may not make a PID namespace and choose its numbers")
    core = PATHS[NAMES[0]]
    alone = spprof.report(core, codes=(0, 3))
    assert spprof.report(core, codes=(0, 3), before=[*namespace, "sh", "-c", script, "sh"]) == alone
    assert thread_of(alone, tid)["os_name"] != "sleep"


@pytest.mark.parametrize("tid_of", ["worker recursion", "MainThread"])
def test_one_thread_of_a_core(spprof, tid_of):
    name = NAMES[-1]
    tid = next(tid for tid, thread in truth_of(name).items() if thread["name"] == tid_of)
    report = spprof.report("--thread", tid, *core_of(name), codes=(0, 3))
    assert [thread["tid"] for thread in all_threads(report)] == [tid]
    assert len(thread_of(report, tid)["frames"]) == len(truth_of(name)[tid]["frames"])

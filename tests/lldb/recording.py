"""The memory of a real process, for images of systems that are not at hand."""
import os
import re
import struct
from pathlib import Path

WORDS = Path(__file__).resolve().parents[2] / "core/layout/debug_words.def"
HEAD_WORDS = 3  # cookie, version, free-threaded
WIDE, NARROW = struct.Struct("<Q"), struct.Struct("<I")
PAGE = 4096
JUNK = 0xDEADBEEF


class Recording:
    """Ranges of memory by address. The process must stand still, or at least not change what is looked at."""

    def __init__(self, pid, minor, runtime):
        self.minor, self.runtime = minor, runtime
        self.ranges = sorted(read_ranges(pid))

    def find(self, address):
        return next((start, data) for start, data in self.ranges if start <= address < start + len(data))

    def get(self, address, form=WIDE):
        start, data = self.find(address)
        return form.unpack_from(data, address - start)[0]

    def put(self, address, value, form=WIDE):
        start, data = self.find(address)
        form.pack_into(data, address - start, value)

    def gap(self, size):
        """The highest free address below the ranges around the runtime, aligned as images are; in reach of 32 bits."""
        ends = [(0, 0)] + [(start, start + len(data)) for start, data in self.ranges]
        for (_, end), (start, _) in reversed(list(zip(ends, ends[1:]))):
            place = (start - size) & ~0xFFFF
            if start < self.runtime and place >= end and place > 0:
                assert self.runtime - place < 1 << 32
                return place
        raise LookupError("no gap of %d bytes" % size)

    def word(self, name):
        """The address of a word of the debug offsets."""
        lines = re.findall(r"^WORD\((\w+), \w+, (\w+), (\w+)\)", WORDS.read_text(), re.MULTILINE)
        # since: 3_15_B4 is of 3.15
        names = [group + "." + word for since, group, word in lines if int(since.split("_")[1]) <= int(self.minor.split(".")[1])]
        return self.runtime + 8 * (HEAD_WORDS + names.index(name))

    def offset(self, name):
        return self.get(self.word(name))

    def thread_states(self):
        interpreter = self.get(self.runtime + self.offset("runtime_state.interpreters_head"))
        while interpreter:
            state = self.get(interpreter + self.offset("interpreter_state.threads_head"))
            while state:
                yield state
                state = self.get(state + self.offset("thread_state.next"))
            interpreter = self.get(interpreter + self.offset("interpreter_state.next"))

    def narrow_longs(self):
        """
        Makes unsigned longs 32 bits wide, as they are on Windows: the two ids of a thread stand side by side then. What was behind
        them is junk. The ident, a pointer on Linux, is cut, also where threading keeps it.
        """
        ident, native = self.offset("thread_state.thread_id"), self.offset("thread_state.native_thread_id")
        assert native == ident + 8
        for state in self.thread_states():
            self.cut_integer(self.get(state + ident))
            self.put(state + ident + 4, self.get(state + native), NARROW)
            self.put(state + native, JUNK << 32 | JUNK)
        self.put(self.word("thread_state.native_thread_id"), ident + 4)

    def cut_integer(self, value):
        """Leaves the low 32 bits of every int object of this value: two digits of 30 bits behind their number."""
        digits = value & 0x3FFFFFFF, value >> 30
        whole, cut = (struct.pack("<QII", 2 << 3, digits[0], top) for top in (digits[1], digits[1] & 3))
        for _, data in self.ranges:
            while (place := data.find(whole)) >= 0:
                data[place:place + len(cut)] = cut


def read_ranges(pid):
    """What the process can write, and all of the interpreter."""
    maps = Path("/proc/%d/maps" % pid).read_text()
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for start, end, mode, name in re.findall(r"^(\w+)-(\w+) (r\S+) \S+ \S+ \S+ *(.*)$", maps, re.MULTILINE):
            if "w" in mode or "python3" in name:
                yield from read_pieces(memory, int(start, 16), int(end, 16))


def read_pieces(memory, start, end):
    """A mapping without the guard pages that newer C libraries have inside."""
    while start < end:
        try:
            data = bytearray(os.pread(memory.fileno(), end - start, start))
        except OSError:
            start += PAGE
            continue
        if data.startswith(b"\x7fELF"):  # nothing may be learnt from it
            data[:64] = bytes(64)
        yield start, data
        start += len(data)

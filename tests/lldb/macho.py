"""Mach-O images of an interpreter: an executable with the section of _PyRuntime, and a core with the recorded memory."""
import json
import struct

X86_64 = 0x01000007, 3
EXECUTABLE, CORE = 2, 4
LC_SYMTAB, LC_THREAD, LC_SEGMENT_64, LC_UUID, LC_NOTE = 2, 4, 0x19, 0x1B, 0x31
THREAD_STATE_64, THREAD_STATE_64_WORDS = 4, 42
READ, WRITE, EXECUTE = 1, 2, 4
PAGE = 4096


def header(kind, commands):
    return struct.pack("<8I", 0xFEEDFACF, *X86_64, kind, len(commands), sum(map(len, commands)), 0, 0) + b"".join(commands)


def segment(name, address, size, offset, file_size, protection, sections=b"", count=0):
    return struct.pack("<2I16s4Q4I", LC_SEGMENT_64, 72 + len(sections), name, address, size, offset, file_size, protection, protection,
                       count, 0) + sections


def section(name, in_segment, address, size, offset):
    return struct.pack("<16s16s2Q8I", name, in_segment, address, size, offset, 3, 0, 0, 0, 0, 0, 0)


def executable(path, text, runtime, size, symbol):
    """Maps its header at text and __DATA,PyRuntime at runtime; gives the header's page. With symbol _PyRuntime is one, too."""
    data = runtime & ~(PAGE - 1)
    data_size = (runtime + size - data + PAGE - 1) & ~(PAGE - 1)
    tail = 2 * PAGE
    names = b"\0__PyRuntime\0" if symbol else b"\0"
    symbols = struct.pack("<I2BHQ", 1, 0x0F, 1, 0, runtime) if symbol else b""
    commands = [
        segment(b"__PAGEZERO", 0, 0x1000, 0, 0, 0),
        segment(b"__TEXT", text, PAGE, 0, PAGE, READ | EXECUTE),
        segment(b"__DATA", data, data_size, PAGE, PAGE, READ | WRITE,
                section(b"PyRuntime", b"__DATA", runtime, size, PAGE + runtime - data), 1),
        segment(b"__LINKEDIT", data + data_size, PAGE, tail, len(symbols) + len(names), READ),
        struct.pack("<6I", LC_SYMTAB, 24, tail, len(symbols) // 16, tail + len(symbols), len(names)),
        struct.pack("<2I16s", LC_UUID, 24, b"spprof's own UUID"[:16]),
    ]
    head = header(EXECUTABLE, commands).ljust(PAGE, b"\0")
    path.write_bytes(head + bytes(PAGE) + symbols + names)
    return head


def core(path, ranges, tids):
    """ranges: (address, bytes). tids: the threads, whose registers are 0."""
    note = json.dumps({"threads": [{"thread_id": tid} for tid in tids]}).encode()
    registers = bytes(4 * THREAD_STATE_64_WORDS)
    thread = struct.pack("<4I", LC_THREAD, 16 + len(registers), THREAD_STATE_64, THREAD_STATE_64_WORDS) + registers
    commands = [thread] * len(tids)
    size = 32 + sum(map(len, commands)) + 72 * len(ranges) + 40
    offset = note_at = (size + PAGE - 1) & ~(PAGE - 1)
    offset += (len(note) + PAGE - 1) & ~(PAGE - 1)
    commands.append(struct.pack("<2I16s2Q", LC_NOTE, 40, b"process metadata", note_at, len(note)))
    places = []
    for address, data in ranges:
        commands.append(segment(b"", address, len(data), offset, len(data), READ | WRITE))
        places.append((offset, data))
        offset += len(data)
    with open(path, "wb") as file:
        file.write(header(CORE, commands))
        for place, data in [(note_at, note), *places]:
            file.seek(place)
            file.write(data)

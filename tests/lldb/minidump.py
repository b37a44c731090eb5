"""A Windows minidump with the recorded memory, and the DLL with the section of _PyRuntime."""
import struct

AMD64_MACHINE, AMD64_PROCESSOR, WINDOWS_NT = 0x8664, 9, 2
THREADS, MODULES, SYSTEM, MEMORY_64, MISC, MEMORY_INFO = 3, 4, 7, 9, 15, 16
CONTEXT = 1232  # bytes of an AMD64 CONTEXT
PAGE, FILE_ALIGNMENT = 4096, 512
INITIALIZED, READ, WRITE, CODE, EXECUTE = 0x40, 0x40000000, 0x80000000, 0x20, 0x20000000


def section(name, size, address, raw_size, raw, flags):
    return struct.pack("<8s6I2HI", name, size, address, raw_size, raw, 0, 0, 0, 0, flags)


def dll(path, base, runtime, size):
    """Maps its headers at base and a section PyRuntim, a name of full length, at runtime; gives the headers' page and the image's size."""
    place = runtime - base
    image_size = (place + size + PAGE - 1) & ~(PAGE - 1)
    sections = section(b".text", PAGE, PAGE, FILE_ALIGNMENT, 0x400, CODE | EXECUTE | READ)
    sections += section(b"PyRuntim", size, place, FILE_ALIGNMENT, 0x400 + FILE_ALIGNMENT, INITIALIZED | READ | WRITE)
    optional = struct.pack("<H2B5IQ2I6H4I2H4Q2I", 0x20B, 14, 0, FILE_ALIGNMENT, FILE_ALIGNMENT, 0, PAGE, PAGE, base, PAGE, FILE_ALIGNMENT,
                           6, 0, 0, 0, 6, 0, 0, image_size, 0x400, 0, 3, 0x160, 1 << 20, PAGE, 1 << 20, PAGE, 0, 16) + bytes(128)
    coff = struct.pack("<2H3I2H", AMD64_MACHINE, 2, 0, 0, 0, len(optional), 0x2022)
    headers = (b"MZ" + bytes(58) + struct.pack("<I", 0x80)).ljust(0x80, b"\0") + b"PE\0\0" + coff + optional + sections
    headers = headers.ljust(0x400, b"\0")
    path.write_bytes(headers + bytes(2 * FILE_ALIGNMENT))
    return headers.ljust(PAGE, b"\0"), image_size


class Writer:
    """Streams of a minidump, one behind the other."""

    def __init__(self, count):
        self.body, self.directory, self.start = bytearray(), [], 32 + 12 * count

    def add(self, data):
        place = self.start + len(self.body)
        self.body += data
        return place

    def stream(self, kind, data):
        self.directory.append(struct.pack("<3I", kind, len(data), self.add(data)))


def core(path, ranges, tids, pid, module, base, image_size):
    """ranges: (address, bytes). module is the path of the DLL as Windows knows it."""
    writer = Writer(6)
    name = module.encode("utf-16-le")
    name_at = writer.add(struct.pack("<I", len(name)) + name + b"\0\0")
    context_at = writer.add(bytes(CONTEXT))
    writer.stream(SYSTEM, struct.pack("<3H2B5I2H24s", AMD64_PROCESSOR, 6, 0, 2, 1, 10, 0, 19045, WINDOWS_NT, 0, 0, 0, bytes(24)))
    writer.stream(MISC, struct.pack("<6I", 24, 1, pid, 0, 0, 0))
    writer.stream(THREADS, struct.pack("<I", len(tids)) + b"".join(
        struct.pack("<4I2Q4I", tid, 0, 0, 0, 0, ranges[0][0], 0, 0, CONTEXT, context_at) for tid in tids))
    writer.stream(MODULES, struct.pack("<IQ4I52s4I2Q", 1, base, image_size, 0, 0, name_at, bytes(52), 0, 0, 0, 0, 0, 0))
    entries = b"".join(struct.pack("<2Q2IQ4I", start, start, 4, 0, len(data), 0x1000, 4, 0x20000, 0) for start, data in ranges)
    writer.stream(MEMORY_INFO, struct.pack("<2IQ", 16, 48, len(ranges)) + entries)
    memory = struct.pack("<Q", len(ranges))
    memory_end = writer.start + len(writer.body) + 16 + 16 * len(ranges)
    memory += struct.pack("<Q", memory_end) + b"".join(struct.pack("<2Q", start, len(data)) for start, data in ranges)
    writer.stream(MEMORY_64, memory)
    with open(path, "wb") as file:
        file.write(struct.pack("<4s5IQ", b"MDMP", 0xA793, len(writer.directory), 32, 0, 0, 2))
        file.write(b"".join(writer.directory))
        file.write(writer.body)
        for _, data in ranges:
            file.write(data)

"""Where the instructions of some code objects are, as the interpreter that runs this says: the truth for test_position.c.

One line a code object: style, first line, line table in hex, then start,end,line,end_line,column,end_column of each run of instructions
with one position, "-" for what they do not have. Arguments are modules to take code objects from, too. --quote makes C strings.
"""
import ctypes
import importlib
import inspect
import random
import sys

STYLE = "lnotab" if sys.version_info < (3, 10) else "pep626" if sys.version_info < (3, 11) else "pep657"
CASES = 12
NOP = 9  # any instruction without argument will do; of one byte's width in every version

SOURCES = [
    "def f(a,\n      b=(1,\n         2)):\n    return g(\n        a,\n        b +\n        1)\n",
    "x = [\n" + "".join("    name_%d.attribute,\n" % i for i in range(40)) + "]\n",
    "value = " + " + ".join("name_%d" % i for i in range(150)) + "\nafter = 1\n",  # more than 256 bytes of bytecode in one line
    "a = 1\n" + "\n" * 300 + "b = 2\n" + "\n" * 70000 + "c = 3\n",
    "for i in range(3):\n    try:\n        with open(i) as f:\n            yield_ = [j for j in f if j]\n"
    "    except (A,\n            B) as e:\n        raise\n"
    "    finally:\n        x = (lambda y:\n             y)(\n                 3)\n",
    "class C:\n    @decorator(\n        1)\n    def m(self):\n        while True:\n            if self: break\n"
    "            else:\n                continue\n",
    "async def f():\n    async with a as b:\n        async for c in b:\n            yield (await c,\n                   d)\n",
    "if (a and\n    not b or\n    c): x = {1: 2,\n 3: 4}; y = 'é日本'.join(z)\nelif q: pass\n",
    "def f():\n" + " " * 90 + "return a.b(c, d)[e]  # columns beyond those of a short entry\n",
    "z = " + "a" * 200 + ".b\n",
]


def codes_of(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_consts"):
            yield from codes_of(constant)


def line_at(code, offset):
    """What frame.f_lineno and tracebacks ask."""
    return ctypes.pythonapi.PyCode_Addr2Line(ctypes.py_object(code), offset)


def positions(code):
    size = len(code.co_code)
    columns = list(code.co_positions()) if STYLE == "pep657" else [()] * (size // 2)
    assert len(columns) == size // 2
    for index, (_, end_line, *rest) in enumerate((p or (None,) * 4) for p in columns):
        line = line_at(code, index * 2)
        if STYLE == "pep657":
            assert columns[index][0] == (None if line < 0 else line)
        yield (None if line < 0 else line, end_line, *rest)


def runs(code):
    start, last = 0, None
    for index, position in enumerate(positions(code)):
        if index and position != last:
            yield (start * 2, index * 2, *last)
            start = index
        last = position
    if last:
        yield (start * 2, len(code.co_code), *last)


def describe(code):
    table = code.co_lnotab if STYLE == "lnotab" else code.co_linetable
    text = " ".join(",".join("-" if value is None else str(value) for value in run) for run in runs(code))
    return "%s %d %s %s" % (STYLE, code.co_firstlineno, table.hex() or "-", text)


def varint(value):
    out = bytearray()
    while value >= 64:
        out.append(value & 63 | 64)
        value >>= 6
    return bytes(out) + bytes([value])


def signed(value):
    return varint(-value << 1 | 1 if value < 0 else value << 1)


def random_entry(choose, line):
    """An entry of Objects/locations.md: (bytes, code units, new line)."""
    kind, units = choose.randrange(16), choose.randint(1, 8)
    head = bytes([128 | kind << 3 | units - 1])
    delta = choose.choice([0, 1, -1, 63, -64, 5000, -line + 1 if line > 1 else 7, choose.randint(-min(line - 1, 300), 300)])
    if line + delta < 1:
        delta = 1
    if kind == 15:
        return head, units, line
    if kind == 14:
        ends = [choose.choice([0, 1, 31, 32, 63, 64, 4095, 4096, 300000]) for _ in range(3)]
        return head + signed(delta) + b"".join(map(varint, ends)), units, line + delta
    if kind == 13:
        return head + signed(delta), units, line + delta
    if kind >= 10:
        return head + bytes([choose.randrange(128), choose.randrange(128)]), units, line + kind - 10
    return head + bytes([choose.randrange(128)]), units, line


def random_table(choose, line):
    """A table that no compiler makes but every reader understands: (bytes, code units)."""
    table, units = b"", 0
    for _ in range(choose.randint(1, 40)):
        if STYLE == "pep657":
            entry, count, line = random_entry(choose, line)
            table, units = table + entry, units + count
            continue
        delta = choose.choice([0, 1, -1, 127, -127, choose.randint(-100, 100)])
        if STYLE == "pep626" and choose.random() < 0.2:
            delta = -128
        elif line + delta < 1:
            delta = 127
        count = choose.choice([0, 2, 4, 126, 128, 130, 254])
        line += delta if delta != -128 or STYLE == "lnotab" else 0
        table, units = table + bytes([count, delta & 255]), units + count // 2
    return table, units


def made_codes(seed):
    """The code of a small function under line tables that were made up."""
    choose = random.Random(seed)
    for _ in range(CASES):
        line = choose.choice([1, 2, 100, 60000])
        table, units = random_table(choose, line)
        units += 4 if STYLE == "lnotab" else 0  # the last line of a lnotab goes on without end
        if units:
            names = {"co_code": bytes([NOP, 0]) * units, "co_firstlineno": line}
            names["co_lnotab" if STYLE == "lnotab" else "co_linetable"] = table
            yield compile("0", "made", "eval").replace(**names)


def main(arguments):
    quote = "--quote" in arguments
    sources = list(SOURCES)
    sources += [inspect.getsource(importlib.import_module(name)) for name in arguments if name != "--quote"]
    found = [code for source in sources for code in codes_of(compile(source, "source", "exec"))]
    for line in map(describe, found + list(made_codes(1))):
        print('"%s",' % line if quote else line)


main(sys.argv[1:])

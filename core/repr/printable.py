#!/usr/bin/env python3
"""Makes core/repr/printable.inc: which code points str.isprintable() takes in each version, asked of the interpreters themselves.

Versions differ by the Unicode that they know. Run it where tests/pythons/find has an interpreter of every minor version.
"""
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIND = HERE.parent.parent / "tests/pythons/find"
PROBE = "import sys\nsys.stdout.write(''.join('01'[chr(c).isprintable()] for c in range(0x110000)))"
OLDEST = 9
VERSIONS = 11  # that an entry has bits for, beside the 21 of a code point


def printable_by_minor():
    found = {}
    for python in map(json.loads, subprocess.check_output([sys.executable, FIND], text=True).splitlines()):
        minor = int(python["minor"].split(".")[1])
        if minor not in found:
            found[minor] = subprocess.check_output([*python["argv"], "-I", "-S", "-c", PROBE], text=True)
    return found


def main():
    found = printable_by_minor()
    masks = [sum(1 << minor - OLDEST for minor in found if found[minor][point] == "1") for point in range(0x110000)]
    entries = [(point, mask) for point, mask in enumerate(masks) if point == 0 or mask != masks[point - 1]]
    assert max(found) < OLDEST + VERSIONS, "the entries must grow"
    rows = ["0x%08x" % (point << VERSIONS | mask) for point, mask in entries]
    lines = ["/* Made by printable.py: code point << PRINTABLE_VERSIONS | versions in which it and those up to the next entry are printable; bit 0 is 3.%d. */" % OLDEST,
             "enum { PRINTABLE_OLDEST = %d, PRINTABLE_NEWEST = %d, PRINTABLE_VERSIONS = %d };" % (OLDEST, max(found), VERSIONS),
             "/* clang-format off */", "static const uint32_t printable_table[] = {"]
    lines += ["    " + ", ".join(rows[i:i + 10]) + "," for i in range(0, len(rows), 10)]
    (HERE / "printable.inc").write_text("\n".join([*lines, "};", "/* clang-format on */", ""]))


if __name__ == "__main__":
    main()

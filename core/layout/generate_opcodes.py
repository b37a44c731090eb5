#!/usr/bin/env python3
"""Makes opcodes.inc: for each minor version which instructions load a name, which call, leave or resume, and how many cache entries follow each.

generate_opcodes.py --repository GIT     GIT: a clone of CPython with its tags; the newest release of each minor version is read, and main where
                                         that is of a later one
"""
import argparse
import re
import subprocess
from pathlib import Path

OUTPUT = Path(__file__).with_name("opcodes.inc")
# Instructions whose argument is an index into co_names, shifted left where bits of it say something else: Python/bytecodes.c.
NAME_SHIFTS = {
    9: {"LOAD_NAME": 0, "LOAD_GLOBAL": 0, "LOAD_ATTR": 0, "LOAD_METHOD": 0},
    11: {"LOAD_NAME": 0, "LOAD_GLOBAL": 1, "LOAD_ATTR": 0, "LOAD_METHOD": 0},
    12: {"LOAD_NAME": 0, "LOAD_GLOBAL": 1, "LOAD_ATTR": 1, "LOAD_SUPER_ATTR": 2, "LOAD_FROM_DICT_OR_GLOBALS": 0},
}
KINDS = {
    "INSTRUCTION_LEAVES": {"RETURN_VALUE", "RETURN_CONST", "RETURN_GENERATOR", "YIELD_VALUE"},
    "INSTRUCTION_RESUMES": {"FOR_ITER", "SEND", "YIELD_FROM"},
    "INSTRUCTION_HIDDEN": {"INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION"},
    "INSTRUCTION_CALLS": {"CALL", "CALL_KW", "CALL_FUNCTION_EX", "CALL_FUNCTION", "CALL_FUNCTION_KW", "CALL_METHOD"},
}
# Those with a specialised form that pushes the frame of a function: _PUSH_FRAME and DISPATCH_INLINED, Python/bytecodes.c; in 3.11 Python/ceval.c.
MAY_CALL = {9: set(), 11: {"BINARY_SUBSCR"}, 12: {"BINARY_SUBSCR", "LOAD_ATTR"}, 14: {"BINARY_OP", "LOAD_ATTR"}}
OPCODE_HEADERS = ["Include/opcode_ids.h", "Include/opcode.h"]
METADATA_HEADERS = ["Include/internal/pycore_opcode_metadata.h", "Include/internal/pycore_opcode.h"]


def newest_tags(repository):
    tags = subprocess.run(["git", "-C", repository, "tag"], capture_output=True, text=True, check=True).stdout.split()
    newest = {}
    for tag in tags:
        if match := re.fullmatch(r"v3\.(\d+)\.(\d+)(?:(b|rc)(\d+))?", tag):
            minor, patch, level, number = match.groups()
            key = int(patch), {"b": 0, "rc": 1, None: 2}[level], int(number or 0)
            if int(minor) >= 9:
                newest[int(minor)] = max(newest.get(int(minor), (key, tag)), (key, tag))
    found = {minor: tag for minor, (_, tag) in sorted(newest.items())}
    level = re.search(r"^#define PY_MINOR_VERSION\s+(\d+)", next(read(repository, "main", ["Include/patchlevel.h"]), ""), re.M)
    return {**found, int(level[1]): "main"} if level and int(level[1]) > max(found) else found


def read(repository, tag, paths):
    for path in paths:
        done = subprocess.run(["git", "-C", repository, "show", f"{tag}:{path}"], capture_output=True, text=True)
        if done.returncode == 0:
            yield done.stdout


def table(text, name):
    """{"LOAD_GLOBAL": "5"} of `name[256] = { [LOAD_GLOBAL] = 5, ... }`."""
    match = re.search(name + r"\[256\]\s*=\s*\{(.*?)\};", text, re.S)
    return dict(re.findall(r"\[(\w+)\]\s*=\s*(\w+)", match[1])) if match else {}


def instructions(repository, minor, tag):
    """(number, name, cache entries, shift of the name or None, kind or None) for each instruction, specialised ones included."""
    header = next(read(repository, tag, OPCODE_HEADERS if minor >= 13 else OPCODE_HEADERS[1:]))
    numbers = {name: int(value) for name, value in re.findall(r"#define\s+([A-Z]\w+)\s+(\d+)\s*$", header, re.M) if int(value) < 256}
    metadata = "".join(read(repository, tag, METADATA_HEADERS)) if minor >= 11 else ""
    caches, bases = table(metadata, "_PyOpcode_Caches"), table(metadata, "_PyOpcode_Deopt")
    shifts, may_call = (versions[max(version for version in versions if version <= minor)] for versions in (NAME_SHIFTS, MAY_CALL))
    kinds = {name: kind for kind, names in {**KINDS, "INSTRUCTION_MAY_CALL": may_call}.items() for name in names}
    for name, number in numbers.items():
        base = bases.get(name, name)
        plain = base.removeprefix("INSTRUMENTED_")
        yield number, name, int(caches.get(base, caches.get(plain, 0))), shifts.get(plain), kinds.get(base) or kinds.get(plain)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", required=True)
    repository = parser.parse_args().repository
    lines = ["/* Made by generate_opcodes.py from the headers of CPython. */", "/* clang-format off */"]
    for minor, tag in newest_tags(repository).items():
        found = sorted(instructions(repository, minor, tag))
        extended = next(number for number, name, *_ in found if name == "EXTENDED_ARG")
        lines.append(f"static const struct layout_bytecode bytecode_3_{minor} = {{ /* {tag} */")
        lines.append(f"    .extended_arg = {extended},")
        if any(caches for _, _, caches, *_ in found):
            lines.append("    .caches = {" + ", ".join(f"[{number}] = {caches}" for number, _, caches, *_ in found if caches) + "},")
        lines.append("    .name_shift = {" + ", ".join(f"[{number}] = {shift + 1}" for number, _, _, shift, _ in found if shift is not None) + "},")
        lines.append("    .kinds = {" + ", ".join(f"[{number}] = {kind}" for number, *_, kind in found if kind) + "},")
        lines.append("};")
    lines.append("/* clang-format on */")
    OUTPUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

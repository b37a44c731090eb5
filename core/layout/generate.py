#!/usr/bin/env python3
"""Makes and checks layout/tables.inc: the offset of every field of fields.def in every build of CPython, by offsetof.

  generate.py --include DIR [--define NAME]   prints the offsets of one set of headers
  generate.py --repository GIT                makes tables.inc from the headers of every release, and of main where it is newer
  generate.py --check                         compares tables.inc with the headers of every interpreter of this machine

Nothing that is compiled is run: the numbers are read from the assembly, so that a cross compiler serves as well.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIELDS = HERE / "fields.def"
TABLES = HERE / "tables.inc"
FIND = HERE.parent.parent / "tests/pythons/find"

FIELD = re.compile(r'^FIELD\((\w+), (\w+), \w+, "([^"]*)", "([^"]*)"\)', re.MULTILINE)
ABSENT = -1

# Where the structures are; a version has some of them.
HEADERS = """
    Python.h frameobject.h datetime.h
    internal/pycore_runtime.h internal/pycore_interp.h internal/pycore_pystate.h internal/pycore_tstate.h internal/pycore_gil.h
    internal/pycore_frame.h internal/pycore_interpframe.h internal/pycore_code.h internal/pycore_dict.h internal/pycore_moduleobject.h
    internal/pycore_genobject.h
""".split()

# What old versions keep out of the headers.
PRIVATE = """
#if PY_VERSION_HEX < 0x030b0000 /* Objects/dict-common.h of 3.9.0 to 3.10.21 */
struct _dictkeysobject {
    Py_ssize_t dk_refcnt;
    Py_ssize_t dk_size;
    void *dk_lookup;
    Py_ssize_t dk_usable;
    Py_ssize_t dk_nentries;
    char dk_indices[];
};
#endif
#if PY_VERSION_HEX < 0x030a0000 /* Objects/moduleobject.c of 3.9.0 to 3.9.25 */
typedef struct {
    PyObject_HEAD
    PyObject *md_dict;
} PyModuleObject;
#endif

/* What every version since 3.9 keeps in its .c files, the beginning of each structure as far as it is read. */
typedef struct { /* Objects/rangeobject.c */
    PyObject_HEAD
    PyObject *start, *stop, *step;
} rangeobject;
typedef struct BLOCK { /* Modules/_collectionsmodule.c */
    struct BLOCK *leftlink;
    PyObject *data[64];
    struct BLOCK *rightlink;
} block;
typedef struct {
    PyObject_VAR_HEAD
    block *leftblock, *rightblock;
    Py_ssize_t leftindex, rightindex;
    size_t state;
    Py_ssize_t maxlen;
} dequeobject;
typedef struct {
    PyDictObject dict;
    PyObject *default_factory;
} defdictobject;
typedef struct _odictnode { /* Objects/odictobject.c */
    PyObject *key;
    Py_hash_t hash;
    struct _odictnode *next, *prev;
} _ODictNode;
struct _odictobject {
    PyDictObject od_dict;
    _ODictNode *od_first, *od_last;
};
typedef struct { /* Modules/arraymodule.c */
    PyObject_VAR_HEAD
    char *ob_item;
    Py_ssize_t allocated;
    const void *ob_descr;
} arrayobject;
typedef struct { /* Objects/descrobject.c */
    PyObject_HEAD
    PyObject *mapping;
} mappingproxyobject;
typedef struct {
    PyObject_HEAD
    PyWrapperDescrObject *descr;
    PyObject *self;
} wrapperobject;
typedef struct { /* Objects/funcobject.c; classmethod begins like it */
    PyObject_HEAD
    PyObject *sm_callable;
} staticmethod;
typedef struct { /* Objects/namespaceobject.c */
    PyObject_HEAD
    PyObject *ns_dict;
} _PyNamespaceObject;
typedef struct { /* Objects/genericaliasobject.c */
    PyObject_HEAD
    PyObject *origin, *args;
} gaobject;
typedef struct { /* Objects/unionobject.c, 3.10 and later */
    PyObject_HEAD
    PyObject *args;
} unionobject;
typedef struct { /* Modules/_functoolsmodule.c */
    PyObject_HEAD
    PyObject *fn, *args, *kw;
} partialobject;
typedef struct { /* Modules/_datetimemodule.c */
    PyObject_HEAD
    PyObject *offset, *name;
} PyDateTime_TimeZone;
typedef struct { /* Modules/_decimal/_decimal.c; mpd_t is libmpdec's */
    PyObject_HEAD
    Py_hash_t hash;
    struct {
        uint8_t flags;
        Py_ssize_t exp, digits, len, alloc;
        uint64_t *data;
    } dec;
} PyDecObject;
"""

# What configure finds on any 64-bit Linux, as far as the headers ask: for headers from the repository, which were never configured.
PYCONFIG = """
#define ALIGNOF_MAX_ALIGN_T 16
#define DOUBLE_IS_LITTLE_ENDIAN_IEEE754 1
#define HAVE_BUILTIN_ATOMIC 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_DLOPEN 1
#define HAVE_DYNAMIC_LOADING 1
#define HAVE_ERRNO_H 1
#define HAVE_FORK 1
#define HAVE_GCC_UINT128_T 1
#define HAVE_LANGINFO_H 1
#define HAVE_PTHREAD_CONDATTR_SETCLOCK 1
#define HAVE_PTHREAD_H 1
#define HAVE_SEM_TIMEDWAIT 1
#define HAVE_SIGACTION 1
#define HAVE_SIGALTSTACK 1
#define HAVE_SIGNAL_H 1
#define HAVE_SSIZE_T 1
#define HAVE_STD_ATOMIC 1
#define HAVE_SYS_SELECT_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1
#define HAVE_WCHAR_H 1
#define PY_FORMAT_SIZE_T "z"
#define PY_HAVE_PERF_TRAMPOLINE 1
#define Py_REMOTE_DEBUG 1
#define SIZEOF_INT 4
#define SIZEOF_LONG 8
#define SIZEOF_LONG_DOUBLE 16
#define SIZEOF_LONG_LONG 8
#define SIZEOF_PID_T 4
#define SIZEOF_PTHREAD_T 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_TIME_T 8
#define SIZEOF_UINTPTR_T 8
#define SIZEOF_VOID_P 8
#define SIZEOF_WCHAR_T 4
#define SIZEOF__BOOL 1
#define WITH_DOC_STRINGS 1
#define WITH_FREELISTS 1
#define WITH_MIMALLOC 1
#define WITH_PYMALLOC 1
#define _GNU_SOURCE 1
#define _Py_STACK_GROWS_DOWN 1
"""

# What the headers say of themselves, told beside the fields.
SELF = {
    "version": "PY_VERSION_HEX",
    "free_threaded": "SPPROF_FREE_THREADED",
    "debug": "SPPROF_DEBUG",
    "architecture": "SPPROF_ARCHITECTURE",
}
PROLOGUE = """
#define Py_BUILD_CORE 1
%s
%s
#include <stddef.h>
#ifdef Py_GIL_DISABLED
#define SPPROF_FREE_THREADED 1
#else
#define SPPROF_FREE_THREADED 0
#endif
#ifdef Py_DEBUG
#define SPPROF_DEBUG 1
#else
#define SPPROF_DEBUG 0
#endif
#if defined __x86_64__
#define SPPROF_ARCHITECTURE 1
#elif defined __aarch64__
#define SPPROF_ARCHITECTURE 2
#endif
#define TELL(key, value) __asm__ volatile("\\n\\t.ascii \\"spprof " key " %%c0\\"" : : "i"(value));
void spprof_tell(void)
{
"""
ARCHITECTURES = {1: "x86_64", 2: "aarch64"}
COMPILERS = {"x86_64": "gcc", "aarch64": "aarch64-linux-gnu-gcc"}

# One set of headers and how it is compiled; one build of CPython and its offsets, in the order of fields.def.
HeaderSet = namedtuple("HeaderSet", "includes defines compiler")
Build = namedtuple("Build", "version free_threaded debug architecture offsets")


def read_fields(path: Path = FIELDS) -> list:
    """[(enumerator, [member or "sizeof Type", ...])] in the order of fields.def."""
    return [(f"FIELD_{group}_{name}", members.split("|")) for group, name, _, members in FIELD.findall(path.read_text())]


def expression(member: str) -> str:
    """C for one alternative: "sizeof T" and "T.a.b"; T may be "struct s"."""
    if member.startswith("sizeof "):
        return f"sizeof({member[len('sizeof '):]})"
    name, _, path = member.partition(".")
    return f"offsetof({name}, {path})"


class Failed(Exception):
    pass


def compile_with(headers: HeaderSet, source: str, *arguments: str) -> subprocess.CompletedProcess:
    # Debian's pyconfig.h includes <x86_64-linux-gnu/python3.13/pyconfig.h>: the folder above is the last to be searched.
    folders = [option for include in headers.includes
               for option in (f"-I{include}", f"-I{include}/internal", f"-idirafter{Path(include).parent}")]
    return subprocess.run([headers.compiler, "-std=gnu11", "-w", *folders, *[f"-D{define}" for define in headers.defines], *arguments,
                           "-xc", "-"], input=source, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})


def existing(headers: HeaderSet) -> list:
    return [name for name in HEADERS if any(Path(include, name).exists() for include in headers.includes)]


def measure(headers: HeaderSet, fields: list) -> Build:
    """Compiles one line for every alternative of every field, less those that the headers do not have."""
    prologue = PROLOGUE % ("\n".join(f'#include "{name}"' for name in existing(headers)), PRIVATE)
    tell = [f'TELL("{key}", {value})' for key, value in SELF.items()]
    tell += [f'TELL("{index}.{alternative}", {expression(member)})'
             for index, (_, members) in enumerate(fields) for alternative, member in enumerate(members)]
    without_absent(headers, prologue, tell)
    assembly = compile_with(headers, program(prologue, tell), "-S", "-o", "-").stdout
    told = {key: int(value) for key, value in re.findall(r'\.ascii\s+"spprof ([\w.]+) (-?\d+)"', assembly)}
    offsets = (next((told[key] for key in (f"{index}.{alternative}" for alternative in range(len(members))) if key in told), ABSENT)
               for index, (_, members) in enumerate(fields))
    return Build(told["version"], bool(told["free_threaded"]), bool(told["debug"]), ARCHITECTURES[told["architecture"]], tuple(offsets))


def program(prologue: str, tell: list) -> str:
    return prologue + "\n".join(tell) + "\n}\n"


def without_absent(headers: HeaderSet, prologue: str, tell: list) -> None:
    """Empties the lines that do not compile: the compiler says which."""
    first = prologue.count("\n") + 1
    unlimited = "-ferror-limit=0" if "clang" in headers.compiler else "-fmax-errors=0"
    while True:
        done = compile_with(headers, program(prologue, tell), "-fsyntax-only", unlimited)
        if done.returncode == 0:
            return
        wrong = {int(number) - first for number in re.findall(r"<stdin>:(\d+):\d+: (?:fatal )?error:", done.stderr)}
        if not wrong or min(wrong) < len(SELF) or not any(tell[number] for number in wrong):
            raise Failed(f"{headers.compiler} cannot compile the headers in {headers.includes[0]}:\n{done.stderr[:2000]}")
        for number in wrong:
            tell[number] = ""


def print_build(build: Build, fields: list) -> None:
    print(f"# {version_text(build.version)} free_threaded={build.free_threaded} debug={build.debug} {build.architecture}")
    for (name, _), offset in zip(fields, build.offsets):
        print(f"{name[len('FIELD_'):]:40} {offset if offset != ABSENT else '-'}")


def version_text(version: int) -> str:
    level = {0xa: "a", 0xb: "b", 0xc: "rc", 0xf: ""}.get(version >> 4 & 15, "?")
    return f"{version >> 24}.{version >> 16 & 255}.{version >> 8 & 255}{level}{version & 15 if level else ''}"


def development(repository: str, newest: int) -> list:
    """["main"] where that is of a later minor version than any tag."""
    done = subprocess.run(["git", "-C", repository, "show", "main:Include/patchlevel.h"], capture_output=True, text=True)
    minor = re.search(r"^#define PY_MINOR_VERSION\s+(\d+)", done.stdout, re.MULTILINE)
    return ["main"] if minor and int(minor[1]) > newest else []


def releases(repository: str) -> list:
    """What to measure: every final release, the betas and candidates of the newest minor version, and the one in development."""
    tags = subprocess.run(["git", "-C", repository, "tag"], capture_output=True, text=True, check=True).stdout.split()
    found = [match for match in (re.fullmatch(r"v3\.(\d+)\.(\d+)((?:b|rc)\d+)?", tag) for tag in tags) if match and int(match[1]) >= 9]
    newest = max(int(match[1]) for match in found)
    return [match[0] for match in found if not match[3] or int(match[1]) == newest] + development(repository, newest)


def unpack(repository: str, tag: str, folder: Path) -> Path:
    """The headers of one tag, as if configured."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", repository, "archive", tag, "Include"], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    include = folder / "Include"
    (include / "pyconfig.h").write_text(PYCONFIG)
    return include


def measure_all(repository: str, compilers: list, fields: list) -> list:
    """Every build of every release. Builds that differ in Py_DEBUG or in the architecture only must be equal."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        includes = [unpack(repository, tag, Path(folder, tag)) for tag in releases(repository)]
        sets = [HeaderSet([str(include)], defines, compiler) for include in includes for compiler in compilers
                for defines in ([], ["Py_DEBUG=1"], ["Py_GIL_DISABLED=1"], ["Py_DEBUG=1", "Py_GIL_DISABLED=1"])]
        builds = pool.map(lambda headers: measure(headers, fields), sets)
        return [build for build in builds if not build.free_threaded or build.version >= 0x030d0000]


Row = namedtuple("Row", "since until free_threaded offsets")


def rows_of(builds: list) -> list:
    """Groups neighbours that are equal: [Row]. The last row of a minor version stands for the patch releases to come too."""
    rows = []
    by_build = {}
    for build in builds:
        known = by_build.setdefault((build.version >> 16, build.free_threaded, build.version), build)
        if known.offsets != build.offsets:
            raise Failed(f"{version_text(build.version)} differs by Py_DEBUG or architecture: struct built_in needs a column for that")
    for (minor, free_threaded, version), build in sorted(by_build.items()):
        last = rows[-1] if rows else None
        if last and last.since >> 16 == minor and last.free_threaded == free_threaded:
            if last.offsets == build.offsets:
                continue
            rows[-1] = last._replace(until=version - 1)
        rows.append(Row(version, minor << 16 | 0xffff, free_threaded, build.offsets))
    return rows


def column_head(row: Row) -> tuple:
    """("3.14", ".4t"): what stands above a column."""
    major, minor, patch = version_text(row.since).split(".")
    return f"{major}.{minor}", ("" if patch == "0" else patch[1:] if patch[1:2].isalpha() else f".{patch}") + "t" * row.free_threaded


def write_tables(rows: list, fields: list) -> None:
    width = max(len(name) for name, _ in fields) + 2
    heads = [column_head(row) for row in rows]
    lines = ["/* Made by generate.py from the headers of CPython. A column is a table, named by the first release that has it. */", "",
             "static const struct built_in tables[] = {"]
    lines += [f"    {{0x{row.since:08x}, 0x{row.until:08x}, {str(row.free_threaded).lower()}}}, /* {''.join(head)} */"
              for row, head in zip(rows, heads)]
    lines += ["};", "", "/* clang-format off */", "static const int16_t offsets[LAYOUT_FIELD_COUNT][sizeof tables / sizeof *tables] = {"]
    lines += [f"    /*{'':{width + 1}} {' '.join(f'{head[line]:>4}' for head in heads)} */" for line in range(2)]
    lines += [f"    {f'[{name}]':{width}} = {{{','.join(f'{row.offsets[index]:>4}' for row in rows)}}},"
              for index, (name, _) in enumerate(fields)]
    lines += ["};", "/* clang-format on */", "", f"enum {{ TABLE_FIELD_COUNT = {len(fields)} }};"]
    TABLES.write_text("\n".join(lines) + "\n")


def read_tables() -> tuple:
    """What write_tables wrote: ([enumerator], [Row])."""
    text = TABLES.read_text()
    heads = re.findall(r"\{(0x\w+), (0x\w+), (true|false)\}", text)
    lines = re.findall(r"\[(FIELD_\w+)\]\s*= \{([^}]*)\}", text)
    columns = list(zip(*[[int(value) for value in values.split(",")] for _, values in lines]))
    return [name for name, _ in lines], [Row(int(since, 16), int(until, 16), free_threaded == "true", offsets)
                                         for (since, until, free_threaded), offsets in zip(heads, columns)]


def installed() -> list:
    """The headers of every interpreter of this machine, with the compiler of their architecture."""
    found = subprocess.run([sys.executable, str(FIND)], stdout=subprocess.PIPE, text=True, check=True).stdout
    sets = {}
    for python in map(json.loads, found.splitlines()):
        compiler = COMPILERS[python["architecture"]]
        if python["include"] and shutil.which(compiler):
            sets[python["include"], compiler] = HeaderSet([python["include"]], [], compiler)
        else:
            print(f"{python['id']}: not checked: {f'there is no {compiler}' if python['include'] else 'it has no headers'}")
    return list(sets.values())


def check(sets: list, fields: list) -> bool:
    """Compares the tables with headers, and says what was compared."""
    names, rows = read_tables()
    if names != [name for name, _ in fields]:
        print("tables.inc does not have the fields of fields.def: make it again with --repository")
        return False
    good = True
    for headers in sets:
        build = measure(headers, fields)
        row = next((row for row in rows if row.since <= build.version <= row.until and row.free_threaded == build.free_threaded), None)
        wrong = [f"{name[len('FIELD_'):]} is at {there}, not {here}" for name, here, there in zip(names, row.offsets, build.offsets)
                 if here != there] if row else ["there is no table for it"]
        print(f"{version_text(build.version)}{'t' * build.free_threaded}{'d' * build.debug} {build.architecture} "
              f"{headers.includes[0]}: {'; '.join(wrong) or 'equal'}")
        good = good and not wrong
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", action="append", default=[], metavar="DIR", help="headers; the first is the one with Python.h")
    parser.add_argument("--define", action="append", default=[], metavar="NAME")
    parser.add_argument("--compiler", action="append", default=[], metavar="CC", help="default: one for each architecture that is there")
    parser.add_argument("--repository", metavar="GIT", help="a clone of CPython with its tags")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    try:
        return run(options, parser)
    except Failed as reason:
        print(f"generate.py: {reason}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    fields = read_fields()
    compilers = options.compiler or [compiler for compiler in COMPILERS.values() if shutil.which(compiler)]
    given = [HeaderSet(options.include, options.define, compilers[0])] if options.include else []
    if options.check:
        return 0 if check(given or installed(), fields) else 1
    if options.repository:
        write_tables(rows_of(measure_all(options.repository, compilers, fields)), fields)
    elif given:
        print_build(measure(given[0], fields), fields)
    else:
        parser.error("one of --include, --repository and --check is needed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

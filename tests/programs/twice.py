"""twice.py TRUTH [LIBRARY...]: the interpreter's own file mapped once more, and other interpreters' libraries loaded beside it."""
import ctypes
import mmap
import sys

import functions
import parking


def interpreter_files():
    paths = {line.split(None, 5)[-1] for line in parking.proc_file("self/maps").decode().splitlines()}
    return sorted(path for path in paths if "libpython" in path) + [sys.executable]


def map_again(path):
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)


if __name__ == "__main__":
    maps = [map_again(path) for path in interpreter_files()]
    libraries = [ctypes.CDLL(path) for path in sys.argv[2:]]
    parking.run(functions.method, functions.sorted_key)

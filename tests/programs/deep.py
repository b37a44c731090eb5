"""deep.py TRUTH DEPTH: a stack of DEPTH Python frames."""
import sys
import threading

from parking import park, run

DEPTH = int(sys.argv[2])
LARGEST_STACK = 0xfffff000  # bytes; up to 3.10, and in debug builds, each Python call takes some of the C stack


def down(n):
    if n:
        down(n - 1)
    else:
        park()


def deep():
    down(DEPTH)


if __name__ == "__main__":
    sys.setrecursionlimit(DEPTH + 1000)
    threading.stack_size(LARGEST_STACK)
    run(deep)

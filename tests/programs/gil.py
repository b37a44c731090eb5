"""gil.py TRUTH hold|collect|compute: one thread keeps the GIL for long, inside C; others want it.

Each byte written to TRUTH.fifo lets one of three threads try to take the GIL.
"""
import ctypes
import functools
import gc
import os
import sys

from parking import park, park_then, run

TRUTH, KIND = sys.argv[1:3]
hold = functools.partial(ctypes.PyDLL(None).sleep, 3600)
compute = functools.partial(sum, range(10 ** 15))


class Cycle:
    def __init__(self):
        self.cycle = self

    def __del__(self):
        park_then(hold, last=True)


def holder():
    if KIND == "hold":
        park_then(hold, last=True)
    elif KIND == "compute":
        park_then(compute, last=True)
    else:
        Cycle()
        gc.collect()


def waiter():
    park_then(functools.partial(os.read, FIFO, 1))


if __name__ == "__main__":
    os.mkfifo(TRUTH + ".fifo")
    FIFO = os.open(TRUTH + ".fifo", os.O_RDWR)
    gc.disable()
    run(holder, waiter, waiter, park, main=waiter)

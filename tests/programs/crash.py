"""crash.py TRUTH segv|abort|wait main|worker: one thread dies, or waits for ever, with others parked in several shapes."""
import ctypes
import functools
import os
import sys
import threading

import functions
import generators
import names
from parking import GATE, park_then, run

KIND, WHERE = sys.argv[2:4]
ACTIONS = {
    "segv": functools.partial(ctypes.memmove, 0x10, b"x", 1),
    "abort": os.abort,
    "wait": GATE.acquire,
}


def crasher():
    park_then(ACTIONS[KIND])


def shapes():
    yield from (functions.recursion, functions.method, functions.sorted_key, generators.coroutines, generators.yield_from)
    yield from (names.shape(names.called, label) for label in ("escape", "latin_1", "ucs_2", "ucs_4", "lone_surrogates"))
    yield names.with_name(names.Text("подкласс"))


if __name__ == "__main__":
    os.chdir(os.path.dirname(sys.argv[1]))  # the kernel writes the core file here
    threading.current_thread().name = "main, renamed"
    if WHERE == "main":
        run(*shapes(), main=crasher)
    else:
        run(*shapes(), crasher)

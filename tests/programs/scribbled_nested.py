"""scribbled_nested.py TRUTH: a thread overwrites a frame between others, then the process dies; the others are parked."""
import _thread
import ctypes
import os
import sys
import time

import functions
from parking import park, run


def handle():
    parse()


def parse():
    overwrite(sys._getframe())


def overwrite(frame):
    """The frame of its caller: the process dies, and this frame is whole."""
    behind = id(frame) + object.__basicsize__ + 8  # f_back; from 3.11 on f_frame follows
    address = ctypes.c_uint64.from_address(behind).value if sys.version_info >= (3, 11) else behind
    fill = ctypes.PyDLL(None).memset
    fill.argtypes, fill.restype = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], None
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    fill(address, 0x41, 64)
    os.abort()


def serve():
    sorted([1], key=lambda value: handle())


if __name__ == "__main__":
    os.chdir(os.path.dirname(sys.argv[1]))  # the kernel writes the core file here
    run(park, functions.recursion, functions.method, main=lambda: (_thread.start_new_thread(serve, ()), park()))

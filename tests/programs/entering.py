"""3.11 and 3.12: as a compiler may let the first instructions of _PyEval_EvalFrameDefault: now and then the current C frame says nothing yet."""
import ctypes
import json
import os
import sys

NAMES_FRAME = 56  # PyThreadState.cframe of 3.11 and 3.12
C_FRAME = (ctypes.c_uint64 * 3)(0, 0xBAD, 0)
ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_uint64
current = ctypes.c_uint64.from_address(ctypes.pythonapi.PyThreadState_Get() + NAMES_FRAME)
usleep, true, false = ctypes.CDLL(None).usleep, current.value, ctypes.addressof(C_FRAME)


def enter():
    while True:
        current.value = false
        usleep(1000)
        current.value = true
        usleep(4000)


with open(sys.argv[1] + ".new", "w") as truth:
    json.dump({"pid": os.getpid()}, truth)
os.rename(sys.argv[1] + ".new", sys.argv[1])
enter()

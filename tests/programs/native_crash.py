"""Dies in a thread of C when its standard input ends; says before in which thread, and where in the library its function lies."""
import ctypes
import os
import sys
import time

library = ctypes.CDLL(sys.argv[1])
descriptor = ctypes.c_int(0)
library.start(ctypes.byref(descriptor))
thread_id = ctypes.c_int.in_dll(library, "thread_id")
while not thread_id.value:
    time.sleep(0.01)
base = min(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if line.rstrip().endswith(os.path.basename(sys.argv[1])))
print(os.getpid(), thread_id.value, ctypes.cast(library.die, ctypes.c_void_p).value - base, flush=True)


def serve():
    while True:
        time.sleep(3600)


serve()

"""many.py TRUTH THREADS DEPTH: parked threads of DEPTH frames each, and a main thread that never rests.

TRUTH.beat is two 64-bit numbers: how often the main thread has gone round, and its longest step in nanoseconds, which a reader may
set to 0.
"""
import mmap
import sys
import threading
import time

import parking

TRUTH, THREADS, DEPTH = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
FRAMES_OF_THREADING = 3


def down(n):
    if n > 1:
        down(n - 1)
    else:
        parking.park()


def worker():
    down(DEPTH - FRAMES_OF_THREADING - 2)


def beat(shared):
    beats = memoryview(shared).cast("Q")
    last = time.monotonic_ns()
    while True:
        now = time.monotonic_ns()
        beats[0] += 1
        if now - last > beats[1]:
            beats[1] = now - last
        last = now


if __name__ == "__main__":
    sys.setrecursionlimit(DEPTH + 1000)
    with open(TRUTH + ".beat", "w+b") as file:
        file.truncate(16)
        shared = mmap.mmap(file.fileno(), 16)
    for number in range(THREADS):
        threading.Thread(target=worker, name="worker %d" % number, daemon=True).start()
    parking.stand()
    parking.record(THREADS + 1, TRUTH)
    beat(shared)

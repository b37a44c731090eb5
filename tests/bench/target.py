"""What the benchmarks look at: target.py THREADS DEPTH MEGABYTES [spin]. Prints "ready"; on SIGUSR1 it dies and leaves a core.

With "spin" the main thread measures from inside how long it stood still: a line with the largest gap, in microseconds, each second.
"""
import os
import signal
import sys
import threading
import time

threads, depth, megabytes = map(int, sys.argv[1:4])
sys.setrecursionlimit(depth + 1000)
event = threading.Event()


def down(n, then):
    return down(n - 1, then) if n else then()


def spin():
    while True:
        end = time.monotonic() + 1
        largest, last = 0, time.monotonic_ns()
        while last < end * 1e9:
            now = time.monotonic_ns()
            largest, last = max(largest, now - last), now
        print(largest // 1000, flush=True)


signal.signal(signal.SIGUSR1, lambda *_: os.abort())
data = [os.urandom(1 << 20) for _ in range(min(megabytes, 16))]
ballast = [data[i % len(data)] + b"." for i in range(megabytes)]
if depth <= 5000:
    threading.stack_size(256 << 10)
for _ in range(threads - 1):
    threading.Thread(target=down, args=(depth, event.wait), daemon=True).start()
print("ready", flush=True)
down(depth, spin if "spin" in sys.argv else event.wait)

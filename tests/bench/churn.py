"""What the sampling benchmark looks at: churn.py THREADS DEPTH spin|churn|deep|gen SECONDS WORK. Writes the work done in each second to WORK.

spin stands still below DEPTH frames; churn calls a function that calls another; deep recurses and comes back; gen goes through nested generators.
"""
import sys
import threading
import time

threads, depth, mode, seconds = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
work = [0] * threads
end = time.monotonic() + seconds


def inner(x):
    return x + 1


def outer(x):
    return inner(x) + 1


def recurse(n):
    return recurse(n - 1) + 1 if n else 0


def nested(n):
    if n:
        yield from nested(n - 1)
    for i in range(20):
        yield i


def spin(i):
    done = 0
    while time.monotonic() < end:
        for _ in range(2000):
            done += 1
        work[i] = done


def churn(i):
    done = 0
    while time.monotonic() < end:
        for _ in range(300):
            outer(done)
            done += 1
        work[i] = done


def deep(i):
    done = 0
    while time.monotonic() < end:
        recurse(depth)
        done += 1
        work[i] = done


def gen(i):
    done = 0
    while time.monotonic() < end:
        for _ in nested(min(depth, 30)):
            done += 1
        work[i] = done


def down(n, i):
    return down(n - 1, i) if n else globals()[mode](i)


def report(path):
    before, at = 0, time.monotonic()
    with open(path, "w", buffering=1) as lines:
        while time.monotonic() < end:
            time.sleep(0.5)
            now, total = time.monotonic(), sum(work)
            lines.write("%f %f\n" % (now, (total - before) / (now - at)))
            before, at = total, now


below = depth if mode in ("spin", "churn") else 5
threading.Thread(target=report, args=(sys.argv[5],), daemon=True).start()
for number in range(1, threads):
    threading.Thread(target=down, args=(below, number), daemon=True).start()
down(below, 0)

"""What the sampling benchmark looks at: churn.py THREADS DEPTH MODE SECONDS WORK. Writes the work done in each
second to WORK, and to WORK.head the address of the word that names the main thread's newest frame.

spin stands still below DEPTH frames; churn calls a function that calls another; methods makes objects and calls their methods; callbacks
lets C code call functions; operators calls methods that no line names; traced calls functions under a profile function; root calls functions
in the oldest frame; deep recurses and comes back; gen goes through nested generators.
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


class Point:
    def __init__(self, x):
        self.x = x
        self.y = x * x

    def norm(self):
        return self.x * self.x + self.y * self.y

    @property
    def width(self):
        return self.x


def weight(x):
    return -x


def square(x):
    return x * x


class Sum:
    def __add__(self, x):
        return self


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


def methods(i):
    done = 0
    while time.monotonic() < end:
        for _ in range(300):
            point = Point(done)
            point.norm()
            done += point.width - done + 1
        work[i] = done


def callbacks(i):
    done, numbers, sums = 0, list(range(100)), [Sum()] * 100
    while time.monotonic() < end:
        numbers.sort(key=weight)
        list(map(square, numbers))
        sum(sums, sums[0])
        done += 1
        work[i] = done


def operators(i):
    done, number = 0, Sum()
    while time.monotonic() < end:
        for _ in range(300):
            number = number + done
            done += 1
        work[i] = done


def tracer(frame, event, argument):
    return tracer


def traced(i):
    sys.setprofile(tracer)
    churn(i)


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


def head():
    """In the thread state, or in the C frame that it points to (3.11, 3.12). 0: it is not found."""
    import ctypes
    word, frame = ctypes.c_uint64.from_address, sys._getframe()
    free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_uint64
    state = ctypes.pythonapi.PyThreadState_Get()
    names = id(frame), word(id(frame) + (40 if free_threaded else 24)).value  # f_frame, 3.11 and later; before it is the frame itself
    for place in range(state, state + 200, 8):
        if word(place).value in names:
            return place
    for place in range(state + 40, state + 100, 8):
        c_frame = word(place).value
        for inner in (c_frame, c_frame + 8):
            if 1 << 40 < inner < 1 << 47 and inner % 8 == 0 and word(inner).value in names:
                return inner
    return 0


def report(path):
    before, at = 0, time.monotonic()
    with open(path, "w", buffering=1) as lines:
        while time.monotonic() < end:
            time.sleep(0.5)
            now, total = time.monotonic(), sum(work)
            lines.write("%f %f\n" % (now, (total - before) / (now - at)))
            before, at = total, now


below = depth if mode not in ("deep", "gen") else 5
with open(sys.argv[5] + ".head", "w") as out:
    out.write(str(head()))
threading.Thread(target=report, args=(sys.argv[5],), daemon=True).start()
for number in range(1, threads):
    threading.Thread(target=down, args=(below, number), daemon=True).start()
if mode == "root":
    while time.monotonic() < end:
        for _ in range(300):
            outer(work[0])
        work[0] += 300
else:
    down(below, 0)

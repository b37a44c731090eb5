"""Threads that never stand still. TRUTH holds every call that they can make, as [caller, line, callee], and every line of each function.

Both were seen by a trace function while the same code ran once, so a stack with any other pair or line never stood.
"""
import _thread
import dis
import itertools
import json
import os
import sys


def leaf_a(x):
    return x + 1


def leaf_b(x):
    return leaf_a(
        x
    ) + 1


def deep(n):
    return deep(n - 1) + 1 if n else leaf_a(n)


def numbers(n):
    if n:
        yield from numbers(n - 1)
    for i in range(3):
        yield leaf_a(i)


class Point:
    def __init__(self, x):
        captured = self
        self.x = leaf_b(x)
        self.me = lambda: captured

    def __lt__(self, other):
        return self.x < other.x


async def awaited(n):
    return await awaited(n - 1) if n else leaf_b(n)


def drive(n):
    try:
        awaited(n).send(None)
    except StopIteration:
        pass


def turn():
    for i in range(5):
        leaf_b(i)
    deep(60)
    for _ in numbers(8):
        pass
    sorted([Point(2), Point(1)], key=lambda point: Point(point.x))
    drive(10)


def work(turns):
    for _ in turns:
        turn()


def lines_of(code):
    """Every line of a code object; None where it has instructions without a line."""
    lines = code.co_lines() if hasattr(code, "co_lines") else dis.findlinestarts(code)
    return [code.co_firstlineno, *{line for *_, line in lines}]


def write(path, calls, codes):
    lines = {}
    for code in codes:
        lines.setdefault(code.co_name, []).extend(lines_of(code))
    with open(path + ".part", "w") as out:
        json.dump({"pid": os.getpid(), "calls": sorted(calls), "lines": lines}, out)
    os.rename(path + ".part", path)


def runs(path):
    """One turn under trace, whose findings are the truth, then turns for ever."""
    calls, codes = set(), {sys._getframe(1).f_code}

    def tracer(frame, event, _):
        codes.add(frame.f_code)
        if event == "call":
            calls.add((frame.f_back.f_code.co_name, frame.f_back.f_lineno, frame.f_code.co_name))
        return tracer
    sys.settrace(tracer)
    yield range(1)
    sys.settrace(None)
    write(path, calls, codes)
    for _ in range(2):
        _thread.start_new_thread(work, (itertools.count(),))
    yield itertools.count()


if __name__ == "__main__":
    for turns in runs(sys.argv[1]):
        work(turns)

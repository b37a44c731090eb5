"""paths.py TRUTH THREADS SECONDS [silent]: thousands of functions whose names are their call paths, called as fast as can be.

A function f_0_2 is called by f_0, from the one line that names it. Functions differ in their number of variables, so that their frames
have different sizes. silent: the line does not name the function, which is looked up in a list. TRUTH gets the generated source's file, and for each function its lines: {"f_0": {"first": 7, "last": 12, "calls": {"9": "f_0_0"}}}.
"""
import json
import os
import sys
import threading
import time

BREADTH, DEPTH = 5, 5


def generate(silent):
    lines, functions = [], {}

    def write(path):
        name = "f" + "".join("_%d" % step for step in path)
        first = len(lines) + 1
        variables = sum(path) % 7
        lines.append("def %s(x%s):" % (name, ", callees=callees[%r]" % name if silent else ""))
        lines.extend("    v%d = x + %d" % (number, number) for number in range(variables))
        calls = {}
        for step in range(BREADTH if len(path) < DEPTH else 0):
            lines.append("    x += callees[%d](x)" % step if silent else "    x += %s_%d(x)" % (name, step))
            calls[len(lines)] = "%s_%d" % (name, step)
        lines.append("    return x & 7" if calls else "    return x + 1")
        functions[name] = {"first": first, "last": len(lines), "calls": calls}
        for callee in range(BREADTH if len(path) < DEPTH else 0):
            write(path + [callee])

    write([])
    return "\n".join(lines) + "\n", functions


def drive(root, end):
    while time.monotonic() < end:
        root(1)


def main():
    truth, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    silent = sys.argv[4:] == ["silent"]
    source, functions = generate(silent)
    path = truth + ".source.py"
    with open(path, "w") as out:
        out.write(source)
    module = {"callees": {name: [] for name in functions}}
    exec(compile(source, path, "exec"), module)
    for name, callees in module["callees"].items():
        callees.extend(module[callee] for callee in functions[name]["calls"].values())
    end = time.monotonic() + seconds
    for number in range(1, threads):
        threading.Thread(target=drive, args=(module["f"], end), name="driver %d" % number, daemon=True).start()
    with open(truth + ".part", "w") as out:
        json.dump({"pid": os.getpid(), "source": path, "functions": functions}, out)
    os.rename(truth + ".part", truth)
    drive(module["f"], end)


main()

"""paths.py TRUTH THREADS SECONDS [silent|classes]: thousands of functions whose names are their call paths, called as fast as can be.

A function f_0_2 is called by f_0, from the one line that names it. Functions differ in their number of variables, so that their frames
have different sizes. silent: the line does not name the function, which is looked up in a list. classes: f_1, f_3 and their like are classes, and their
__init__ is the function. TRUTH gets the generated source's file, and for each function its lines: {"f_0": {"first": 7, "last": 12, "calls":
{"9": "f_0_0"}}}.
"""
import json
import os
import sys
import threading
import time

BREADTH, DEPTH = 5, 5


def generate(kind):
    lines, functions = [], {}
    call = {"silent": "    x += callees[%d](x)", "classes": "    %s_%d(x)"}.get(kind, "    x += %s_%d(x)")

    def write(path):
        name = "f" + "".join("_%d" % step for step in path)
        variables = sum(path) % 7
        is_class = kind == "classes" and path and path[-1] % 2 == 1
        indent = "    " if is_class else ""
        if is_class:
            lines.append("class %s:" % name)
        first = len(lines) + 1
        lines.append(indent + "def %s(%sx%s):" % ("__init__" if is_class else name, "self, " if is_class else "",
                                                  ", callees=callees[%r]" % name if kind == "silent" else ""))
        lines.extend(indent + "    v%d = x + %d" % (number, number) for number in range(variables))
        calls = {}
        for step in range(BREADTH if len(path) < DEPTH else 0):
            lines.append(indent + call % (step if kind == "silent" else (name, step)))
            calls[len(lines)] = "%s_%d" % (name, step)
        lines.append(indent + ("    self.x = x" if is_class else "    return x & 7" if calls else "    return x + 1"))
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
    source, functions = generate("".join(sys.argv[4:]))
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

"""uncaught.py TRUTH: dies by an exception that nobody catches, and leaves a core while it is reported. TRUTH gets the program's own report."""
import json
import os
import sys
import traceback


def hook(kind, value, trace):
    frames = [[entry.filename, entry.lineno, entry.name] for entry in reversed(traceback.extract_tb(trace))]
    with open(sys.argv[1] + ".part", "w") as out:
        json.dump({"pid": os.getpid(), "message": str(value), "cause": str(value.__cause__), "frames": frames}, out)
    os.rename(sys.argv[1] + ".part", sys.argv[1])
    os.abort()


def book(order):
    raise ValueError("no such order: %d" % order)


def serve():
    try:
        book(7)
    except ValueError as reason:
        raise RuntimeError("cannot book") from reason


os.chdir(os.path.dirname(sys.argv[1]))  # where the kernel puts the core
sys.excepthook = hook
serve()

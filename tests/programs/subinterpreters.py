"""subinterpreters.py TRUTH: threads in several interpreters of one process. TRUTH.ID is what the interpreter of that number says."""
import os
import sys
import threading
import time

import parking

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

TRUTH = sys.argv[1]

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import parking
parking.current_frames = dict

def worker():
    [parking.park() for _ in range(1)]

parking.run(worker, path={path!r}, daemon=False)
"""


def create(own_gil):
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated" if own_gil else "legacy")
    # Before 3.12 isolation brings no GIL, and forbids threads.
    return interpreters.create(isolated=own_gil and sys.version_info >= (3, 12))


def inside(own_gil):
    number = create(own_gil)
    path = "%s.%d" % (TRUTH, number)
    script = SCRIPT.format(folder=os.path.dirname(__file__), path=path)
    parking.stand()
    interpreters.run_string(number, script)


def shared_gil():
    inside(False)


def own_gil():
    inside(True)


def main():
    while not all(os.path.exists("%s.%d" % (TRUTH, number)) for number in (1, 2)):
        time.sleep(0.005)
    parking.park()


if __name__ == "__main__":
    parking.current_frames = dict
    parking.run(shared_gil, own_gil, main=main)

"""disturbed.py TRUTH [break|block]: computes in outer > middle > inner until it is disturbed; two threads sleep.

A file TRUTH.break makes it call getppid, TRUTH.exit end with status 3, TRUTH.crash die of SIGSEGV, TRUTH.raise send itself SIGURG; the
file is removed when it is seen. TRUTH.caught gets a line for each SIGURG that comes. With break it calls getppid at once, with block it blocks SIGURG.
"""
import ctypes
import json
import os
import signal
import sys
import threading
import time

TRUTH = sys.argv[1]
DISTURBANCES = {
    "break": os.getppid,
    "exit": lambda: os._exit(3),
    "crash": lambda: ctypes.string_at(0),
    "raise": lambda: os.kill(os.getpid(), signal.SIGURG),
}


def inner():
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        sum(range(100))


def middle():
    inner()


def outer():
    middle()


def note(*_):
    with open(TRUTH + ".caught", "a") as file:
        file.write("SIGURG\n")


def disturb():
    for name, action in DISTURBANCES.items():
        if os.path.exists(TRUTH + "." + name):
            os.remove(TRUTH + "." + name)
            action()


signal.signal(signal.SIGURG, note)
if sys.argv[2:] == ["block"]:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
for number in range(2):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
with open(TRUTH + ".part", "w") as out:
    json.dump({"pid": os.getpid()}, out)
os.rename(TRUTH + ".part", TRUTH)
if sys.argv[2:] == ["break"]:
    os.getppid()
while True:
    outer()
    disturb()

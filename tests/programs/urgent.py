"""Sends itself SIGURG and waits until its handler has run, for ever; argv[1] is the truth file. A signal that never comes, or one more than
was sent, is a line in argv[1].faults; argv[1].rounds holds a byte for each one that came as it should. argv[2]: "silent" sends none.
"""
import json
import os
import signal
import sys
import threading
import time

path, silent = sys.argv[1], "silent" in sys.argv
came = sent = 0


def on_signal(number, _):
    global came
    came += 1
    if came > sent or number != signal.SIGURG:
        with open(path + ".faults", "a") as faults:
            print("%s came unasked" % signal.Signals(number).name, file=faults)


def wait_for_signal():
    end = time.monotonic() + 20
    while came < sent:
        if time.monotonic() > end:
            with open(path + ".faults", "a") as faults:
                print("SIGURG never came", file=faults)
            return


def work():
    end = time.monotonic() + 0.003
    while time.monotonic() < end:
        sum(range(100))


for number in signal.SIGURG, signal.SIGINT:
    signal.signal(number, on_signal)
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
with open(path + ".part", "w") as out:
    json.dump({"pid": os.getpid()}, out)
os.rename(path + ".part", path)
with open(path + ".rounds", "wb", 0) as rounds:
    while True:
        work()
        os.getpgid(0)
        if not silent:
            sent += 1
            os.kill(os.getpid(), signal.SIGURG)
            wait_for_signal()
        rounds.write(b".")

"""comings.py TRUTH SECONDS: threads that start and end, and code objects that die and whose addresses are used again, until the time is over.

Each generation of code has functions of its own, named by its number: outer_N calls inner_N, and no other.
"""
import json
import os
import sys
import threading
import time

SOURCE = """
def inner_%(n)d(x):
    for i in range(40):
        x += i
    return x

def outer_%(n)d(x):
    for i in range(20):
        x += inner_%(n)d(i)
    return x
"""


def generation(number, name):
    module = {}
    exec(compile(SOURCE % {"n": number}, "<generation %d>" % number, "exec"), module)
    return module["%s_%d" % (name, number)]


def work(first, end):
    number = first
    while number < first + 30 and time.monotonic() < end:
        generation(number, "outer")(1)
        number += 1


def main():
    truth, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
    with open(truth + ".part", "w") as out:
        json.dump({"pid": os.getpid()}, out)
    os.rename(truth + ".part", truth)
    started = 0
    while time.monotonic() < end:
        threads = [threading.Thread(target=work, args=((started + n) * 30, end), name="comer %d" % (started + n)) for n in range(3)]
        started += len(threads)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


main()

"""A small service that hangs or crashes, for the demonstration: demo_service.py hang|crash."""
import ctypes
import queue
import sys
import threading
import time

orders = queue.Queue()
ledger = threading.Lock()


class Worker(threading.Thread):
    def run(self):
        while True:
            self.handle(orders.get())

    def handle(self, order):
        with ledger:
            self.book(order)

    def book(self, order):
        while True:  # nobody ever gets the lock again
            time.sleep(3600)


def checksum(data):
    total = 0
    while True:
        total = sum(byte * 31 for byte in data) + total % 7


def crash():
    time.sleep(0.3)
    ctypes.string_at(0)


for number in range(3):
    Worker(name=f"worker-{number}", daemon=True).start()
threading.Thread(target=checksum, args=(bytes(range(256)),), name="checksum", daemon=True).start()
for order in range(2):
    orders.put(order)
time.sleep(0.3)
print("ready", flush=True)
if sys.argv[1] == "crash":
    threading.Thread(target=crash, name="native-bug").start()
time.sleep(3600)

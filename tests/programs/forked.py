"""The child of a fork: its main thread is the thread that forked, and its kernel thread ids are new."""
import os
import signal
import sys
import threading

import parking


def child():
    threading.current_thread().name = "forked"
    parking.run(parking.park)


def fork():
    if os.fork() == 0:
        child()
    signal.pause() if threading.current_thread() is threading.main_thread() else parking.park()


if __name__ == "__main__":
    if sys.argv[2] == "worker":
        threading.Thread(target=fork, daemon=True).start()
        signal.pause()
    fork()

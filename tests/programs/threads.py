"""Threads of every origin, and a main thread inside a signal handler."""
import _thread
import concurrent.futures
import ctypes
import queue
import signal
import threading
import time

from parking import park, run

LIBC = ctypes.CDLL(None)
START = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
CALLBACK = START(park)  # kept for as long as a thread runs it


def start_in_c(function):
    LIBC.pthread_create(ctypes.byref(ctypes.c_ulong()), None, function, None)


def seen_by_threading():
    threading.current_thread()
    park()


class Server(threading.Thread):
    def run(self):
        self.name = "renamed by itself"
        park()


def qsort_callback():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(park)
    LIBC.qsort((ctypes.c_int * 2)(2, 1), 2, 4, compare)


def ended():
    thread = threading.Thread(target=len, args=((),))
    thread.start()
    thread.join()
    park()


def start(target, *args):
    threading.Thread(target=target, args=args, name=target.__qualname__, daemon=True).start()


def interrupted():
    """The main thread: its signal handler parks while the interrupted call sleeps on."""
    signal.signal(signal.SIGALRM, lambda number, frame: park())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    start_in_c(LIBC.pause)
    start_in_c(CALLBACK)
    _thread.start_new_thread(park, ())
    _thread.start_new_thread(seen_by_threading, ())
    server = Server(name="server", daemon=True)
    server.start()
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(len, ()).result()
    start(time.sleep, 3600)
    start(queue.Queue().get)
    start(server.join)
    start(threading.Condition().__enter__)
    timer = threading.Timer(3600, park)
    timer.daemon = True
    timer.start()
    run(qsort_callback, ended, main=interrupted, others=4)

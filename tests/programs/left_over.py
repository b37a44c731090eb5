"""Thread states that outlive their threads, made with ctypes alone: what is in the list of threads then, and which of them live.

fork MODE    C code forks and does not tell Python: the child has the states of all of the parent's threads. MODE main, worker (who forks),
             busy (the child computes), born (a thread begins in the child), dead (and one has ended before)
empty        threads have ended and left states without frames; one that computes has got the same pthread_t
frames       threads have ended while Python frames of theirs stood; one that waits has got the same pthread_t
native       the same, but it is a thread of C that has got it
main         the main thread has ended, others run
main late    it ends when the file TRUTH.end appears
"""
import ctypes
import json
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
LIBC_WITH_GIL = ctypes.PyDLL(None)
THREAD_STATE_NEW = ctypes.pythonapi.PyThreadState_New
THREAD_STATE_NEW.restype = ctypes.c_void_p
THREAD_STATE_NEW.argtypes = [ctypes.c_void_p]
THREAD_STATE_GET = ctypes.pythonapi.PyThreadState_Get
THREAD_STATE_GET.restype = ctypes.c_void_p
INTERPRETER_OF = ctypes.pythonapi.PyThreadState_GetInterpreter
INTERPRETER_OF.restype = ctypes.c_void_p
INTERPRETER_OF.argtypes = [ctypes.c_void_p]
TRUTH = {"pid": 0, "living": {}, "gone": []}
LOCK = threading.Lock()


def count_threads():
    """A root directory of its own may have no /proc: the harness hands one over."""
    proc = int(os.environ.get("PARKING_PROC", 0)) or os.open("/proc", os.O_RDONLY)
    tasks = os.open("%d/task" % os.getpid(), os.O_RDONLY, dir_fd=proc)
    count = len(os.listdir(tasks))
    os.close(tasks)
    return count


def lives():
    with LOCK:
        TRUTH["living"][threading.get_native_id()] = [threading.current_thread().name, sys._getframe(1).f_code.co_name]


def sleeps():
    """For ever, in a system call that tells the kernel's witness that this thread has done all that it does."""
    while True:
        LIBC.pause()


def waits():
    lives()
    sleeps()


def computes():
    if threading.current_thread() is not threading.main_thread():
        lives()
    while True:
        sum(range(1000))


def start(function, name):
    before = len(TRUTH["living"])
    threading.Thread(target=function, name=name, daemon=True).start()
    while len(TRUTH["living"]) == before:
        time.sleep(0.001)


def tell():
    TRUTH["pid"] = os.getpid()
    with open(sys.argv[1] + ".new", "w") as file:
        json.dump(TRUTH, file)
    os.rename(sys.argv[1] + ".new", sys.argv[1])


def rest():
    lives()
    tell()
    sleeps()


def leaves_a_state(idents):
    """Makes a state more for this thread and ends: nobody releases it."""
    THREAD_STATE_NEW(INTERPRETER_OF(THREAD_STATE_GET()))
    idents.append(threading.get_ident())


def exits_in_c(idents):
    idents.append(threading.get_ident())
    inner_exit()


def inner_exit():
    LIBC.pthread_exit(None)


def end_threads(function, count):
    """Ends them one after the other. The pthread_t's of all, of which the last is the one to be handed out next."""
    idents = []
    for number in range(count):
        before = count_threads()
        thread = threading.Thread(target=function, args=(idents,), name="gone-%d" % number, daemon=True)
        thread.start()
        while len(idents) == number or count_threads() > before:
            time.sleep(0.001)
        TRUTH["gone"].append(thread.name)
    return idents


def child_of_fork(mode):
    TRUTH["gone"] = [name for _, (name, _) in TRUTH["living"].items()] + TRUTH["gone"]
    TRUTH["gone"].remove(threading.current_thread().name)
    TRUTH["living"] = {}
    if mode == "born":
        start(waits, "born-in-child")
    if mode == "busy":
        TRUTH["living"][threading.get_native_id()] = [threading.current_thread().name, "computes"]
        tell()
        computes()
    rest()


def fork(mode):
    if mode == "worker":
        lives()
    if LIBC_WITH_GIL.fork() == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the harness ends the parent only
        child_of_fork(mode)
    while True:
        signal.pause() if threading.current_thread() is threading.main_thread() else time.sleep(600)


def run_fork(mode):
    lives()
    start(waits, "of-the-parent")
    start(waits, "of-the-parent-too")
    if mode == "dead":
        end_threads(leaves_a_state, 1)
    if mode != "worker":
        fork(mode)
    threading.Thread(target=fork, args=(mode,), name="forks", daemon=True).start()
    while True:
        signal.pause()


def run_ended(function, successor):
    idents = end_threads(function, 3)
    if successor is not None:
        start(successor, "successor")
    else:
        descriptor = ctypes.c_ulong()
        LIBC.pthread_create(ctypes.byref(descriptor), None, LIBC.pause, None)
        TRUTH["native"] = descriptor.value in idents
    TRUTH["reused"] = successor is None or threading.enumerate()[-1].ident in idents
    rest()


def state_of(tid):
    proc = int(os.environ.get("PARKING_PROC", 0)) or os.open("/proc", os.O_RDONLY)
    with open(os.open("%d/task/%d/stat" % (os.getpid(), tid), os.O_RDONLY, dir_fd=proc)) as file:
        return file.read().rpartition(")")[2].split()[0]


def tells_of_the_end():
    lives()
    while state_of(os.getpid()) != "Z":
        time.sleep(0.001)
    tell()
    sleeps()


def run_main_ended(late):
    start(waits, "waits")
    start(computes, "computes")
    TRUTH["gone"].append("MainThread")
    if late:
        tell()
        while not os.path.exists(sys.argv[1] + ".end"):
            time.sleep(0.001)
    else:
        start(tells_of_the_end, "tells")
    LIBC.pthread_exit(None)


if __name__ == "__main__":
    kind = sys.argv[2]
    os.chdir(os.path.dirname(sys.argv[1]))  # where a core goes
    if kind == "fork":
        run_fork(sys.argv[3])
    elif kind == "empty":
        run_ended(leaves_a_state, computes)
    elif kind == "frames":
        run_ended(exits_in_c, waits)
    elif kind == "native":
        run_ended(exits_in_c, None)
    else:
        run_main_ended(sys.argv[3:] == ["late"])

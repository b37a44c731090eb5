"""Parks threads, then writes what the interpreter itself says of each of them.

A program calls run(shape, ...): each shape gets a thread of its own and ends in park(). argv[1] names the truth file, which is
whole once it exists; argv[1].faulthandler is what faulthandler says. The thread that writes both, "recorder", is not part of them.
With PARKING_LATE set it writes only after argv[1].go exists, so that a reader can see frames that no witness has touched before.
"""
import _thread
import json
import os
import platform
import sys
import threading
import time
import traceback

try:
    import faulthandler
except ImportError:  # in a subinterpreter of 3.12
    faulthandler = None

GATE = _thread.allocate_lock()
GATE.acquire()
PARKED = {}  # a thread's ident: its kernel thread id and park's frame
IS_GENERATOR = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
POSITIONS = {}
WAITING = []  # locks of park_then()
current_frames = sys._current_frames  # useless with several interpreters: it mixes them up, and may crash
PROC = int(os.environ.get("PARKING_PROC") or os.open("/proc", os.O_RDONLY))  # a descriptor, since a chroot may lack /proc


def stand():
    """Says that the calling frame is about to park."""
    PARKED[threading.get_ident()] = threading.get_native_id(), sys._getframe(1)


def park(*_, **__):
    """Waits for ever, in C, so that the caller's stack stands still below this frame."""
    stand()
    GATE.acquire()


def park_then(action, last=False):
    """Parks; when the truth is written, the very call that parked runs action, a function in C, so that the truth still holds.

    last is for the action that lets no other thread run.
    """
    lock = _thread.allocate_lock()
    lock.acquire()
    WAITING.insert(len(WAITING) if last else 0, lock)
    stand()
    for call in lock.acquire, action:
        call()


def positions(frame):
    code = frame.f_code
    if not hasattr(code, "co_positions"):
        return None
    if id(code) not in POSITIONS:
        POSITIONS[id(code)] = list(code.co_positions())
    return POSITIONS[id(code)][frame.f_lasti // 2]


def describe(frame):
    frames = []
    while frame is not None:
        code = frame.f_code
        frames.append({"function": code.co_name, "qualified_name": getattr(code, "co_qualname", None), "file": code.co_filename,
                       "line": frame.f_lineno, "positions": positions(frame), "generator": bool(code.co_flags & IS_GENERATOR)})
        frame = frame.f_back
    return frames


def summarize(frame):
    """What the traceback module says of a stack, newest call first."""
    summary = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=100, lookup_lines=False)
    return [[entry.filename, entry.lineno, entry.name] for entry in summary]


def kernel_tid(ident):
    return PARKED[ident][0] if ident in PARKED else threading._active[ident].native_id


def proc_file(path):
    with open(os.open(path, os.O_RDONLY, dir_fd=PROC), "rb") as file:
        return file.read()


def kernel_name(tid):
    return proc_file("self/task/%d/comm" % tid)[:-1].decode("utf-8", "surrogateescape")


def describe_thread(ident, frame):
    thread, tid = threading._active.get(ident), kernel_tid(ident)
    return str(tid), {"ident": ident, "name": thread and thread.name, "os_name": kernel_name(tid),
                      "main": ident == threading.main_thread().ident, "frames": describe(frame), "traceback": summarize(frame)}


def newest_frames():
    """The newest frame of every thread but the calling one."""
    frames = {ident: frame for ident, frame in current_frames().items() if ident in threading._active or ident in PARKED}
    frames.update((ident, frame) for ident, (_, frame) in PARKED.items())
    frames.pop(threading.get_ident(), None)
    return frames


def at_rest():
    """Where every thread stands, if all of them sleep in the kernel, else None."""
    places = {}
    for ident, frame in newest_frames().items():
        if proc_file("self/task/%d/stat" % kernel_tid(ident)).rpartition(b")")[2].split()[0] != b"S":
            return None
        places[ident] = id(frame), frame.f_lasti
    return places


def settle():
    """Waits until all threads sleep at the place where they slept a moment before.

    A thread that only waits for the GIL does not pass: it has had the GIL, and moved on, while this one slept.
    """
    before, now = None, at_rest()
    while now is None or now != before:
        time.sleep(0.02)
        before, now = now, at_rest()


def record(count, path):
    while len(PARKED) < count:
        time.sleep(0.005)
    settle()
    if os.environ.get("PARKING_LATE"):
        open(path + ".parked", "w").close()
        while not os.path.exists(path + ".go"):
            time.sleep(0.005)
    write(path)


def write(path):
    threads = dict(describe_thread(ident, frame) for ident, frame in newest_frames().items())
    if faulthandler:
        with open(path + ".faulthandler", "w") as out:
            faulthandler.dump_traceback(out, all_threads=True)
    truth = {"version": platform.python_version(), "pid": os.getpid(), "recorder": threading.get_native_id(), "threads": threads}
    with open(path + ".part", "w") as out:
        out.write(json.dumps(truth))
    os.rename(path + ".part", path)


def recorder(count, path):
    record(count, path)
    for lock in WAITING:
        lock.release()
    GATE.acquire()


def run(*shapes, main=park, others=0, path=None, daemon=True):
    """Parks a thread for each shape, and the main thread; the program itself has started the others, which park, too."""
    for shape in shapes:
        threading.Thread(target=shape, name="worker " + shape.__name__, daemon=daemon).start()
    threading.Thread(target=recorder, args=(len(shapes) + 1 + others, path or sys.argv[1]), name="recorder", daemon=daemon).start()
    main()

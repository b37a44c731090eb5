"""Threads parked in every shape of stack, in as little memory as may be."""
import sys
import threading

parked = threading.Semaphore(0)
never = threading.Lock()
never.acquire()


def park(text="ascii", wide="日本", wider="\U0001f600", lone="\udc80"):
    parked.release()
    with never:
        pass


def deep(count):
    return deep(count - 1) if count else park()


def generate(count):
    yield next(generate(count - 1)) if count else park()


async def wait(count):
    await wait(count - 1) if count else park()


class Shape:
    slots = {"key": 1}

    def __del__(self):
        [park() for _ in range(1)]


def run_generators():
    next(generate(5))


def run_coroutines():
    wait(5).send(None)


def run_callback():
    sorted([1, 2], key=lambda value: park())


def run_finalizer():
    Shape()


def run_made():
    exec(compile("def f():\n  park(\n    1)\nf()", "<made\x1b[31m up>", "exec"), {"park": park})


shapes = {"deep": lambda: deep(40), "générateurs": run_generators, "日本": run_coroutines, "callback": run_callback,
          "finalizer": run_finalizer, "made": run_made}
threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in shapes.items()]
threads[0].extra = 1
threads[1].__dict__["more"] = 2
for thread in threads:
    thread.start()
for thread in threads:
    parked.acquire()
print("parked", flush=True)
never.acquire()

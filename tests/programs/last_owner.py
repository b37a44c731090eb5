"""last_owner.py TRUTH KIND: an object that takes long to go away, whose last owner goes late in the end of the process."""
import os
import sys
import time


class Slow:
    """Keeps what it needs: by then modules are empty."""

    def __init__(self):
        self.mark, self.reached, self.sleep = os.mkdir, sys.argv[1] + ".parked", time.sleep

    def __call__(self, *arguments):
        return None

    def __del__(self):
        self.mark(self.reached)
        self.sleep(600)


def keep(kind):
    if kind == "codecs":
        import codecs
        codecs.register(Slow())
    elif kind == "context":
        import contextvars
        contextvars.ContextVar("owner").set(Slow())
    elif kind == "gc":
        import gc
        gc.callbacks.append(Slow())
    elif kind == "type":
        sys.Owner = type("Owner", (), {"owned": Slow()})
    elif kind == "audit":
        sys.addaudithook(Slow())
    elif kind == "fork":
        os.register_at_fork(before=Slow())


keep(sys.argv[2])

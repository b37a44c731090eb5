"""Exceptions in flight, with statements, match statements: threads parked while the interpreter handles one of them."""
import sys
import threading

from parking import park, run


def fail():
    raise ValueError("on purpose")


def in_except():
    try:
        fail()
    except ValueError:
        park()


def in_nested_except():
    try:
        fail()
    except ValueError:
        try:
            fail()
        except ValueError as error:
            raised = error
            park(raised)


def in_finally():
    try:
        fail()
    finally:
        park()


def in_finally_after_return():
    try:
        return fail
    finally:
        park()


def in_else():
    for _ in range(1):
        try:
            pass
        except ValueError:
            fail()
        else:
            park()


def in_except_expression():
    try:
        fail()
    except park():
        pass


class Manager:
    def __init__(self, enter=None, leave=None):
        self.enter, self.leave = enter, leave

    def __enter__(self):
        return self.enter and self.enter()

    def __exit__(self, *exception):
        return self.leave and self.leave()


def in_with():
    with Manager(), \
            Manager() as second:
        park(second)


def in_enter():
    with Manager(
        enter=park,
    ):
        pass


def in_exit():
    with Manager(leave=park):
        pass


def in_exit_with_exception():
    with Manager(), \
            Manager(leave=park):
        fail()


def in_exit_after_return():
    with Manager(leave=park):
        return fail


def in_excepthook():
    threading.excepthook = park
    fail()


def in_unraisablehook():
    class Dying:
        def __del__(self):
            fail()
    sys.unraisablehook = park
    Dying()


def in_exception_text():
    class Unprintable(Exception):
        def __str__(self):
            park()
    try:
        raise Unprintable
    except Unprintable as error:
        str(error)


def since(version, source):
    """Source that older versions cannot compile; they park without it."""
    def start():
        if sys.version_info < version:
            return park()
        names = {"park": park, "fail": fail}
        exec(compile(source, "<since %d.%d>" % version, "exec"), names)
        names["f"]()
    return start


in_match = since((3, 10), """
def f():
    match {"kind": [1, 2]}:
        case {"kind": []}:
            fail()
        case {"kind": [first, *rest]} if rest and \\
                park():
            fail()
""")

in_case = since((3, 10), """
def f():
    match (1, 2):
        case (0, _) | (_, 0):
            fail()
        case first, second:
            park(
                first,
            )
""")

in_except_star = since((3, 11), """
def f():
    try:
        raise ExceptionGroup("both", [ValueError(), TypeError()])
    except* ValueError:
        pass
    except* TypeError:
        park()
""")


if __name__ == "__main__":
    run(in_except, in_nested_except, in_finally, in_finally_after_return, in_else, in_except_expression, in_with, in_enter, in_exit,
        in_exit_with_exception, in_exit_after_return, in_excepthook, in_unraisablehook, in_exception_text, in_match, in_case,
        in_except_star)

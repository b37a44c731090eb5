"""Exceptions that threads handle or raise; argv[1].values says what each thread itself knows of its own."""
import json
import sys
import threading
import traceback

import parking
from parking import park, run

HANDLED = {}  # a thread's ident: the exception


class Custom(Exception):
    def __init__(self, number):
        super().__init__("number %d" % number, number)


class Silent(Exception):
    def __str__(self):
        return "a program makes this"


def stop():
    HANDLED[threading.get_ident()] = sys.exc_info()[1]
    park()


def fail(error):
    raise error


def deep(error, depth):
    if depth:
        deep(error, depth - 1)
    fail(
        error
    )


def handler(error, depth=0):
    def shape():
        try:
            deep(error, depth)
        except BaseException:
            stop()
    return shape


def no_exception():
    try:
        fail(ValueError("gone"))
    except ValueError:
        pass
    stop()


def in_finally():
    try:
        fail(ValueError("on its way"))
    finally:
        stop()


def with_context():
    try:
        fail(KeyError("first"))
    except KeyError:
        try:
            fail(ValueError("second"))
        except ValueError:
            stop()


def with_cause():
    try:
        try:
            fail(OSError(2, "No such file or directory", "a", None, "b"))
        except OSError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError:
        stop()


def suppressed():
    try:
        try:
            fail(KeyError("hidden"))
        except KeyError:
            raise RuntimeError("alone") from None
    except RuntimeError:
        stop()


def circle():
    one, two = ValueError("one"), ValueError("two")
    try:
        raise one
    except ValueError:
        one.__context__, two.__context__ = two, one
        stop()


def inside_generator():
    def made():
        try:
            fail(ValueError("in a generator"))
        except ValueError:
            yield stop()
    next(made())


def around_generator():
    def made():
        yield stop()
    try:
        fail(ValueError("around it"))
    except ValueError:
        next(made())


def syntax():
    try:
        compile("x = = 1\n", "/some/where/file.py", "exec")
    except SyntaxError:
        stop()


def catch(action):
    def shape():
        try:
            action()
        except Exception:
            stop()
    return shape


SHAPES = [
    no_exception, in_finally, with_context, with_cause, suppressed, circle, inside_generator, around_generator, syntax,
    *map(handler, [ValueError(), ValueError("it's"), ValueError(1), ValueError("a", 2), KeyError("key"), KeyError("a", "b"), Custom(5), OSError(2, "No such file"),
                   OSError("just text"), FileNotFoundError(2, "No such file or directory", "/x'y"), KeyboardInterrupt(), SystemExit(3), StopIteration([1]),
                   ImportError("no module", name="x"), ModuleNotFoundError("No module named 'x'", name="x"), UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "bad"),
                   UnicodeDecodeError("utf-8", b"a\xff\xfe", 1, 3, "bad"), UnicodeEncodeError("ascii", "é日😀", 1, 2, "bad"), AssertionError([1, 2]), ValueError("日本\n")]),
    handler(ValueError("deep"), 30), catch(lambda: 1 / 0), catch(lambda: [][3]), catch(lambda: int("x")), catch(lambda: {}["k"]), catch(lambda: open("/nonexistent/file")),
    catch(lambda: None.attribute), catch(lambda: undefined), catch(lambda: b"\xff".decode()), catch(lambda: "é".encode("ascii")), catch(lambda: __import__("no_such_module")),
]
if sys.version_info >= (3, 11):
    SHAPES.append(handler(ExceptionGroup("group", [ValueError(1), TypeError(2)])))
SHAPES.append(handler(Silent("argument")))


def describe(error, seen=()):
    if error is None or id(error) in seen:
        return None
    seen = (*seen, id(error))
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)
    frames = [[entry.filename, entry.lineno, entry.name] for entry in traceback.extract_tb(error.__traceback__)][::-1]
    return {"type": name, "message": "argument" if isinstance(error, Silent) else str(error), "traceback": frames, "cause": describe(error.__cause__, seen),
            "context": None if error.__suppress_context__ else describe(error.__context__, seen)}


def write(path, write=parking.write):
    with open(path + ".values", "w") as out:
        json.dump({str(parking.kernel_tid(ident)): describe(error) for ident, error in HANDLED.items()}, out)
    write(path)


parking.write = write

if __name__ == "__main__":
    for number, shape in enumerate(SHAPES):
        shape.__name__ = "shape%d" % number
    run(*SHAPES)

"""Variables of every kind; argv[1].values says of each parked frame what f_locals has, and in which order the source has the names."""
import json
import sys

import parking
from parking import park, run

ORDER = {}  # of a function's variables in the source, arguments first


def in_order(*names):
    def mark(function):
        ORDER[function.__name__] = names
        return function
    return mark


@in_order("a", "b", "c", "args", "d", "e", "kwargs", "local", "later")
def arguments(a, b=2, /, c=3, *args, d, e="5", **kwargs):
    local = [a]
    gone = 1
    del gone
    later = local
    park()
    never = later
    return never


def shape_arguments():
    arguments(1, 2, 3, 4, 5, d=6, more=7)


@in_order("changed", "plain", "inner")
def cell_argument(changed, plain):
    def inner():
        return changed
    changed = changed + 1
    park()
    return inner


def shape_cell_argument():
    cell_argument(1, 2)


@in_order("args", "keyword", "kwargs")
def cell_everywhere(*args, keyword, **kwargs):
    park()
    return lambda: (args, keyword, kwargs)


def shape_cell_everywhere():
    cell_everywhere(1, keyword=2, x=3)


def shape_free():
    outer, unbound = [1], None
    del unbound

    @in_order("argument", "own", "outer")
    def free(argument):
        own = "own"
        park()
        return own, outer, unbound
    free(argument=0)
    unbound = 1


def shape_lambda():
    (lambda x, y=2: park())(1)


def shape_comprehension():
    base = 10
    [(park(), base) for number in [1, 2] for other in (3,)]


def shape_generator_expression():
    base = 10
    list((park(), base) for number in [1])


def shape_set_comprehension():
    number = "outer"
    return {park() for number in [1]}, number


def shape_class_body():
    outer = 1

    class Body:
        first = 1
        second = [outer]
        park()
        third = 3


def shape_class_comprehension():
    class Body:
        first = 1
        second = [park() for item in "a"]


def shape_generator():
    def made(start):
        local = start
        yield park()
        return local
    next(made(5))


def shape_exec():
    exec("inside = 1\npark()", SCOPE, {"given": 2})


def shape_exec_one():
    exec("def run():\n    ünïcode = 'é'\n    park()\nrun()", SCOPE)


SCOPE = {"park": park}
exec("def many(%s):\n    park()\n" % ", ".join("n%d" % i for i in range(300)), SCOPE)


def shape_many():
    SCOPE["many"](*range(300))


def describe(frame):
    found = []
    while frame is not None:
        code = frame.f_code
        module = frame.f_locals is frame.f_globals
        found.append([code.co_name, None if module else {name: repr(value) for name, value in dict(frame.f_locals).items()}])
        frame = frame.f_back
    return found


def write(path, write=parking.write):
    tids = {ident: parking.kernel_tid(ident) for ident in parking.PARKED}
    frames = {str(tids[ident]): describe(frame) for ident, frame in parking.newest_frames().items() if ident in tids}
    with open(path + ".values", "w") as out:
        json.dump({"threads": frames, "order": ORDER}, out)
    write(path)


parking.write = write

if __name__ == "__main__":
    run(*[shape for name, shape in list(globals().items()) if name.startswith("shape_")])

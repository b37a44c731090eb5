"""Calls of every kind: from Python, from C, from the interpreter itself."""
import functools
import gc
import re
import sys
import threading

from parking import park, run


def recursion():
    def down(n):
        if n:
            down(n - 1)
        else:
            park()
    down(700)


class Service:
    def handle(self, request, depth=3, *, strict=False, **options):
        if depth:
            return self.handle(
                request,
                depth - 1,
                strict=not strict,
                **options,
            )
        return self.leave(*[request], **options)

    @classmethod
    def leave(cls, request, **options):
        return cls.give_up()

    @staticmethod
    def give_up():
        park()


def method():
    Service().handle({"path": "/orders"}, retries=3)


def lambdas():
    (lambda first: (lambda second: park(first, second))(first))(1)


def announced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@announced
@announced
def decorated():
    park()


def parking_decorator():
    @park
    @announced
    def never():
        pass


def default_argument():
    def never(
        value=park(),
    ):
        pass


def sorted_key():
    sorted([2, 1], key=lambda v: park() or v)


def reduced():
    functools.reduce(lambda a, b: park(), [1, 2])


def mapped():
    list(map(park, filter(lambda v: v, [0, 1])))


def substituted():
    re.sub("b", lambda match: park(), "abc")


def partially():
    functools.partial(functools.partial(Service.give_up))()


def cached():
    @functools.lru_cache(maxsize=None)
    def expensive(n):
        return expensive(n - 1) if n else park()
    expensive(3)


class Operand:
    __add__ = __eq__ = __lt__ = __hash__ = __repr__ = __iter__ = __getattr__ = __set_name__ = __call__ = park

    @property
    def value(self):
        return park()


def added():
    return Operand() + 1


def compared():
    return [Operand()].index(3)


def hashed():
    return {Operand(): 1}


def represented():
    return "%r" % Operand()


def iterated():
    return [*Operand()]


def attribute():
    return Operand().missing


def properties():
    return Operand().value


def finalizer():
    class Dying:
        def __del__(self):
            park()
    doomed = Dying()
    del doomed


def list_comprehension():
    return [park() for _ in range(1) if _ == 0]


def nested_comprehension():
    return [[park() for _ in range(1)] for _ in range(1)]


def set_comprehension():
    return {park() for _ in range(1)}


def dict_comprehension():
    return {1: park() for _ in range(1)}


def generator_expression():
    return any(park() for _ in range(1))


def class_body():
    class Outer:
        class Inner:
            value = park()


def class_creation():
    class Owner:
        member = Operand()


def metaclass():
    class Meta(type):
        @classmethod
        def __prepare__(cls, name, bases):
            park()

    class Made(metaclass=Meta):
        pass


def importing():
    import parked_module


def executed():
    exec(compile("def f(g):\n    g()\nf(park)\n", "<made up>", "exec"), {"park": park})


def evaluated():
    eval("[park() for _ in (1,)]", {"park": park})


def entering():
    """Up to 3.11 garbage collection, and so Python code, can run while a call still makes the cells of its frame."""
    def closure(a, b, c, d, e, f, g, h):
        return lambda: (a, b, c, d, e, f, g, h)
    ident = threading.get_ident()
    gc.callbacks.append(lambda phase, info: park() if threading.get_ident() == ident else None)
    gc.set_threshold(1)
    for _ in range(1000):
        closure(*range(8))
    park()


def warned():
    import warnings
    warnings.showwarning = park
    warnings.warn("a call that C makes back into Python")


def traced(event, function):
    """Parks in the trace function, at one event of the traced function."""
    def tracer(frame, what, _):
        if what == event:
            park()
        return tracer

    def start():
        sys.settrace(tracer)
        function()
    start.__name__ = "traced_" + event
    return start


def some_lines(
    n=1,
):
    for i in range(n):
        n += (
            i
        )
    return n


def profiled():
    def profiler(frame, event, _):
        if event == "c_call":
            park()
    sys.setprofile(profiler)
    len(())


def monitored():
    """From 3.12: a callback of sys.monitoring, in a code object with instrumented instructions."""
    if not hasattr(sys, "monitoring"):
        return park()
    events = sys.monitoring.events

    def watched():
        value = 1
        return value
    sys.monitoring.use_tool_id(3, "parking")
    sys.monitoring.register_callback(3, events.LINE, lambda code, line: park() if line > watched.__code__.co_firstlineno + 1 else None)
    sys.monitoring.set_local_events(3, watched.__code__, events.LINE | events.PY_START)
    watched()


def warm(function):
    """Runs function until the interpreter has specialised its instructions, then lets it park."""
    def start():
        for stop in [False] * 200 + [True]:
            function(stop)
    start.__name__ = "warm_" + function.__name__
    return start


def maybe(stop):
    if stop:
        park()
    return stop


class Specialised:
    """Its methods run inside their caller's evaluation loop once the caller is specialised."""

    def __init__(self, stop):
        self.stop = stop
        if stop is not None:
            maybe(stop)

    def __getitem__(self, stop):
        return maybe(stop)

    @property
    def again(self):
        return maybe(self.stop)


SPECIALISED = Specialised(None)


@warm
def initializer(stop):
    Specialised(stop)


@warm
def subscript(stop):
    return SPECIALISED[stop]


@warm
def getter(stop):
    SPECIALISED.stop = stop
    return SPECIALISED.again


@warm
def keywords(stop):
    return maybe(stop=stop)


@warm
def comprehended(stop):
    return [maybe(stop and i == 1) for i in range(2)]


if __name__ == "__main__":
    run(recursion, method, lambdas, decorated, parking_decorator, default_argument, sorted_key, reduced, mapped, substituted, partially,
        cached, added, compared, hashed, represented, iterated, attribute, properties, finalizer, list_comprehension,
        nested_comprehension, set_comprehension, dict_comprehension, generator_expression, class_body, class_creation, metaclass,
        importing, entering, executed, evaluated, warned, traced("call", some_lines), traced("line", some_lines), traced("return", some_lines),
        profiled, monitored, initializer, subscript, getter, keywords, comprehended)

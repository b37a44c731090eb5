"""Values of every type that has a rule, held in the variables of parked frames; argv[1].values says what each must be shown as.

That is repr(), made of an equal object where repr() itself would leave a trace in the first; where repr() is a program of the class, it is
the shape that spprof documents for such classes.
"""
import array
import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import json
import math
import os
import pathlib
import sys
import types
import typing
import weakref

from parking import park, run
from values import holder

VERSION = sys.version_info[:2]


class Color(enum.Enum):
    RED = 1
    GREEN = "g'"


class Number(enum.IntEnum):
    ONE = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    A = 1
    B = 8


Point = collections.namedtuple("Point", "x y")


class Typed(typing.NamedTuple):
    name: str
    size: int = 3


@dataclasses.dataclass
class Item:
    name: str
    price: float = 1.5
    tags: list = dataclasses.field(default_factory=list)
    secret: str = dataclasses.field(default="s", repr=False)
    kind: typing.ClassVar[int] = 7


@dataclasses.dataclass
class Special(Item):
    extra: object = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    größe: int


@dataclasses.dataclass
class OwnRepr:
    x: int

    def __repr__(self):
        return "own"


class Plain:
    def __init__(self, **values):
        self.__dict__.update(values)


class Attributes:
    def __init__(self, first, second):
        self.first = first
        self.second = second


class Slots:
    __slots__ = ("a", "b", "unset")

    def __init__(self):
        self.a = 1
        self.b = [2]


class MoreSlots(Slots):
    __slots__ = ("c",)

    def __init__(self):
        super().__init__()
        self.c = "c"


class SlotsAndDict(Slots):
    def __init__(self):
        super().__init__()
        self.d = 4


class Empty:
    pass


class ListOf(list):
    pass


class DictOf(dict):
    pass


class TextOf(str):
    pass


class IntOf(int):
    pass


class FloatOf(float):
    pass


class TupleOf(tuple):
    pass


class SetOf(set):
    pass


class BytesOf(bytes):
    pass


class DequeOf(collections.deque):
    pass


class OrderedOf(collections.OrderedDict):
    pass


class DefaultOf(collections.defaultdict):
    pass


class DateOf(datetime.date):
    pass


class IntWithRepr(int):
    def __repr__(self):
        return "never called"


class DictWithRepr(dict):
    def __repr__(self):
        return "never called"


class Failure(Exception):
    pass


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    def method(self):
        return None

    @staticmethod
    def static():
        return None

    @classmethod
    def of_class(cls):
        return None


def shape(value, *parts):
    """How an instance is shown whose class has no repr that is data."""
    cls = type(value)
    return "<%s.%s at 0x%x%s%s>" % (cls.__module__, cls.__qualname__, id(value), " " if parts else "", ", ".join(parts))


def generator():
    yield 1
    yield 2


async def coroutine():
    await asyncio.sleep(0)


async def async_generator():
    yield 1


def place(function, offset):
    return "%s:%d" % (function.__code__.co_filename, function.__code__.co_firstlineno + offset)


def started(made):
    next(made)
    return made


def finished(made):
    list(made)
    return made


def caught(function):
    try:
        function()
    except Exception as error:
        return error


def many_attributes():
    made = Plain()
    for i in range(40):
        setattr(made, "attribute%d" % i, i)
    return made


def reordered():
    made = Attributes(1, 2)
    other = Attributes.__new__(Attributes)
    other.second = "second first"
    other.first = 1
    del made.first
    made.first = 3
    return made, other


def moved():
    made = collections.OrderedDict((i, str(i)) for i in range(6))
    made.move_to_end(2)
    made.move_to_end(4, last=False)
    del made[0]
    return made


def deque_around():
    made = collections.deque(range(100))
    for _ in range(70):
        made.popleft()
    made.extendleft("ab")
    return made


def cyclic():
    a = collections.deque([1])
    a.append(a)
    b = collections.OrderedDict()
    b["me"] = b
    c = collections.defaultdict(list)
    c["me"] = c
    d = types.SimpleNamespace()
    d.me = d
    e = Item("loop")
    e.tags.append(e)
    f = [1]
    f.append((f, {"f": f}))
    g = ValueError()
    g.args = ([g],)
    return [a, b, c, d, e, f]


def builtin_like():
    """Those for which repr() is data in C."""
    utc = datetime.timezone.utc
    west = datetime.timezone(datetime.timedelta(hours=-5, minutes=-30), "it's")
    referent = Empty()
    made = [
        collections.deque(), collections.deque([1, [2]], maxlen=5), deque_around(), DequeOf("ab"), collections.OrderedDict(), moved(),
        OrderedOf(a=1), collections.defaultdict(list, a=[1]), collections.defaultdict(None), DefaultOf(int, {1: 2}), collections.Counter(),
        collections.Counter("mississippi"), collections.Counter({"a": 1.5, "b": 2}), {1: 2}.keys(), {1: 2}.values(), {1: 2}.items(), moved().keys(),
        moved().items(), types.MappingProxyType({"a": 1}), types.SimpleNamespace(a=1, b=[2]), array.array("i"), array.array("i", [1, -2]),
        array.array("d", [1.5, -0.0]), array.array("f", [0.1]), array.array("B", b"ab"), array.array("q", [-2**63]), array.array("Q", [2**64 - 1]),
        datetime.date(2024, 2, 29), DateOf(1, 1, 1), datetime.time(), datetime.time(12, 30), datetime.time(1, 2, 3), datetime.time(1, 2, 0, 4),
        datetime.time(1, 2, 3, 4, tzinfo=utc), datetime.time(1, 2, fold=1), datetime.datetime(2024, 1, 2), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=west), datetime.datetime(2024, 1, 2, fold=1, tzinfo=utc), datetime.timedelta(),
        datetime.timedelta(-1, 5, 7), datetime.timedelta(weeks=3), utc, west, datetime.timezone(datetime.timedelta(hours=1)),
        datetime.timezone(datetime.timedelta(0), "zero"),
        *map(decimal.Decimal, ["0", "-0", "1", "-1.5", "1E+3", "1E-7", "0.000001", "1.23E-9", "123456789012345678901234567890.123456789", "NaN", "-sNaN12",
                               "Infinity", "-Infinity", "0E+5", "0E-10", "9" * 60, "10000000000000000000", "1E+999999", "-1.0E-10"]),
        len, math.sin, [].append, "".join, str.join, int.real, dict.fromkeys, object.__init__, "".__len__, Slots.a, type, int, Empty, WithMeta, Meta,
        decimal.Decimal, datetime.datetime, collections.deque, WithMeta.method, [].append, WithMeta.of_class, WithMeta.static, lambda: 1, generator,
        sys, os, math, json, types, pathlib, collections, sys.modules["__main__"], functools.partial(print, 1, [2], sep="x"), weakref.ref(referent),
        weakref.ref(WithMeta), weakref.ref(generator), weakref.ref(json), weakref.ref(Empty()), memoryview(b"ab"), types.CellType(1), types.CellType(),
        generator.__code__, list[int], dict[str, list[int]], ValueError(), ValueError("a"), ValueError("a", 2), KeyError("k"), OSError(2, "no", "f"), Failure("x"),
        Failure(), caught(lambda: 1 / 0), caught(lambda: [][1]), caught(lambda: {}["x"]), caught(lambda: int("x")), ExceptionGroup("g", [ValueError(1)])
        if VERSION >= (3, 11) else None, StopIteration(3), SystemExit(4),
        ListOf([1]), ListOf(), DictOf(a=1), TextOf("it's"), TextOf("日本"), IntOf(7), FloatOf(1.5), TupleOf((1, 2)), SetOf([1]), SetOf(), BytesOf(b"ab"), slice(0, "a", None),
        Color, Mode, Number, Color.RED, Color.GREEN, Number.ONE, Mode.READ, Bits.A, Point(1, [2]), Typed("n"), Item("a"), Item("b", tags=[Item("c")]), Special("s", extra=Color.RED),
        iter([]), iter({1: 2}), object(), zip(), enumerate([]), [reversed([1])], Frozen(3), [Color.RED], {Color.RED: Number.ONE}, fractions.Fraction, *cyclic(), True, None,
    ]
    if VERSION >= (3, 10):
        made += [int | str, int | None, list[int] | None, staticmethod(generator), classmethod(generator)]
    return made, (referent, west)


def shaped():
    """Values whose repr() is a program, or says too little, and how they are shown."""
    empty, plain, slots, more, both = Empty(), Plain(a=1, b="x"), Slots(), MoreSlots(), SlotsAndDict()
    nested, (first, second), many = Attributes([1], plain), reordered(), many_attributes()
    number, mapping, own = IntWithRepr(5), DictWithRepr(a=1), OwnRepr(3)
    fresh, held, done = generator(), started(generator()), finished(generator())
    coroutine_object, async_object = coroutine(), async_generator()
    looped, method = Plain(), WithMeta().method
    looped.me = looped
    paths = [(pathlib.Path(*parts), repr(pathlib.Path(*parts))) for parts in
             [(), ("/",), ("a", "b"), ("/tmp/../x/./y//z",), ("//net/x",), ("///three",), (".",), ("a", "/b", "c"), ("it's",), ("日本", "é"), ("/etc", "passwd"), ("a/",)]]
    paths += [(pathlib.PurePosixPath("x", "y"), "PurePosixPath('x/y')"), (pathlib.Path("/a") / "b" / "c", "PosixPath('/a/b/c')"),
              (pathlib.Path("/a/b/c").parent, "PosixPath('/a/b')")]
    pairs = [
        (empty, shape(empty)), (plain, shape(plain, "a=1", "b='x'")), (slots, shape(slots, "a=1", "b=[2]")),
        (more, shape(more, "a=1", "b=[2]", "c='c'")), (both, shape(both, "a=1", "b=[2]", "d=4")),
        (nested, shape(nested, "first=[1]", "second=" + shape(plain, "a=1", "b='x'"))), (first, shape(first, "second=2", "first=3")),
        (second, shape(second, "second='second first'", "first=1")), (many, shape(many, *["attribute%d=%d" % (i, i) for i in range(40)])),
        (number, shape(number, "5")), (mapping, shape(mapping, "{'a': 1}")), (own, shape(own, "x=3")),
        (method, "<bound method WithMeta.method of %s>" % shape(method.__self__)), (looped, shape(looped, "me=" + shape(looped))),
        (fresh, repr(fresh)[:-1] + ", not started>"), (held, "%s, suspended at %s>" % (repr(held)[:-1], place(generator, 1))),
        (done, repr(done)[:-1] + ", finished>"), (coroutine_object, repr(coroutine_object)[:-1] + ", not started>"),
        (async_object, repr(async_object)[:-1] + ", not started>"), (Color, "<enum 'Color'>"),
        *paths,
    ]
    return pairs


if VERSION < (3, 11):
    ExceptionGroup = None


def main():
    builtin, kept = builtin_like()
    special = shaped()
    groups = {"builtin%d" % i: builtin[i:i + 50] for i in range(0, len(builtin), 50)}
    truth = {name: {"v%d" % i: repr(value) for i, value in enumerate(values)} for name, values in groups.items()}
    groups["shaped"] = [value for value, _ in special]
    truth["shaped"] = {"v%d" % i: text for i, (_, text) in enumerate(special)}
    with open(sys.argv[1] + ".values", "w") as out:
        json.dump(truth, out)
    run(*[holder(name, values) for name, values in groups.items()])


if __name__ == "__main__":
    main()

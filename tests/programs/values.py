"""Values of every kind held in the variables of parked frames; beside the truth, argv[1].values says what repr() says of each.

argv[2] is the seed of the random ones, argv[3] how many there are. The generator makes them from the language alone.
"""
import json
import random
import sys

from parking import park, run

TEXTS = ["", "a", "it's", '"', "it's \"both\"", "\\", "\n\r\t\0\x1b\x7f", "\x80\xa0\xad\xff", "é", "日本", "\ud800", "\udfff x", "😀", "\U0010ffff",
         "\u0378", "\u200b\u202e\u2028", "\ufeff", "a" * 300, "é" * 200, "\U0001d11e'"]
NUMBERS = [0, 1, -1, 2**30 - 1, 2**30, -2**30, 2**60 - 1, 2**60, 2**63, 2**64, 2**90, -2**90, 10**18, 10**27, -10**100, 2**1000, 10**300]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e15, 1e16, 1e17, 123456789012345680.0, 1e22, 1e23, 1e-4, 1e-5, 1.5e-5, 5e-324, 1.7976931348623157e308,
          2.2250738585072014e-308, float("inf"), float("-inf"), float("nan"), 2.0**-44, 2.0**53, 9007199254740993.0, 1 / 3, 100.0, 1e100]
COMPLEX = [1j, -1j, 1 + 2j, complex(-0.0, 1), complex(0.0, -0.0), complex(float("nan"), float("inf")), 1e100 + 1e-7j, complex(0, float("-inf"))]
CONSTANTS = [None, True, False, Ellipsis, NotImplemented, (), [], {}, set(), frozenset(), b"", "", range(0), range(1, 5), range(0, 10, 3),
             range(5, 0, -1), range(10**20), slice(None), slice(1, None, -2), bytearray(), bytearray(b"it's"), bytearray(b"a'\"\\\x00")]


def random_text(chance):
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(TEXTS)
    limit = (0x80, 0x100, 0x10000, 0x110000)[chance.randrange(4)]
    return "".join(chr(chance.randrange(limit)) for _ in range(chance.randrange(20)))


def random_float(chance):
    if chance.random() < .3:
        return chance.choice(FLOATS)
    if chance.random() < .5:
        return chance.uniform(-1, 1) * 10.0 ** chance.randrange(-30, 30)
    return chance.choice([-1, 1]) * 2.0 ** chance.randrange(-1074, 1024)


def random_integer(chance):
    return chance.choice(NUMBERS) if chance.random() < .3 else chance.choice([-1, 1]) * chance.getrandbits(chance.randrange(1, 400))


def random_atom(chance):
    return chance.choice([
        lambda: random_text(chance), lambda: random_text(chance), lambda: random_integer(chance), lambda: random_integer(chance),
        lambda: random_float(chance), lambda: chance.choice(COMPLEX), lambda: chance.choice(CONSTANTS[:5]),
        lambda: bytes(chance.randrange(256) for _ in range(chance.randrange(20))), lambda: chance.choice([b"'", b'"', b"'\"", b"\\"]),
    ])()


def random_key(chance):
    return random_atom(chance) if chance.random() < .8 else tuple(random_atom(chance) for _ in range(chance.randrange(3)))


def random_dict(chance, depth):
    made = {random_text(chance) if chance.random() < .5 else random_key(chance): random_value(chance, depth) for _ in range(chance.randrange(8))}
    for key in list(made):
        if chance.random() < .2:
            del made[key]
            if chance.random() < .5:
                made[key] = random_value(chance, depth)
    return made


def random_set(chance):
    made = {random_key(chance) for _ in range(chance.randrange(30))}
    for key in list(made):
        if chance.random() < .3:
            made.discard(key)
    return made


def random_value(chance, depth=4):
    if depth == 0 or chance.random() < .4:
        return random_atom(chance) if chance.random() < .9 else chance.choice(CONSTANTS)
    kind = chance.randrange(7)
    if kind < 2:
        return [random_value(chance, depth - 1) for _ in range(chance.randrange(6))]
    if kind == 2:
        return tuple(random_value(chance, depth - 1) for _ in range(chance.randrange(6)))
    if kind < 5:
        return random_dict(chance, depth - 1)
    return random_set(chance) if kind == 5 else frozenset(random_set(chance))


def holder(name, values):
    """A function of that name whose frame has each value in a variable of its own."""
    names = ", ".join("v%d" % i for i in range(len(values)))
    scope = {"park": park, "values": values}
    exec("def %s():\n    %s, = values\n    park()\n" % (name, names), scope)
    return scope[name]


def cycles():
    one = [1]
    one.append(one)
    two = {}
    two["me"] = two
    three = ([],)
    three[0].append(three)
    four = {"a": [{}]}
    four["a"][0]["b"] = four["a"]
    return [one, two, three, four]


def main():
    seed, count = int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    groups = {
        "texts": TEXTS, "numbers": NUMBERS, "floats": FLOATS, "complexes": COMPLEX, "constants": CONSTANTS, "cycles": cycles(),
        "shared": [10**4000, "x" * 5000, b"y" * 5000, list(range(50)), {i: i for i in range(50)}, {str(i): i for i in range(300)}, set(range(90))],
    }
    for part in range(0, count, 100):
        groups["random%d" % part] = [random_value(chance) for _ in range(100)]
    with open(sys.argv[1] + ".values", "w") as out:
        json.dump({name: {"v%d" % i: repr(value) for i, value in enumerate(values)} for name, values in groups.items()}, out)
    run(*[holder(name, values) for name, values in groups.items()])


if __name__ == "__main__":
    main()

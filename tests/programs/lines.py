"""Line tables of every kind: long lines, big steps, steps back, missing lines, missing columns."""
import ast
import sys

from parking import park, run

FILE = "<lines>"


def made(name, source):
    """A shape whose function f is compiled from source."""
    def start():
        names = {"park": park}
        exec(compile(source, FILE, "exec"), names)
        names["f"]()
    start.__name__ = name
    return start


def long_lines(loads):
    """A line with so many instructions, two bytes each or more, before its call; and such a line before the line of the call."""
    line = "def f(a=1):\n    b = " + "a, " * loads
    return [made("long_line_%d" % loads, line + "park(a)\n"), made("after_long_line_%d" % loads, line + "\n    park(a)\n")]


LONG_LINES = [shape for loads in (56, 60, 61, 62, 63, 64, 65, 120, 124, 125, 126, 127, 128, 190, 255, 5000) for shape in long_lines(loads)]

many_arguments = made("many_arguments", "def f(*a):\n    park(%s)\n" % ", ".join("a" for _ in range(300)))

many_constants = made("many_constants", "def f():\n%s    park(\n        1000,\n    )\n" % "".join("    x = %d\n" % i for i in range(600)))

call_before_its_arguments = made("call_before_its_arguments", """
def f(g=lambda *_: None):
    g(1,
      g(2,
        3), park(
          4,
          g()
      ),
      5)
""")

chained = made("chained", """
class Chain:
    def next(self, park=None):
        return park() if park else self
def f(chain=Chain()):
    (chain
        .next()
        .next(
            park
        )
        .next())
""")

operators = made("operators", """
class Operand:
    __add__ = park
def f(o=Operand()):
    return (
        1,
        o
        +
        2,
        3)
""")

far_below = made("far_below", "def f():\n" + "\n" * 70000 + "    park()\n")

far_above = made("far_above", "def f(a=1):\n    park(" + "\n" * 5000 + "  a)\n")

wide = made("wide", "def f(a=1):\n    return a," + " " * 1000 + "park(a)\n")

very_wide = made("very_wide", "def f(a=1):\n    return a," + " " * 70000 + "park(\n  a)\n")

wide_letters = made("wide_letters", "def f(ä=1, 漢=2, 𝐚='🐍🐍'):\n    return ä, 漢, '🐍é', park(ä, '漢')\n")

loop = made("loop", """
def f():
    for i in range(2):
        while i:
            park(); i = 0
        else:
            continue
""")


def moved(function, **changes):
    """A shape that runs function with its code object changed."""
    def start():
        code = function.__code__.replace(**changes)
        exec(code, {"park": park})
    start.__name__ = function.__name__
    return start


def without_lines():
    park()


def first_line_moved():
    park()


def empty_table(code):
    """A line table that has no line for any instruction; 3.9 cannot say that."""
    units = len(code.co_code) // 2
    if sys.version_info < (3, 10):
        return {}
    if sys.version_info < (3, 11):
        return {"co_linetable": bytes([2, 0x80]) * units}
    return {"co_linetable": bytes([0x80 | 15 << 3]) * units}


def shifted(name, lines=0, **attributes):
    """A shape compiled from a tree whose places are changed, as programs that make code do."""
    def start():
        tree = ast.increment_lineno(ast.parse("def f():\n    (park)(\n    1)\n"), lines)
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                vars(node).update(attributes)
        names = {"park": park}
        exec(compile(tree, FILE, "exec"), names)
        names["f"]()
    start.__name__ = name
    return start


if __name__ == "__main__":
    run(*LONG_LINES, many_arguments, many_constants, call_before_its_arguments, chained, operators, far_below, far_above, wide, very_wide,
        wide_letters, loop, moved(without_lines, **empty_table(without_lines.__code__)), moved(first_line_moved, co_firstlineno=100000),
        shifted("million_lines", lines=1000000), shifted("two_billion_lines", lines=2000000000),
        shifted("without_columns", col_offset=-1, end_col_offset=-1))

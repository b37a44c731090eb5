"""amplified.py TRUTH: functions one inside another, whose code objects share one long line table. To be started late: it cannot be told whole."""
import sys

from parking import park, run

FUNCTIONS, TABLE = 60, 8 << 20


def template(rest):
    if rest:
        return rest[0](rest[1:])
    return park()


def make_functions():
    """The call stands two lines below the first line of each."""
    attribute = "co_linetable" if hasattr(template.__code__, "co_linetable") else "co_lnotab"
    longer = {attribute: getattr(template.__code__, attribute) + bytes([0x80]) * TABLE}
    return [type(template)(template.__code__.replace(co_firstlineno=line + 1, **longer), globals()) for line in range(FUNCTIONS)]


def amplified():
    functions = make_functions()
    functions[0](functions[1:])


if __name__ == "__main__":
    run(amplified)

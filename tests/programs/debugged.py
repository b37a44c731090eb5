"""What a debugger's user walks through: frames with variables of every scope."""
from parking import park, run

LIMIT = 7
größe = "breit"


class Jobs:
    def take(self, number, /, *rest, word="two words"):
        held = [number, *rest]
        park()
        return held, word


def outer(depth):
    if depth:
        return outer(depth - 1)
    return Jobs().take(1, 2)


def walked():
    outer(3)


if __name__ == "__main__":
    run(walked)

"""Python and C take turns: of each two functions the outer one is called by C, and calls the inner one."""
import functools

from parking import park, run


def leaf():
    kept = "leaf"
    park(kept)


def called_by_sorted(item):
    kept = "called_by_sorted"
    leaf()
    return kept and item


def sorts():
    kept = "sorts"
    return sorted([1], key=called_by_sorted) and kept


def called_by_reduce(left, right):
    kept = "called_by_reduce"
    sorts()
    return kept


def reduces():
    kept = "reduces"
    return functools.reduce(called_by_reduce, [1, 2]) and kept


def nested():
    kept = "nested"
    reduces()
    return kept


if __name__ == "__main__":
    run(nested)

"""Calls whose caller's value stack tells less, or other things, than what runs: of C, of the interpreter's own, with arguments that are gone."""
import functools
import operator
import os
import re
import sys
import weakref

from parking import park, run


class Number:
    def __init__(self, parks=None):
        self.parks = parks
        if parks == "init":
            park()

    def __add__(self, other):
        return park() if self.parks == "add" else self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        park()

    def __getattr__(self, name):
        park()

    def __del__(self):
        if self.parks == "delete":
            park()


def sum_in_arguments():
    number = Number("add")
    number.__add__(number + number)


def exit_by_exception():
    with Number():
        raise ValueError


def attribute():
    Number.__getattr__(Number(), Number().missing)


def finalizer():
    def take(_):
        return None
    take(Number("delete"))


def finalizer_of_local():
    def take(_):
        number = Number("delete")
        return number.parks
    take(None)


def weak_reference():
    number = Number()
    kept = weakref.ref(number, park)
    number = None
    return kept


def partial():
    functools.partial(functools.partial(park, 1), 2)()


def key_of_sort():
    sorted([2, 1], key=lambda value: park())


def replacement():
    re.sub("a", lambda match: park(), "banana")


@functools.lru_cache()
def cached(number):
    park()


def decorated():
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            return function(*arguments)
        return wrapper
    decorate(decorate(cached))(1)


def argument_replaced():
    def take(first, second):
        first = second
        del second
        park()
    take(1, 2)


def argument_in_cell():
    def take(first):
        def inner():
            nonlocal first
            first = None
            park()
        inner()
    take(1)


def keywords():
    def take(first, *more, second, **rest):
        park()
    take(1, 3, 4, second=2, third=3)
    take(*(1, 2), **{"second": 2})


def recursion():
    def down(number):
        return down(number - 1) if number else park()
    down(20)


def by_operator():
    operator.methodcaller("__add__", 1)(Number("add"))


def constructor():
    Number("init")


os.chdir(os.path.dirname(sys.argv[1]))  # the kernel writes the core file here
run(sum_in_arguments, exit_by_exception, attribute, finalizer, finalizer_of_local, weak_reference, partial, key_of_sort, replacement, decorated,
    argument_replaced, argument_in_cell, keywords, recursion, by_operator, constructor)

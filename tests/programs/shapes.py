"""Threads parked in few shapes of stacks, in a process that is small enough for its core to be kept."""
import functools
import os
import sys

from parking import park, run


def recursion():
    def down(n):
        if n:
            down(n - 1)
        else:
            park()
    down(300)


class Service:
    def handle(self, request, depth=3):
        if depth:
            return self.handle(
                request,
                depth - 1,
            )
        return [park() for _ in range(1)]


def method():
    Service().handle({"path": "/orders"})


def generator():
    def inner(n):
        if n:
            yield from inner(n - 1)
        else:
            park()
            yield
    next(inner(5))


def coroutine():
    async def leaf():
        park()

    async def branch(n):
        await (branch(n - 1) if n else leaf())
    branch(4).send(None)


def callback():
    sorted([2, 1], key=lambda value: park() or value)


def reduced():
    functools.reduce(lambda a, b: park() or a, [1, 2])


def naïve_имя_関数():
    park()


def executed():
    exec(compile("\n" * 300 + "def f(g):\n    g()\nf(park)\n", "<made\x1b[31m up>", "exec"), {"park": park})


if __name__ == "__main__":
    os.chdir(os.path.dirname(sys.argv[1]))  # the kernel writes the core file here
    run(recursion, method, generator, coroutine, callback, reduced, naïve_имя_関数, executed)

"""Generators, coroutines and asynchronous generators, entered by send, by throw, by close and by C."""
import asyncio
import contextlib
import types

from parking import park, run


def delegate(n, leaf):
    if n:
        yield from delegate(n - 1, leaf)
    else:
        yield from leaf()


def parking_generator():
    yield park()


def yield_from():
    for _ in delegate(5, parking_generator):
        pass


def long_chain():
    list(delegate(300, parking_generator))


def expressions():
    numbers = (n for n in (park(m) for m in range(2)))
    next(numbers)


def consumed_by_c():
    sum(delegate(2, parking_generator))


def resumed():
    def twice():
        yield 1
        yield park()
    generator = twice()
    next(generator)
    generator.send(None)


def parks_on_throw():
    try:
        yield
    except ValueError:
        park()


def thrown_into():
    generator = delegate(4, parks_on_throw)
    next(generator)
    generator.throw(ValueError())


def parks_on_close():
    try:
        yield
    finally:
        park()


def closed():
    generator = delegate(4, parks_on_close)
    next(generator)
    generator.close()


def abandoned():
    generator = parks_on_close()
    next(generator)
    del generator


async def leaf():
    park()


async def branch(n, leaf=leaf):
    if n:
        await branch(
            n - 1,
            leaf,
        )
    else:
        await leaf()


def drive(coroutine):
    with contextlib.suppress(StopIteration):
        coroutine.send(None)


def coroutines():
    drive(branch(4))


def awaitable_object():
    class Awaitable:
        def __await__(self):
            return parking_generator()
    drive(branch(1, Awaitable))


def generator_coroutine():
    def parking_coroutine():  # types.coroutine changes the function that it is given, for all others, too
        yield park()
    drive(branch(1, types.coroutine(parking_coroutine)))


async def ticks(n):
    for i in range(n):
        if i:
            park()
        yield i


def asynchronous_for():
    async def consumer():
        async for _ in ticks(2):
            pass
    drive(consumer())


def asynchronous_comprehension():
    async def consumer():
        return [tick async for tick in ticks(2)]
    drive(consumer())


def asynchronous_with():
    class Manager:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *exception):
            park()

    async def user():
        async with Manager():
            pass
    drive(user())


def task():
    async def service():
        await asyncio.gather(branch(2))
    asyncio.run(service())


def context_managers():
    @contextlib.contextmanager
    def managed():
        try:
            yield
        finally:
            park()
    with managed():
        pass


def warm_loop():
    """A for loop over a generator that runs inside its caller's evaluation loop once it is specialised."""
    def count():
        for i in range(300):
            if i == 299:
                park()
            yield i
    for _ in count():
        pass


def warm_await():
    async def step(stop):
        if stop:
            park()

    async def loop():
        for i in range(300):
            await step(i == 299)
    drive(loop())


if __name__ == "__main__":
    run(yield_from, long_chain, expressions, consumed_by_c, resumed, thrown_into, closed, abandoned, coroutines, awaitable_object,
        generator_coroutine, asynchronous_for, asynchronous_comprehension, asynchronous_with, task, context_managers, warm_loop, warm_await)

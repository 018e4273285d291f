"""Exceptions on their way through frames whose cleanup raises and catches others; prints how many it has raised."""

import asyncio
import builtins
import collections
import concurrent.futures
import contextlib
import functools
import json

RAISED = collections.Counter()


class Odd(Exception):
    pass


def boom(kind):
    RAISED[kind.__name__] += 1
    raise kind("planned")


def caught(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return error


def cleanup(levels=6):
    """More exceptions, each alive while the next is raised, than anybody remembers by address."""
    try:
        boom(KeyError)
    except KeyError:
        if levels:
            cleanup(levels - 1)


def plain(depth):
    if depth == 0:
        boom(ValueError)
    plain(depth - 1)


def with_finally(depth):
    try:
        if depth == 0:
            boom(ValueError)
        with_finally(depth - 1)
    finally:
        cleanup()


def reraised(depth):
    try:
        if depth == 0:
            boom(ValueError)
        reraised(depth - 1)
    except ValueError:
        cleanup()
        raise


def raised_by_name(depth):
    try:
        if depth == 0:
            boom(ValueError)
        raised_by_name(depth - 1)
    except ValueError as error:
        raise error


def raised_from():
    try:
        boom(KeyError)
    except KeyError as cause:
        RAISED["Odd"] += 1
        raise Odd("another") from cause


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        cleanup()


@contextlib.contextmanager
def managed():
    try:
        yield
    finally:
        cleanup()


def with_managers():
    with Manager(), managed(), managed():
        boom(ValueError)


def raises_in_a_library(number):
    """The library's own frames lie between this one and the next that is recorded, which sees it first or last."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(managed())
        RAISED["JSONDecodeError"] += 1
        json.loads(f"[{number}")


def library_body():
    """The body of the with statement is the library's: a generator of ours sees the exception first."""

    class Wrapped(contextlib.ContextDecorator):
        def __init__(self):
            self.inner = managed()

        def __enter__(self):
            self.inner.__enter__()

        def __exit__(self, *exc):
            return self.inner.__exit__(*exc)

    RAISED["JSONDecodeError"] += 1
    Wrapped()(json.loads)("[")


def through_a_callback():
    functools.reduce(lambda _, kind: boom(kind), [ValueError], None)


def numbers():
    try:
        yield 1
        yield 2
    finally:
        cleanup()


def thrown_into_a_generator():
    generator = delegating()
    next(generator)
    RAISED["Odd"] += 1
    generator.throw(Odd("from outside"))


def delegating():
    yield from numbers()


def generator_that_stops_wrongly():
    def wrong():
        yield 1
        raise StopIteration  # noqa: PLR1708  the mistake is the point

    RAISED["RuntimeError"] += 1
    list(wrong())


def taken_off(depth):
    """Somebody takes the traceback off while the exception is on its way."""
    try:
        if depth == 0:
            boom(ValueError)
        taken_off(depth - 1)
    except ValueError as error:
        error.__traceback__ = None
        raise


async def fails_later():
    await asyncio.sleep(0)
    boom(ValueError)


async def awaited():
    try:
        await asyncio.create_task(fails_later())
    finally:
        cleanup()


async def gathered():
    await asyncio.gather(fails_later(), awaited())


def in_an_executor():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(with_finally, 3).result()


IN_A_GROUP = """
def in_a_group():
    '''What is not caught of a group goes on as a group of its own, which nobody has raised.'''
    try:
        RAISED["ExceptionGroup"] += 1
        raise ExceptionGroup("many", [ValueError(1), KeyError(2)])
    except* ValueError:
        cleanup()
"""
if hasattr(builtins, "ExceptionGroup"):
    exec(compile(IN_A_GROUP, __file__, "exec"))
else:

    def in_a_group():
        """There is no such syntax."""


def in_the_same_place():
    """Objects that are freed and made again at one address: each is one."""
    for _ in range(50):
        try:
            RAISED["JSONDecodeError"] += 1
            json.loads("[")
        except ValueError:
            pass


def kept():
    error = caught(boom, LookupError)
    for _ in range(3):
        try:
            raise error
        except LookupError:
            pass


def main():
    for _ in range(3):
        for function in (plain, with_finally, reraised, raised_by_name, taken_off):
            caught(function, 5)
        for function in (
            raised_from, with_managers, library_body, through_a_callback, thrown_into_a_generator,
            generator_that_stops_wrongly, in_a_group, in_the_same_place, in_an_executor,
        ):  # fmt: skip
            caught(function)
        caught(raises_in_a_library, 7)
        for coroutine in (awaited, gathered):
            with contextlib.suppress(ValueError):
                asyncio.run(coroutine())
    kept()


main()
print(json.dumps(RAISED))

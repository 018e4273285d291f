"""Raises and catches exceptions of many kinds; writes down each: its type, what it says, and the functions that it was in.

What it was in is what its own traceback says where it is caught, innermost first, the catching function left out unless it
was raised there.
"""

import asyncio
import json
import sys
import threading
import traceback

TOLD = []
RAN = []  # methods that nobody but the program may call


class Planned(Exception):
    pass


class Nosy(Exception):
    """One whose own methods must not run for being recorded."""

    def __str__(self):
        RAN.append("str")
        return "made up"

    __repr__ = __str__

    @property
    def args(self):
        RAN.append("args")
        return ("made up",)

    def __getattribute__(self, name):
        RAN.append(name)
        return super().__getattribute__(name)


class Text(str):
    def __str__(self):
        RAN.append("text")
        return "made up"


def told(error, says):
    kind = type(error)
    frames = traceback.extract_tb(BaseException.__dict__["__traceback__"].__get__(error))
    names = [frame.name for frame in frames if frame.filename == __file__]
    path = names[:0:-1] or names[:1]
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    TOLD.append([f"{module}{kind.__qualname__}", says, path])


def boom(error, depth=0):
    if depth:
        boom(error, depth - 1)
    raise error


def passing(error, depth):
    try:
        boom(error, depth)
    finally:
        in_passing()


def in_passing():
    try:
        int("not a number")
    except ValueError as error:
        told(error, "invalid literal for int() with base 10: 'not a number'")


def reraised(error):
    try:
        boom(error)
    except Planned:
        in_passing()
        raise


def numbers(error):
    yield 1
    boom(error)


async def awaited(error):
    await asyncio.sleep(0)
    boom(error)


async def awaiting(error):
    await awaited(error)


def caught(function, error, says, *more):
    try:
        function(error, *more)
    except Exception as one:
        told(one, says)


def here(count):
    for number in range(count):
        try:
            raise Planned(f"here {number}")
        except Planned as error:
            told(error, f"here {number}")
        try:
            {}["missing"]
        except KeyError as error:
            told(error, "missing")
        try:
            [][number]
        except IndexError as error:
            told(error, "list index out of range")


def in_a_library():
    for _ in range(4):
        try:
            json.loads("[")
        except ValueError as error:
            told(error, "Expecting value: line 1 column 2 (char 1)")


def main():
    here(6)
    caught(boom, Planned("through five"), "through five", 4)
    caught(passing, Planned("with cleanup"), "with cleanup", 2)
    caught(reraised, Planned("raised again"), "raised again")
    caught(boom, Planned(), None)
    caught(boom, Planned(7), "7")
    caught(boom, Planned("two", 2), "('two', 2)")
    caught(boom, Planned("two\nlines"), "two\\nlines")
    caught(boom, Planned("it's é"), "it's é")
    caught(boom, Planned("x" * 500), "x" * 200 + "…")
    caught(boom, Planned("password=hunter2 for bob"), "password=\u2039redacted\u203a for bob")
    caught(boom, Planned(Text("subclass")), "<__main__.Text>")
    caught(boom, Nosy("hidden"), "hidden")
    caught(lambda error: list(numbers(error)), Planned("in a generator"), "in a generator")
    caught(lambda error: asyncio.run(awaiting(error)), Planned("in a task"), "in a task")
    worker = threading.Thread(target=caught, args=(boom, Planned("in a thread"), "in a thread", 1))
    worker.start()
    worker.join()
    in_a_library()
    try:
        with open("/nowhere/at/all"):
            pass
    except OSError as error:
        told(error, "(2, 'No such file or directory')")


main()
print(json.dumps({"told": TOLD, "ran": [one for one in RAN if not one.startswith("__")]}))
sys.stdout.flush()

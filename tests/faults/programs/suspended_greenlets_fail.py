"""Greenlets that stand somewhere in a function while a recorder comes, and then meet exceptions there.

suspended_greenlets_fail.py FOLDER
"""

import os
import sys
import time

import greenlet

folder = sys.argv[1]
main = greenlet.getcurrent()


def fail(depth):
    if depth:
        fail(depth - 1)
    raise ValueError("planned")


def catches():
    main.switch()
    caught = 0
    for depth in range(5):
        try:
            fail(depth)
        except ValueError:
            caught += 1
    return f"caught {caught}"


def generates():
    main.switch()
    yield 1
    raise KeyError("planned")


def through_a_generator():
    try:
        return list(generates())
    except KeyError as problem:
        return f"through a generator {problem}"


def is_left():
    try:
        main.switch()
    finally:
        main.switch("cleaned up")


def deep(depth):
    return deep(depth - 1) if depth else catches()


def is_thrown_into():
    try:
        main.switch()
    except LookupError as problem:
        return f"thrown into {problem}"


standing = [greenlet.greenlet(function) for function in (catches, through_a_generator, is_left, is_thrown_into)]
standing.append(greenlet.greenlet(lambda: deep(50)))
for one in standing:
    one.switch()
print("ready", flush=True)
while not os.path.exists(folder + "/go"):
    time.sleep(0.01)
for one in standing:
    print(one.throw(LookupError("planned")) if one is standing[3] or one is standing[2] else one.switch(), flush=True)

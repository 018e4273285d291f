"""Sets a trace function at every depth of its calls and takes it out again; prints how often each function was called."""

import collections
import json
import sys

calls = collections.Counter()


def counted(function):
    def call(*args):
        calls[function.__name__] += 1
        return function(*args)

    return call


def tracer(frame, event, argument):
    return None


@counted
def leaf():
    return 1


@counted
def inside():
    leaf()
    sys.settrace(tracer)
    leaf()
    sys.settrace(None)
    leaf()


@counted
def sets():
    sys.settrace(tracer)
    leaf()


@counted
def takes_out(depth):
    if depth:
        takes_out(depth - 1)
    else:
        sys.settrace(None)
    leaf()


@counted
def fails():
    sys.settrace(tracer)
    raise LookupError(leaf())


@counted
def values():
    yield leaf()
    sys.settrace(tracer)
    yield leaf()
    sys.settrace(None)
    yield leaf()


@counted
def round_of_all():
    inside()
    sets()
    takes_out(3)
    try:
        fails()
    except LookupError:
        takes_out(1)
    assert list(values()) == [1, 1, 1]


for _ in range(40):
    round_of_all()
print(json.dumps(calls))

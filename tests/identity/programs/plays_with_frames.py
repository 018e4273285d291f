"""Its own profile and trace functions, frames and generators: what a debugger of the same process would disturb."""

import sys
import traceback

calls = []


def work(depth):
    return work(depth - 1) if depth else [sys._getframe(level).f_code.co_name for level in range(3)]


def generate():
    try:
        yield from range(3)
    finally:
        print("closed")


def profiled(frame, event, arg):
    if event == "call":
        calls.append(frame.f_code.co_name)


sys.setprofile(profiled)
work(3)
sys.setprofile(None)
print(calls, sys.getprofile())
lines = []
sys.settrace(lambda frame, event, arg: lambda *words: lines.append(words[1]))
work(2)
sys.settrace(None)
print(lines)
print(work(2))
generator = generate()
print(next(generator))
generator.close()


def deep():
    return deep()


try:
    deep()
except RecursionError as problem:
    print(problem, len(traceback.extract_tb(problem.__traceback__)) > 900)

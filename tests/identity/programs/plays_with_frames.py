"""Its own profile and trace functions, frames and generators: what a debugger of the same process would disturb."""

import inspect
import sys
import traceback
import warnings

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


def deep(depth):
    try:
        return deep(depth + 1)
    except RecursionError:
        return depth


def below():
    return [(frame.filename, frame.lineno, frame.function) for frame in inspect.stack()]


print(deep(0), below(), traceback.extract_stack(sys._getframe().f_back))
warnings.warn("far below", stacklevel=9)
traceback.print_stack()
work("none")

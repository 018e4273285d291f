"""Functions, classes, files and threads of awkward names. What it prints is what a recording must hold."""

import threading


def work(n):
    return n * 2


for n in range(10):
    work(n)
namespace = {}
LONG = "f" * 6000
exec(f"def {LONG}(x):\n    return x\n", namespace)
namespace[LONG](1)
exec(compile("def odd(): return 3\nodd()", "caf\udce9.tmpl", "exec"), {"__name__": "mod\udce9"})
exec(compile("def empty(): return 3\nempty()", "", "exec"), {"__name__": ""})
exec(compile("def newline(): return 3\nnewline()", "two\nlines\x1b[31m.py", "exec"), {"__name__": "new\nline"})


class A:
    def __init__(self):
        self.x = 1


A.__name__ = A.__qualname__ = "B" * 300
A()


def renamed():
    return 4


code = renamed.__code__
qualname = {"co_qualname": "nul\0 \u202e qual"} if hasattr(code, "co_qualname") else {}
renamed.__code__ = code.replace(co_name="nul\0 \u202e qual", co_filename="file\0nul.py", **qualname)
renamed()


def in_thread():
    work(0)


for name in ("\udc80thread", "new\nline", "ж" * 3000, "nul\0thread", "\x1b[31mred"):
    thread = threading.Thread(target=in_thread, name=name)
    thread.start()
    thread.join()
print("ok", flush=True)

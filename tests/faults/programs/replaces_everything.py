"""Has put functions of its own where a guest might look for the interpreter's, and tells which of them were called.

replaces_everything.py FOLDER
"""

import _thread
import atexit
import builtins
import os
import sys
import threading
import time

folder = sys.argv[1]
called = set()
looking = False


def watched(name, function):
    def stand_in(*args, **kwargs):
        if looking:
            called.add(f"import {args[0]}" if name == "builtins.__import__" else name)
        return function(*args, **kwargs)

    return stand_in


for module, names in (
    (builtins, "__import__ open exec compile print input"),
    (os, "open read write close rename fork getpid fspath stat lstat pipe"),
    (os.path, "join dirname abspath realpath exists"),
    (_thread, "start_new_thread allocate_lock get_native_id get_ident"),
    (threading, "Thread get_ident current_thread"),
    (atexit, "register unregister"),
    (sys, "getframe exc_info"),
    (time, "sleep monotonic"),
):
    for name in names.split():
        if hasattr(module, name):
            setattr(module, name, watched(f"{module.__name__}.{name}", getattr(module, name)))


class Finder:
    """First of the import system's finders."""

    def find_spec(self, name, path=None, target=None):
        if looking:
            called.add("import " + name)


sys.meta_path.insert(0, Finder())
go, real_open = os.path.join(folder, "go"), open.__closure__[0].cell_contents
del sys.modules["atexit"]
sys.modules["os"] = sys.modules["_thread"] = None
lock = _thread.allocate_lock()
lock.acquire()
print("ready", flush=True)
sys.stdout.flush()
looking = True
while True:
    try:
        real_open(go).close()
        break
    except FileNotFoundError:
        lock.acquire(timeout=0.01)
looking = False
print("called", sorted(called))
sys.modules["os"] = os

"""Warnings, a chain of exceptions, exit handlers, an object that fails in its finalizer, an uncaught exception."""

import atexit
import warnings


class Fails:
    def __del__(self):
        raise RuntimeError("in a finalizer")


atexit.register(print, "first registered, last called")
atexit.register(print, "last registered, first called")
warnings.warn("old", DeprecationWarning, stacklevel=1)
open("never-closed.txt", "w").write("text")
Fails()
try:
    try:
        {}["missing"]
    except KeyError as missing:
        raise LookupError("wrapped") from missing
except LookupError:
    raise ValueError("uncaught") from None

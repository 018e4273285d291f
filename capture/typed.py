"""Bytes to typed values, whichever threads ask first.

WORKAROUND(msgspec 0.22): a type's description is built at its first use, with Python code that may hand the GIL on, and
another thread that uses the type meanwhile reads an unfinished one: a segmentation fault in the window, whose workers
open a session's first keyframes together. Here each type is described once, under a lock, before anything is decoded.
Remove when `tests/capture/test_typed.py` passes with msgspec's own functions in its program.
"""

from __future__ import annotations

import threading
from typing import TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_described: set[object] = set()


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """The value in MessagePack bytes. Raises: msgspec.DecodeError."""
    _describe(kind)
    return msgspec.msgpack.decode(data, type=kind)


def from_json(data: bytes, kind: type[T]) -> T:
    """The value in a JSON document. Raises: msgspec.DecodeError."""
    _describe(kind)
    return msgspec.json.decode(data, type=kind)


def converted(value: object, kind: type[T]) -> T:
    """A value made of dictionaries and lists as a typed one. Raises: msgspec.ValidationError."""
    _describe(kind)
    return msgspec.convert(value, kind)


def _describe(kind: object) -> None:
    if kind not in _described:
        with _lock:
            msgspec.msgpack.Decoder(kind)
            _described.add(kind)

"""Bytes to typed values, whichever threads ask first, and one error for bytes that are none.

msgspec raises three: its own, UnicodeDecodeError for a text that is no UTF-8, RecursionError for what is too deep. Who
caught the first alone was ended by the others: one byte from a program ended its recorder.

WORKAROUND(msgspec 0.22): a type's description is built at its first use, with Python code that may hand the GIL on, and
another thread that uses the type meanwhile reads an unfinished one: a segmentation fault in the window, whose workers
open a session's first keyframes together. Here each type is described once, under a lock, before anything is decoded.
Remove when `tests/capture/test_typed.py` passes with msgspec's own functions in its program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_described: set[object] = set()


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """The value in MessagePack bytes. Raises: msgspec.DecodeError and nothing else."""
    return _decoded(msgspec.msgpack.decode, data, kind)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """The value in a JSON document. Raises: msgspec.DecodeError and nothing else."""
    return _decoded(msgspec.json.decode, data, kind)


def converted(value: object, kind: type[T]) -> T:
    """A value made of dictionaries and lists as a typed one. Raises: msgspec.ValidationError."""
    _describe(kind)
    return msgspec.convert(value, kind)


def _decoded(decode: Callable[..., Any], data: bytes | str, kind: type[T]) -> T:
    _describe(kind)
    try:
        value: T = decode(data, type=kind)
    except msgspec.DecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    return value


def _describe(kind: object) -> None:
    if kind not in _described:
        with _lock:
            msgspec.msgpack.Decoder(kind)
            _described.add(kind)

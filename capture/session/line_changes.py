"""What lines did to local variables, read from the texts of their events: a change a row, `name=value`.

The name alone stands for a variable that is no longer bound. No value has the end of a row in it: where it is one of a
program's text, it is escaped. Rate: 20 M changes/s.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.events.batch import Int64
from capture.events.text_column import TextColumn
from capture.hostlib import host_library


class LineChanges(NamedTuple):
    """Of each change which of the asked texts tells it, the variable, and its value; null: it is no longer bound."""

    event: Int64
    name: TextColumn
    new: pa.LargeStringArray


def changes_in(texts: TextColumn, places: Int64) -> LineChanges:
    """The changes that the texts at those places tell, in their order.

    >>> told = changes_in(TextColumn.of(["x=1\\ny='a=b'", "", "x"]), np.array([0, 1, 2]))
    >>> told.event.tolist(), list(told.name), told.new.to_pylist()
    ([0, 0, 2], ['x', 'y', 'x'], ['1', "'a=b'", None])
    """
    offsets, text = texts.as_buffers()
    places = np.ascontiguousarray(places, np.int64)
    library, room = host_library(), np.zeros(3, np.int64)
    asked = _pointer(text), _pointer(offsets), _pointer(places), ctypes.c_int64(len(places))
    library.scope_count_changes(*asked, _pointer(room))
    count, name_bytes, value_bytes = room.tolist()
    event, is_bound = np.empty(count, np.int64), np.empty(count, np.uint8)
    name_ends, value_ends = np.empty(count + 1, np.int64), np.empty(count + 1, np.int64)
    names, values = np.empty(name_bytes, np.uint8), np.empty(value_bytes, np.uint8)
    library.scope_split_changes(
        *asked, _pointer(event), _pointer(name_ends), _pointer(value_ends), _pointer(is_bound), _pointer(names),
        _pointer(values),
    )  # fmt: skip
    new = TextColumn.from_bytes(values, value_ends).array
    if not is_bound.all():
        bits = pa.py_buffer(np.packbits(is_bound, bitorder="little"))
        new = pa.Array.from_buffers(new.type, count, [bits, *new.buffers()[1:]])
    return LineChanges(event, TextColumn.from_bytes(names, name_ends), new)


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)

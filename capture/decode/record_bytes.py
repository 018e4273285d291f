"""What the host-side C library does with the bytes of records, one call for a whole block: 10-20 ns per record."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.events.text_column import NO_TEXTS, TextColumn
from capture.hostlib import host_library

Records = npt.NDArray[np.void]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SplitRecords:
    """A block taken apart: one head per event, and what some say beyond their heads, in columns.

    `rare_at` and `rare_rows` are the records and the rows of events of a rare kind that are no states; `texts` are
    those of the states. `broken_at` is the first event that claims more records than there are; nothing else is then
    told. `unknown_kind` is that of the first event of a kind that is not known.
    """

    heads: Records
    rare_at: Int64
    rare_rows: Int64
    state_rows: Int64
    serials: npt.NDArray[np.uint64]
    changes: Int64
    texts: TextColumn
    broken_at: int | None = None
    unknown_kind: int | None = None


def split_records(records: Records, is_known: npt.NDArray[np.bool_]) -> SplitRecords:
    """The records as events; `is_known` says of each kind whether it is."""
    records = np.ascontiguousarray(records)
    room = (ctypes.c_int64 * 6)()
    library, first = host_library(), _pointer(records)
    library.scope_count_records(first, ctypes.c_int64(len(records)), _pointer(is_known), room)
    events, states, rare, text_bytes, broken_at, unknown_kind = room
    if broken_at >= 0:
        none = np.empty(0, np.int64)
        return SplitRecords(records, none, none, none, none.view(np.uint64), none, NO_TEXTS, broken_at)
    heads, text = np.empty(events, records.dtype), np.empty(text_bytes, np.uint8)
    # One array for all numbers: ctypes takes longer for an address than C for a block's share of them.
    lengths = (rare, rare, states, states, states, states + 1)
    bounds = [0, *itertools.accumulate(lengths)]
    numbers = np.empty(bounds[-1], np.int64)
    address = numbers.ctypes.data
    library.scope_split_records(
        first,
        ctypes.c_int64(len(records)),
        _pointer(heads),
        *(ctypes.c_void_p(address + 8 * start) for start in bounds[:-1]),
        _pointer(text),
    )
    rare_at, rare_rows, rows, serials, changes, ends = (numbers[a:b] for a, b in itertools.pairwise(bounds))
    texts = TextColumn.from_bytes(text, ends) if states else NO_TEXTS
    unknown = None if unknown_kind < 0 else unknown_kind
    return SplitRecords(heads, rare_at, rare_rows, rows, serials.view(np.uint64), changes, texts, unknown_kind=unknown)


def session_ns(
    ticks: npt.NDArray[np.uint64], base: npt.NDArray[np.uint64], base_ns: Int64, slopes: npt.NDArray[np.float64]
) -> Int64:
    """Session ns of each tick on the lines between two or more pairs; at most 2^61 from a pair."""
    ticks = np.ascontiguousarray(ticks)
    ns = np.empty(len(ticks), np.int64)
    host_library().scope_session_ns(
        _pointer(ticks), ctypes.c_int64(len(ticks)), _pointer(base), _pointer(base_ns), _pointer(slopes),
        ctypes.c_int64(len(base)), _pointer(ns),
    )  # fmt: skip
    return ns


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)

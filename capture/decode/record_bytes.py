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
_NONE = np.empty(0, np.int64)


UNKNOWN, PLAIN, LOOKED_AT, SAYS_MORE = 0, 1, 2, 3
"""Classes of kinds, as native/host/records.c has them: no kind of ours; one whose head says all; one that Python looks
at one by one; one that always has a payload."""


@dataclass(frozen=True, slots=True)
class SplitRecords:
    """A block taken apart: one head per event, and where the payloads are that some have.

    `payload_rows` are the rows of events with a payload, `payload_slots` the records that those begin in; `looked_rows`
    the rows of a kind that Python looks at. `broken_at` is the first event that claims more records than there are, or
    lacks the payload that its kind has; nothing else is then told. `unknown_kind` is that of the first event of a kind
    that is not known.
    """

    heads: Records
    payload_rows: Int64
    payload_slots: Int64
    looked_rows: Int64
    broken_at: int | None = None
    unknown_kind: int | None = None


def split_records(records: Records, classes: npt.NDArray[np.uint8]) -> SplitRecords:
    """The records as events; `classes` says of each kind what it is. Contiguous records only."""
    room = (ctypes.c_int64 * 5)()
    library, first, count = host_library(), _pointer(records), ctypes.c_int64(len(records))
    library.scope_count_records(first, count, _pointer(classes), room)
    events, payloads, looked_at, broken_at, unknown_kind = room
    unknown = None if unknown_kind < 0 else unknown_kind
    if broken_at >= 0:
        return SplitRecords(records, _NONE, _NONE, _NONE, broken_at)
    if not payloads and not looked_at:
        return SplitRecords(records, _NONE, _NONE, _NONE, unknown_kind=unknown)
    heads = np.empty(events, records.dtype)
    # One array for all numbers: ctypes takes longer for an address than C for a block's share of them.
    bounds = [0, *itertools.accumulate((payloads, payloads, looked_at))]
    numbers = np.empty(bounds[-1], np.int64)
    places = (ctypes.c_void_p(numbers.ctypes.data + 8 * start) for start in bounds[:-1])
    library.scope_split_records(first, count, _pointer(classes), _pointer(heads), *places)
    payload_rows, payload_slots, looked_rows = (numbers[a:b] for a, b in itertools.pairwise(bounds))
    return SplitRecords(heads, payload_rows, payload_slots, looked_rows, unknown_kind=unknown)


def gathered(data: Records, starts: Int64, lengths: Int64) -> TextColumn:
    """The bytes that begin there in contiguous records, as texts. What is no UTF-8 is replaced."""
    if not len(starts):
        return NO_TEXTS
    text, ends = np.empty(int(lengths.sum()), np.uint8), np.empty(len(starts) + 1, np.int64)
    columns = (np.ascontiguousarray(starts), np.ascontiguousarray(lengths))
    host_library().scope_gather_bytes(
        _pointer(data), *map(_pointer, columns), ctypes.c_int64(len(starts)), _pointer(text), _pointer(ends)
    )
    return TextColumn.from_bytes(text, ends)


def upgraded(records: Records) -> tuple[Records, int | None]:
    """Records of a pool of ABI 2 as they would be of the present one; or the first event that claims too much."""
    room = np.empty(len(records), records.dtype)
    upgrade = host_library().scope_upgrade_records
    upgrade.restype = ctypes.c_int64
    count = upgrade(_pointer(np.ascontiguousarray(records)), ctypes.c_int64(len(records)), _pointer(room))
    return (room[:count], None) if count >= 0 else (records, -1 - count)


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

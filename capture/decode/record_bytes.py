"""What the host-side C library does with the bytes of records, one call for a whole block: 10-20 ns per record."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.events.text_column import NO_TEXTS, TextColumn
from capture.hostlib import host_library

Records = npt.NDArray[np.void]
Int64 = npt.NDArray[np.int64]
_NONE = np.empty(0, np.int64)


class RecordLayout(IntFlag):
    """What the records of a kind are like, as native/host/records.c has it; 0 of one that is not known."""

    KNOWN = 1
    LOOKED_AT = 2  # by Python, one by one
    REQUIRED = 4  # a payload
    TEXT = 8
    OBJECT = 16  # before the text
    COUNTED = 32  # before the text, where the flags say so
    VALUES = 64  # words that are values; its head keeps the bit of payloads


@dataclass(frozen=True, slots=True)
class SplitRecords:
    """A block taken apart: one head per event, and what some say beyond their heads, in columns.

    `looked_rows` are the rows of the events that are looked at, `looked_next` the records behind their heads.
    `text_rows` are those of events with a text, `serials` their objects (0: none), `changes` how many they stand for.
    `words` are those of values, b // 8 of each event whose head still has the bit of payloads.
    `broken_at` is the first event that claims more records than there are, or lacks what its kind has; nothing else is
    then told. `unknown_kind` is that of the first event of a kind that is not known.
    """

    heads: Records
    looked_rows: Int64
    looked_next: Int64
    text_rows: Int64
    serials: npt.NDArray[np.uint64]
    changes: Int64
    texts: TextColumn
    words: npt.NDArray[np.uint64]
    broken_at: int | None = None
    unknown_kind: int | None = None


def split_records(records: Records, layouts: npt.NDArray[np.uint8]) -> SplitRecords:
    """The contiguous records as events; `layouts` says of each kind what its records are like."""
    room = (ctypes.c_int64 * 7)()
    library, first, count = host_library(), _pointer(records), ctypes.c_int64(len(records))
    library.scope_count_records(first, count, _pointer(layouts), room)
    events, texts, looked_at, text_bytes, broken_at, unknown_kind, value_words = room
    unknown = None if unknown_kind < 0 else unknown_kind
    if broken_at >= 0 or (events == len(records) and not texts and not looked_at):
        broken = None if broken_at < 0 else broken_at
        no_words: npt.NDArray[np.uint64] = _NONE.view(np.uint64)
        return SplitRecords(records, _NONE, _NONE, _NONE, no_words, _NONE, NO_TEXTS, no_words, broken, unknown)
    heads, text = np.empty(events, records.dtype), np.empty(text_bytes, np.uint8)
    # One array for all numbers: ctypes takes longer for an address than C for a block's share of them.
    bounds = [0, *itertools.accumulate((looked_at, looked_at, texts, texts, texts, texts + 1, value_words))]
    numbers = np.empty(bounds[-1], np.int64)
    *places, words_at = (ctypes.c_void_p(numbers.ctypes.data + 8 * start) for start in bounds[:-1])
    library.scope_split_records(first, count, _pointer(layouts), _pointer(heads), *places, _pointer(text), words_at)
    rows, following, text_rows, serials, changes, ends, words = (numbers[a:b] for a, b in itertools.pairwise(bounds))
    column = TextColumn.from_bytes(text[: ends[-1]], ends) if texts else NO_TEXTS
    return SplitRecords(
        heads, rows, following, text_rows, serials.view(np.uint64), changes, column, words.view(np.uint64),
        unknown_kind=unknown,
    )  # fmt: skip


def upgraded(records: Records) -> tuple[Records, int | None]:
    """Records of a pool of ABI 2 as they would be of the present one; or the first event that claims too much."""
    room = np.empty(len(records), records.dtype)
    upgrade = host_library().scope_upgrade_records
    upgrade.restype = ctypes.c_int64
    count = upgrade(_pointer(records), ctypes.c_int64(len(records)), _pointer(room))
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


def counts_of(kinds: npt.NDArray[np.uint8]) -> Int64:
    """How many there are of each kind. Shape: (256,)."""
    kinds, counts = np.ascontiguousarray(kinds), np.zeros(256, np.int64)
    host_library().scope_count_kinds(_pointer(kinds), ctypes.c_int64(len(kinds)), _pointer(counts))
    return counts


@dataclass(frozen=True, slots=True)
class KindsAndSites:
    """Of records: the kind, the session's site or 0, the line of the caller or 0, None: of all; whether all sites are
    known; flags of kinds with values."""

    kind: npt.NDArray[np.uint8]
    site: npt.NDArray[np.int32]
    line: npt.NDArray[np.int64] | None
    all_known: bool
    value_flags: int  # all that any of them has


def kinds_and_sites(
    records: Records,
    site_bits: npt.NDArray[np.uint8],
    sites: npt.NDArray[np.int32],
    has_values: npt.NDArray[np.bool_],
) -> KindsAndSites:
    """What most records say; `sites` are the session's by the target's number.

    site_bits: by kind, how many of the low bits of `a` are the site, 0: none; a line is above them.
    """
    records = np.ascontiguousarray(records)
    kind, site, flags = np.empty(len(records), np.uint8), np.empty(len(records), np.int32), ctypes.c_uint8()
    line, has_lines = np.empty(len(records), np.int64), ctypes.c_uint8()
    find = host_library().scope_kinds_and_sites
    find.restype = ctypes.c_int64
    missing = find(
        _pointer(records), ctypes.c_int64(len(records)), _pointer(site_bits), _pointer(sites),
        ctypes.c_int64(len(sites)), _pointer(has_values), _pointer(kind), _pointer(site), _pointer(line),
        ctypes.byref(flags), ctypes.byref(has_lines),
    )  # fmt: skip
    return KindsAndSites(kind, site, line if has_lines.value else None, not missing, flags.value)


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)

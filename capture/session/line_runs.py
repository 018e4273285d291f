"""The table `never_run`, which no file holds: the lines that sites have, and when each of them ran first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from capture.events.batch import Int64
from capture.session.format import MAX_TABLE_ROWS
from capture.session.tables import SCHEMAS

MOST_LINES = 1 << 16
"""Of a site, from its first one to its last; hooks/lines.c tells no more."""
MOST_DIGITS = 10
_LINE_BITS = 32
LINE = pa.array(["line"])


def never_run_table(site_lines: pa.Table, first_runs: Iterable[pa.Table]) -> pa.Table:
    """A row for each line that is known of, by site and line; `first_runs` in order of time."""
    keys = _keys_told(site_lines)
    pieces = [(_keys(piece["site_id"], piece["line"]), piece["time_ns"].to_numpy()) for piece in first_runs]
    ran = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in pieces)])
    when = np.concatenate([np.zeros(0, np.int64), *(times for _, times in pieces)])
    ran, first = np.unique(ran, return_index=True)  # the first of equal ones is the earliest
    is_known = np.isin(ran, keys)
    first_ns, is_null = np.zeros(len(keys), np.int64), np.ones(len(keys), np.bool_)
    places = np.searchsorted(keys, ran[is_known])
    first_ns[places], is_null[places] = when[first][is_known], False
    columns = {
        "site_id": pa.array((keys >> _LINE_BITS).astype(np.int32)),
        "line": pa.array((keys & ((1 << _LINE_BITS) - 1)).astype(np.int32)),
        "kind": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(keys), np.int8)), LINE).cast(pa.string()),
        "first_run_ns": pa.array(first_ns, mask=is_null),
    }
    return pa.table([columns[name] for name in SCHEMAS["never_run"].names], schema=SCHEMAS["never_run"])


def _keys(site_id: pa.ChunkedArray, line: pa.ChunkedArray) -> Int64:
    numbers = (column.fill_null(0).to_numpy().astype(np.int64) for column in (site_id, line))
    sites, lines = numbers
    keys: Int64 = (sites << _LINE_BITS) | (lines & ((1 << _LINE_BITS) - 1))
    return keys


def _keys_told(site_lines: pa.Table) -> Int64:
    """Sorted; as many as a table may have. A loop over ranges, a million a second."""
    told, room = [np.zeros(0, np.int64)], MAX_TABLE_ROWS
    for site_id, text in zip(*(site_lines[name].to_pylist() for name in ("site_id", "lines")), strict=True):
        for first, last in ranges_in(text or ""):
            told.append(np.arange(first, min(last, first + room - 1) + 1, dtype=np.int64) | (site_id << _LINE_BITS))
            room -= len(told[-1])
    return np.unique(np.concatenate(told))


def ranges_in(text: str) -> Iterator[tuple[int, int]]:
    """First and last lines of ranges; what is none, or too long for a site, is passed over.

    >>> list(ranges_in("12-15,17,x,9-3,1-999999"))
    [(12, 15), (17, 17)]
    """
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if all(number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS for number in (first, last)):
            low, high = int(first), int(last)
            if low <= high < 1 << (_LINE_BITS - 1) and high - low < MOST_LINES:
                yield low, high


def ranges_of(lines: Iterable[int]) -> str:
    """Ascending lines as ranges.

    >>> ranges_of([12, 13, 14, 17])
    '12-14, 17'
    """
    runs: list[list[int]] = []
    for line in lines:
        if runs and runs[-1][1] == line - 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)

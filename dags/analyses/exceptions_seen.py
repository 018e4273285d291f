"""Which exceptions came up, by type and the function that they came up in: how often, first and last.

A recording tells that an exception is raised. One that an older Scope made of Python 3.10 or 3.11 tells only that one
leaves a function: then the innermost function that it leaves counts, one that is caught where it was raised is not
seen, and one raised anew by the function that caught it is the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec
import numpy as np
import pyarrow as pa

from capture.events.batch import EventBatch, Int64
from capture.events.kinds import Kind
from capture.session.session import Session

_COLUMNS = ("time_ns", "kind", "track_id", "site_id", "value")


class SeenException(msgspec.Struct, kw_only=True):
    """Those of one type that came up in one function. `type` is empty where it is not known, `track_id` the first's."""

    type: str
    site_id: int
    count: int
    track_id: int
    first_event_id: int
    first_ns: int
    last_event_id: int
    last_ns: int


def exceptions_seen(
    session: Session,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: Callable[[], None] = lambda: None,
) -> list[SeenException]:
    """Those of a stretch of time, both ends included, on these tracks, the most frequent first.

    `reads_on` is called before each segment, and may raise to end the question.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    kind = kind_that_tells(session)
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    found: dict[tuple[str, int], SeenException] = {}
    for index in session.with_rows if session.manifest.kinds.get(kind.word) else ():
        segment = session.segments[index]
        if segment.end_ns < start_ns or segment.start_ns > end_ns:
            continue
        reads_on()
        batch = session.events(index, _COLUMNS)
        rows = coming_up(batch, kind)
        rows = rows[(batch.time_ns[rows] >= start_ns) & (batch.time_ns[rows] <= end_ns)]
        if track_ids is not None:
            rows = rows[np.isin(batch.track_id[rows], list(track_ids))]
        for one in by_type(batch, rows):
            known = found.setdefault((one.type, one.site_id), one)
            if known is not one:
                known.count += one.count
                known.last_event_id, known.last_ns = one.last_event_id, one.last_ns
    return sorted(found.values(), key=lambda one: (-one.count, one.first_event_id))


def kind_that_tells(session: Session) -> Kind:
    """The kind of the events that say that an exception has come up in this session."""
    return Kind.RAISE if session.manifest.kinds.get(Kind.RAISE.word) else Kind.UNWIND


def coming_up(batch: EventBatch, kind: Kind) -> Int64:
    """The rows of a segment's events that say that one has come up."""
    if kind is Kind.RAISE:
        return np.flatnonzero(batch.kind == kind)
    return ways_out(batch)[0]


def ways_out(batch: EventBatch) -> tuple[Int64, Int64]:
    """(the row with which each exception left its first function, how many functions it left one after the other).

    A function that does something while it is left, in a `finally`, ends the one way and begins another.
    """
    if not (batch.kind == Kind.UNWIND).any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.argsort(batch.track_id, kind="stable")
    track, leaves = batch.track_id[order], batch.kind[order] == Kind.UNWIND
    inside = np.flatnonzero(leaves)
    before = np.maximum(inside - 1, 0)
    goes_on = leaves[before] & (track[before] == track[inside]) & (inside > 0)
    begins = np.flatnonzero(~goes_on)
    lengths = np.diff(np.append(begins, len(inside)))
    left = order[inside[begins]]
    by_time = np.argsort(left)
    return left[by_time], lengths[by_time]


def by_type(batch: EventBatch, rows: Int64) -> list[SeenException]:
    """One for each type and function, of events in order."""
    if not len(rows):
        return []
    held = pa.concat_arrays([batch.values.array, pa.array([""], batch.values.array.type)])
    at = np.searchsorted(batch.value_rows, rows)
    inside = np.minimum(at, max(len(batch.value_rows) - 1, 0))
    has_text = batch.value_rows[inside] == rows if len(batch.value_rows) else np.zeros(len(rows), np.bool_)
    texts = held.take(pa.array(np.where(has_text, inside, len(held) - 1))).dictionary_encode()
    codes = texts.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, first, place, counts = np.unique(
        codes << 32 | batch.site_id[rows], return_index=True, return_inverse=True, return_counts=True
    )
    last = np.zeros(len(first), np.int64)
    last[place] = np.arange(len(rows))
    types = texts.dictionary.to_pylist()
    return [
        SeenException(
            type=types[codes[begin]],
            site_id=int(batch.site_id[rows[begin]]),
            count=count,
            track_id=int(batch.track_id[rows[begin]]),
            first_event_id=batch.first_event_id + int(rows[begin]),
            first_ns=int(batch.time_ns[rows[begin]]),
            last_event_id=batch.first_event_id + int(rows[end]),
            last_ns=int(batch.time_ns[rows[end]]),
        )
        for begin, end, count in zip(first.tolist(), last.tolist(), counts.tolist(), strict=True)
    ]

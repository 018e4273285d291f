"""Function by function what a stretch of time came to: calls, time, errors, how long calls took.

    found = function_statistics(session, (start_ns, end_ns), track_ids={7}, reads_on=asked.reads_on)
    for row in found.ranked("own")[:100]:
        found.site_id[row], found.own_ns[row], found.median_ns(row)

A call that began before the stretch or goes on after its end counts with the part that lies inside, and is `cut`. How
long calls take as a rule (shortest, median, 95 of 100) is told of whole calls only; the longest may be one that is cut.
A call inside of another one of the same function adds nothing to the total, which it is in already. A generator or
coroutine counts anew each time that it runs on. What functions waited is not captured.

A window asks from a row of `views.reading.questions.QUESTIONS`: `session` is that of `asked.source` and `reads_on` is
`asked.reads_on`, which is called before each segment and may raise to end the question. The first answer about a long
session takes as long as reading its calls, the next ones milliseconds (`dags.analyses.call_summary`); a stretch of
time costs the two segments at its ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.call_forest import Bools, call_forest
from dags.analyses.call_summary import (
    BUCKET_DTYPE,
    GROUP_DTYPE,
    NO_CALLER,
    CallSummary,
    call_summary,
    single_calls,
)
from dags.analyses.durations import BUCKETS, buckets_of, coarser, quantile
from dags.kernels import Array

By = Literal["calls", "total", "own", "longest", "errors"]
ORDERS: tuple[By, ...] = get_args(By)
MOST_LOOSE_ROWS = 1 << 18
_COLUMNS = GROUP_DTYPE.names or ()


@dataclass(frozen=True, slots=True, eq=False)
class FunctionStatistics:
    """A row for each function that ran, by site.

    `calls`: all that ran in the stretch, `cut` of them not whole in it. `errors`: those that an exception ended in it.
    `longest_ns` is the longest part inside, of the call `longest_call_id`. `first_ns` and `last_ns`: when the first and
    the last of them began. `shortest_ns` and `longest_whole_ns`: of the whole ones, -1 where there is none; `buckets`
    and `counts` of a row's whole calls are those from bucket_starts[row] on.

    Shape: (n,); buckets and counts (m,), bucket_starts (n + 1,).
    Units: ns on the session clock.
    """

    range_ns: tuple[int, int]
    site_id: Int64
    calls: Int64
    cut: Int64
    errors: Int64
    total_ns: Int64
    own_ns: Int64
    longest_ns: Int64
    longest_call_id: Int64
    longest_is_cut: Bools
    shortest_ns: Int64
    longest_whole_ns: Int64
    first_ns: Int64
    first_call_id: Int64
    last_ns: Int64
    last_call_id: Int64
    buckets: Int64
    counts: Int64
    bucket_starts: Int64

    def __len__(self) -> int:
        return len(self.site_id)

    def row_of(self, site_id: int) -> int | None:
        """The row of a function, None where it did not run."""
        at = int(np.searchsorted(self.site_id, site_id))
        return at if at < len(self) and self.site_id[at] == site_id else None

    def ranked(self, by: By) -> Int64:
        """The rows, the most first; those of which there is nothing are left out."""
        values: Int64 = getattr(self, by if by in {"calls", "errors"} else f"{by}_ns")
        rows = np.flatnonzero(values > 0) if by in {"calls", "errors"} else np.arange(len(self))
        return rows[np.lexsort((self.site_id[rows], -values[rows]))]

    def quantile_ns(self, row: int, part: float) -> int | None:
        """How long its whole calls take that are longer than `part` of them, to a 64th; None: it has none."""
        inside = slice(int(self.bucket_starts[row]), int(self.bucket_starts[row + 1]))
        if inside.start == inside.stop:
            return None
        ends_ns = int(self.shortest_ns[row]), int(self.longest_whole_ns[row])
        return quantile(self.buckets[inside], self.counts[inside], part, *ends_ns)

    def median_ns(self, row: int) -> int | None:
        """Half of its whole calls take longer."""
        return self.quantile_ns(row, 0.5)

    def distribution(self, row: int, per_doubling: int = 4) -> tuple[Int64, Int64, Int64]:
        """(from_ns, below_ns, whole calls) of buckets that are so many to a doubling, at most 32, without holes."""
        inside = slice(int(self.bucket_starts[row]), int(self.bucket_starts[row + 1]))
        return coarser(self.buckets[inside], self.counts[inside], per_doubling)


def function_statistics(
    session: Session,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: Callable[[], None] = lambda: None,
) -> FunctionStatistics:
    """Of the calls between two instants, both included, on these tracks; None: all that is recorded so far.

    What is damaged is missing in it, and in `session.problems`.

    Raises: ValueError for a range that ends before it begins, SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    if start_ns > end_ns:
        raise ValueError(f"{start_ns} lies after {end_ns}")
    wanted = None if track_ids is None else np.array(sorted(track_ids), np.int64)
    whole, cut = _Groups(), _Groups()
    for piece in pieces_of(session, start_ns, end_ns, reads_on):
        chosen = _of_tracks(piece.calls, wanted)
        is_cut = (chosen["start_ns"] < start_ns) | (chosen["end_ns"] > end_ns)
        if piece.whole is not None:
            whole.add(_of_tracks(piece.whole.groups, wanted), _of_tracks(piece.whole.buckets, wanted))
        whole.add(*_as_groups(chosen[~is_cut], start_ns, end_ns))
        cut.add(*_as_groups(chosen[is_cut], start_ns, end_ns))
    return _joined((start_ns, end_ns), whole, cut)


def segments_of(session: Session, start_ns: int, end_ns: int) -> list[int]:
    """The segments with rows whose calls may touch a stretch; the last of them also says what is open at its end."""
    rows = session.with_rows
    first = bisect_left(session.segments, start_ns, key=lambda segment: segment.end_ns)
    last = bisect_right(session.segments, end_ns, key=lambda segment: segment.start_ns)
    inside = rows[bisect_left(rows, first) : bisect_left(rows, last)]
    before = rows[: bisect_left(rows, first)][-1:]
    return inside or before  # in a stretch without events runs what was open before it


class StretchPiece(NamedTuple):
    """The calls of a segment that have a part in a stretch of time, each of them in one piece only.

    `whole`: those that began and ended in the segment, added up, where the segment lies in the stretch as a whole; else
    None. `calls` (CALL_DTYPE): those that count one by one.
    """

    segment_index: int
    whole: CallSummary | None
    calls: Array


def pieces_of(session: Session, start_ns: int, end_ns: int, reads_on: Callable[[], None]) -> Iterator[StretchPiece]:
    """All calls of a stretch, both ends included, segment by segment."""
    chosen = segments_of(session, start_ns, end_ns)
    for index in chosen:
        reads_on()
        segment, is_last = session.segments[index], index == chosen[-1]
        if start_ns <= segment.start_ns and segment.end_ns <= end_ns:
            found = call_summary(session, index)
            singles = np.concatenate([found.carried, found.open]) if is_last else found.carried
            yield StretchPiece(index, found, singles[touching(singles, start_ns, end_ns)])
        else:
            forest = call_forest(session, index)
            rows = np.arange(len(forest.spans) if is_last else forest.ended)
            rows = rows[touching(forest.spans[: len(rows)], start_ns, end_ns)]
            yield StretchPiece(index, None, single_calls(forest, rows))


def touching(calls: Array, start_ns: int, end_ns: int) -> Array:
    """Which calls have a part in the stretch: those that ended at its very beginning have none."""
    is_there: Array = (calls["start_ns"] <= end_ns) & ((calls["end_ns"] > start_ns) | (calls["start_ns"] >= start_ns))
    return is_there


def _of_tracks(rows: Array, wanted: Int64 | None) -> Array:
    return rows if wanted is None else rows[np.isin(rows["track_id"], wanted)]


class _Groups:
    """Groups and buckets by site, summed up as they come: a day of many threads takes no more room than a minute."""

    def __init__(self) -> None:
        self._groups, self._buckets = [np.empty(0, GROUP_DTYPE)], [np.empty(0, BUCKET_DTYPE)]
        self._rows = 0

    def add(self, groups: Array, buckets: Array) -> None:
        """More of them, of any track."""
        self._groups.append(groups)
        self._buckets.append(buckets)
        self._rows += len(groups) + len(buckets)
        if self._rows > MOST_LOOSE_ROWS:
            self._groups, self._buckets = [self.groups()], [self.buckets()]
            self._rows = 0

    def groups(self) -> Array:
        """A row for each site, by site; the first and the last call and the longest are those of all."""
        rows = np.concatenate(self._groups)
        sites, at = np.unique(rows["site_id"], return_inverse=True)
        out = np.zeros(len(sites), GROUP_DTYPE)
        out["site_id"] = sites
        for name in ("calls", "errors", "total_ns", "own_ns"):
            np.add.at(out[name], at, rows[name])
        ran = np.flatnonzero(rows["calls"] > 0)  # the others only called
        rows, at = rows[ran], at[ran]
        for name, order in (
            ("longest", np.lexsort((rows["longest_call_id"], -rows["longest_ns"], at))),
            ("shortest", np.lexsort((rows["shortest_ns"], at))),
            ("first", np.lexsort((rows["first_call_id"], at))),
            ("last", np.lexsort((-rows["last_call_id"], at))),
        ):
            best = order[np.flatnonzero(np.diff(at[order], prepend=-1) > 0)]
            for part in {f"{name}_ns", f"{name}_call_id"}.intersection(_COLUMNS):
                out[part][at[best]] = rows[part][best]
        return out

    def buckets(self) -> Array:
        """A row for each site and bucket, in that order."""
        rows = np.concatenate(self._buckets)
        keys, at = np.unique(rows["site_id"].astype(np.int64) * BUCKETS + rows["bucket"], return_inverse=True)
        out = np.zeros(len(keys), BUCKET_DTYPE)
        out["site_id"], out["bucket"] = keys // BUCKETS, keys % BUCKETS
        np.add.at(out["count"], at, rows["count"])
        return out


def _joined(range_ns: tuple[int, int], whole: _Groups, cut: _Groups) -> FunctionStatistics:
    """Everything together, by site. What is cut has no part in how long calls take as a rule."""
    parts = whole.groups(), cut.groups()
    sites = np.unique(np.concatenate([part["site_id"] for part in parts]))
    told, of_cut = (np.zeros(len(sites), GROUP_DTYPE) for _ in parts)
    for out, part in zip((told, of_cut), parts, strict=True):
        out[np.searchsorted(sites, part["site_id"])] = part
    has_run = told["calls"] + of_cut["calls"] > 0
    sites, told, of_cut = sites[has_run].astype(np.int64), told[has_run], of_cut[has_run]
    has_whole, has_cut = told["calls"] > 0, of_cut["calls"] > 0
    is_longer = of_cut["longest_ns"] > told["longest_ns"]
    is_older = (of_cut["longest_ns"] == told["longest_ns"]) & (of_cut["longest_call_id"] < told["longest_call_id"])
    longest_is_cut = has_cut & (~has_whole | is_longer | is_older)
    first_is_cut = has_cut & (~has_whole | (of_cut["first_call_id"] < told["first_call_id"]))
    last_is_cut = has_cut & (~has_whole | (of_cut["last_call_id"] > told["last_call_id"]))
    table = {name: told[name] + of_cut[name] for name in ("calls", "errors", "total_ns", "own_ns")}
    for name, is_cut in (("longest", longest_is_cut), ("first", first_is_cut), ("last", last_is_cut)):
        table |= {part: np.where(is_cut, of_cut[part], told[part]) for part in (f"{name}_ns", f"{name}_call_id")}
    buckets = whole.buckets()
    bucket_sites = buckets["site_id"].astype(np.int64)
    return FunctionStatistics(
        range_ns,
        sites,
        **table,
        cut=of_cut["calls"].copy(),
        longest_is_cut=longest_is_cut,
        shortest_ns=np.where(has_whole, told["shortest_ns"], -1),
        longest_whole_ns=np.where(has_whole, told["longest_ns"], -1),
        buckets=buckets["bucket"].astype(np.int64),
        counts=buckets["count"].copy(),
        bucket_starts=np.append(np.searchsorted(bucket_sites, sites), len(buckets)),
    )


def _as_groups(calls: Array, start_ns: int, end_ns: int) -> tuple[Array, Array]:
    """(a group of each call, and one of its caller, whose own time it is not; a bucket of each), of parts inside."""
    out = np.zeros(len(calls), GROUP_DTYPE)
    inside = np.minimum(calls["end_ns"], end_ns) - np.maximum(calls["start_ns"], start_ns)
    for name in ("track_id", "site_id"):
        out[name] = calls[name]
    out["calls"] = 1
    out["errors"] = (calls["raised"] > 0) & (calls["end_ns"] <= end_ns)
    out["total_ns"] = np.where(calls["outermost"] > 0, inside, 0)
    out["own_ns"] = out["longest_ns"] = out["shortest_ns"] = inside
    out["longest_call_id"] = out["first_call_id"] = out["last_call_id"] = calls["call_id"]
    out["first_ns"] = out["last_ns"] = calls["start_ns"]
    called = np.flatnonzero(calls["caller_site_id"] != NO_CALLER)
    callers = np.zeros(len(called), GROUP_DTYPE)
    callers["site_id"], callers["own_ns"] = calls["caller_site_id"][called], -inside[called]
    buckets = np.zeros(len(calls), BUCKET_DTYPE)
    buckets["site_id"], buckets["bucket"], buckets["count"] = calls["site_id"], buckets_of(inside), 1
    return np.concatenate([out, callers]), buckets

"""What a stretch of time came to: its threads, functions and exceptions, what was written and how figures moved.

    found = stretch_summary(session, (start_ns, end_ns), reads_on=asked.reads_on)
    found.calls, found.threads[0].busy_ns, found.functions.ranked("own")

Made of the answers about functions, exceptions and frames, which say what counts where a call lies only partly in the
stretch. A thread is busy while a recorded function of it runs and it was not seen to wait.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.call_summary import NO_CALLER
from dags.analyses.exceptions_seen import SeenException, exceptions_seen
from dags.analyses.function_statistics import FunctionStatistics, function_statistics, pieces_of, segments_of
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from dags.kernels import Array

_OF_ONE_PROCESS = re.compile(r"\.\d+$")


class ThreadShare(NamedTuple):
    """One thread. `in_calls_ns`: how long recorded functions of it were open; `waited_ns`: of that it was seen to wait.

    Units: ns.
    """

    track_id: int
    calls: int
    in_calls_ns: int
    waited_ns: int

    @property
    def busy_ns(self) -> int:
        """How long it ran."""
        return self.in_calls_ns - self.waited_ns


class Written(NamedTuple):
    """A watched name, and how often it was changed."""

    name: str
    changes: int


class Moved(NamedTuple):
    """A metric of all processes together at both ends of the stretch; None: it was not sampled until then."""

    name: str
    first: float | None
    last: float


class StretchSummary(NamedTuple):
    """`threads`: the busiest first; `written`: the names that were changed most first."""

    range_ns: tuple[int, int]
    functions: FunctionStatistics
    threads: tuple[ThreadShare, ...]
    exceptions: tuple[SeenException, ...]
    written: tuple[Written, ...]
    moved: tuple[Moved, ...]

    @property
    def calls(self) -> int:
        """All calls that have a part in it."""
        return int(self.functions.calls.sum())


def stretch_summary(
    session: Session, range_ns: tuple[int, int], *, reads_on: Callable[[], None] = lambda: None
) -> StretchSummary:
    """Of what is recorded between two instants, both included.

    Raises: ValueError for a range that ends before it begins, SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    functions = function_statistics(session, range_ns, reads_on=reads_on)
    frames = FrameReader(session, cache_segments=1)
    first, last = (
        frames.at(min(max(time_ns, session.start_ns), session.end_ns), frozenset({"tracks", "metrics"}))
        for time_ns in range_ns
    )
    return StretchSummary(
        range_ns,
        functions,
        _threads(session, range_ns, last, reads_on),
        tuple(exceptions_seen(session, range_ns, reads_on=reads_on)),
        _written(session, range_ns, reads_on),
        _moved(first, last),
    )


def _threads(
    session: Session, range_ns: tuple[int, int], at_end: Frame, reads_on: Callable[[], None]
) -> tuple[ThreadShare, ...]:
    """Those that ran something; outermost calls of a thread follow each other, so what they took adds up."""
    start_ns, end_ns = range_ns
    calls, in_calls_ns = Counter[int](), Counter[int]()
    for piece in pieces_of(session, start_ns, end_ns, reads_on):
        singles = piece.calls
        inside = np.minimum(singles["end_ns"], end_ns) - np.maximum(singles["start_ns"], start_ns)
        is_root = singles["caller_site_id"] == NO_CALLER
        _count(calls, singles["track_id"], np.ones(len(singles), np.int64))
        _count(in_calls_ns, singles["track_id"][is_root], inside[is_root])
        if piece.whole is not None:
            groups, roots = piece.whole.groups, piece.whole.nodes[piece.whole.nodes["parent"] < 0]
            _count(calls, groups["track_id"], groups["calls"])
            _count(in_calls_ns, roots["track_id"], roots["total_ns"])
    waited_ns = _waited(session, range_ns, at_end, reads_on)
    found = [
        ThreadShare(track_id, count, in_calls_ns[track_id], min(waited_ns[track_id], in_calls_ns[track_id]))
        for track_id, count in calls.items()
        if count
    ]
    return tuple(sorted(found, key=lambda one: (-one.busy_ns, one.track_id)))


def _waited(session: Session, range_ns: tuple[int, int], at_end: Frame, reads_on: Callable[[], None]) -> Counter[int]:
    """How long each track was seen to wait; of one that still waits at the end the frame there says since when."""
    start_ns, end_ns = range_ns
    waits = {
        (track.track_id, track.waiting_since_ns): end_ns
        for track in at_end.tracks
        if track.waiting_since_ns is not None
    }
    for index in segments_of(session, start_ns, end_ns):
        if session.segments[index].file("waits") is None:
            continue
        reads_on()
        table = session.segment_table(index, "waits", ("track_id", "start_ns", "end_ns")).drop_null()
        columns = (table[name].to_pylist() for name in ("track_id", "start_ns", "end_ns"))
        waits |= {(track_id, since_ns): until_ns for track_id, since_ns, until_ns in zip(*columns, strict=True)}
    found, reached_ns = Counter[int](), dict[int, int]()
    for (track_id, since_ns), until_ns in sorted(waits.items()):  # a look a millisecond at most finds one
        begin_ns = max(since_ns, reached_ns.get(track_id, start_ns))
        stop_ns = min(until_ns, end_ns)
        if stop_ns > begin_ns:
            found[track_id] += stop_ns - begin_ns
            reached_ns[track_id] = stop_ns
    return found


def _written(session: Session, range_ns: tuple[int, int], reads_on: Callable[[], None]) -> tuple[Written, ...]:
    found = Counter[str]()
    for index in segments_of(session, *range_ns):
        if session.segments[index].file("states") is None:
            continue
        reads_on()
        table = session.segment_table(index, "states", ("time_ns", "owner", "key", "changes"))
        inside = pc.and_(pc.greater_equal(table["time_ns"], range_ns[0]), pc.less_equal(table["time_ns"], range_ns[1]))
        table = table.set_column(3, "changes", table["changes"].fill_null(1)).filter(inside)
        for row in table.group_by(["owner", "key"]).aggregate([("changes", "sum")]).to_pylist():
            found[f"{row['owner'] or '?'}.{row['key'] or '?'}"] += row["changes_sum"]
    return tuple(Written(name, changes) for name, changes in sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _moved(first: Frame, last: Frame) -> tuple[Moved, ...]:
    """In the order of the later frame, which is that of `metrics`."""
    names = [name for name in last.metrics if not _OF_ONE_PROCESS.search(name)]
    return tuple(Moved(name, first.metrics.get(name), last.metrics[name]) for name in names)


def _count(into: Counter[int], ids: Array, amounts: Array) -> None:
    """Adds each amount to that of its id."""
    distinct, at = np.unique(ids, return_inverse=True)
    summed = np.zeros(len(distinct), np.int64)
    np.add.at(summed, at, amounts)
    for one, amount in zip(distinct.tolist(), summed.tolist(), strict=True):
        into[one] += amount

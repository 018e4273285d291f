"""One function among others in a stretch of time: the threads that ran it, who called it and what it called.

    found = function_neighbours(session, site_id, (start_ns, end_ns), reads_on=asked.reads_on)
    for row in found.callers:
        row.id, row.calls, row.total_ns

A call that lies only partly in the stretch counts with the part inside, as in `function_statistics`, from whose
summaries this is made. A function that calls itself is its own caller: what the inner calls took lies in the outer ones
too, of callers and callees as of gprof's (Graham, Kessler and McKusick 1982). Of a thread each instant counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.call_summary import NO_CALLER, CallSummary
from dags.analyses.function_statistics import pieces_of
from dags.kernels import Array


class Neighbour(NamedTuple):
    """A thread or a function. `id` is that of the table; of a caller NO_CALLER where no function has called.

    Units: ns.
    """

    id: int
    calls: int
    total_ns: int


class FunctionNeighbours(NamedTuple):
    """What took longest comes first. `untold`: so many calls lie too deep to say who has called them."""

    range_ns: tuple[int, int]
    threads: tuple[Neighbour, ...]
    callers: tuple[Neighbour, ...]
    callees: tuple[Neighbour, ...]
    untold: int


def function_neighbours(
    session: Session,
    site_id: int,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: Callable[[], None] = lambda: None,
) -> FunctionNeighbours:
    """Those of a function between two instants, both included, on these tracks; None: all that is recorded so far.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    sums = _Sums(site_id, (start_ns, end_ns), None if track_ids is None else np.array(sorted(track_ids), np.int64))
    for piece in pieces_of(session, start_ns, end_ns, reads_on):
        if piece.whole is not None:
            sums.add_whole(piece.whole)
        sums.add_calls(piece.calls)
    return sums.told()


class _Sums:
    """What was added up so far, by id; as many rows as there are neighbours."""

    def __init__(self, site_id: int, range_ns: tuple[int, int], tracks: Int64 | None) -> None:
        self._site_id, self._range_ns, self._tracks = site_id, range_ns, tracks
        self._calls: dict[str, Counter[int]] = {name: Counter() for name in ("threads", "callers", "callees")}
        self._total_ns: dict[str, Counter[int]] = {name: Counter() for name in self._calls}
        self._untold = 0

    def add_whole(self, found: CallSummary) -> None:
        """The calls that began and ended in a segment."""
        groups, nodes = found.groups[found.groups["site_id"] == self._site_id], found.nodes
        self._add("threads", groups["track_id"], groups["calls"], groups["total_ns"], groups["track_id"])
        mine = np.flatnonzero(nodes["site_id"] == self._site_id)
        has_caller = nodes["parent"][mine] >= 0
        callers = np.where(has_caller, nodes["site_id"][nodes["parent"][mine]], NO_CALLER)
        told = self._add("callers", callers, nodes["calls"][mine], nodes["total_ns"][mine], nodes["track_id"][mine])
        self._untold += self._chosen(groups["calls"], groups["track_id"]) - told
        below = np.flatnonzero((nodes["parent"] >= 0) & (nodes["site_id"][nodes["parent"]] == self._site_id))
        called = nodes[below]
        self._add("callees", called["site_id"], called["calls"], called["total_ns"], called["track_id"])

    def add_calls(self, calls: Array) -> None:
        """Calls that count one by one, as CALL_DTYPE."""
        start_ns, end_ns = self._range_ns
        inside = np.minimum(calls["end_ns"], end_ns) - np.maximum(calls["start_ns"], start_ns)
        ones, is_mine = np.ones(len(calls), np.int64), calls["site_id"] == self._site_id
        once = np.where(calls["outermost"] > 0, inside, 0)
        for name, ids, rows, lasted in (
            ("threads", calls["track_id"], is_mine, once),
            ("callers", calls["caller_site_id"], is_mine, inside),
            ("callees", calls["site_id"], calls["caller_site_id"] == self._site_id, inside),
        ):
            self._add(name, ids[rows], ones[rows], lasted[rows], calls["track_id"][rows])

    def told(self) -> FunctionNeighbours:
        """Those that have calls."""
        rows = {
            name: tuple(
                sorted(
                    (Neighbour(one, count, self._total_ns[name][one]) for one, count in calls.items() if count),
                    key=lambda row: (-row.total_ns, -row.calls, row.id),
                )
            )
            for name, calls in self._calls.items()
        }
        return FunctionNeighbours(self._range_ns, **rows, untold=self._untold)

    def _chosen(self, values: Array, tracks: Array) -> int:
        return int(values.sum() if self._tracks is None else values[np.isin(tracks, self._tracks)].sum())

    def _add(self, name: str, ids: Array, calls: Array, total_ns: Array, tracks: Array) -> int:
        """How many calls that were."""
        if self._tracks is not None:
            is_chosen = np.isin(tracks, self._tracks)
            ids, calls, total_ns = ids[is_chosen], calls[is_chosen], total_ns[is_chosen]
        distinct, at = np.unique(ids, return_inverse=True)
        counted, summed = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int64)
        np.add.at(counted, at, calls)
        np.add.at(summed, at, total_ns)
        for one, count, lasted in zip(distinct.tolist(), counted.tolist(), summed.tolist(), strict=True):
            self._calls[name][one] += count
            self._total_ns[name][one] += lasted
        return int(counted.sum())

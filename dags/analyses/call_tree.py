"""Who called whom in a stretch of time, from the outermost calls down: one node for each chain of functions.

    tree = call_tree(session, (start_ns, end_ns), track_ids={7}, by_track=True, reads_on=asked.reads_on)
    for node in tree.roots():
        tree.site_id[node], tree.total_ns[node], tree.own_ns[node], tree.children(node)

Calls that were reached in the same way are one node, on all threads together or (`by_track`) on each. A call that began
before the stretch or goes on after it counts with the part that lies inside, and is `cut`. A function that calls itself
has a node for each level; what it took in all, each instant once, is `function_statistics`. Calls deeper than
MAX_LEVELS are not told apart: their time is their caller's own, which is `folded`.

It is asked for and answered as `function_statistics` is, from the same summaries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.call_forest import Bools, call_forest, paths_of
from dags.analyses.call_summary import call_summary, single_calls, summed_nodes
from dags.analyses.function_statistics import segments_of, touching
from dags.kernels import Array

MAX_TREE_NODES = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class CallTree:
    """A row a node; callers come before what they called. `parent` is -1 for outermost calls.

    `track_id` is 0 where the tree is of all threads together. `calls` and `errors` are those that ran and failed in the
    stretch, `cut` of them not whole in it. `own_ns` is without what was called. `folded`: calls of the node went deeper
    than is told apart.

    Shape: (n,). Units: ns.
    """

    range_ns: tuple[int, int]
    parent: Int64
    site_id: Int64
    track_id: Int64
    calls: Int64
    cut: Int64
    errors: Int64
    total_ns: Int64
    own_ns: Int64
    folded: Bools

    def __len__(self) -> int:
        return len(self.parent)

    def roots(self) -> Int64:
        """The outermost calls, those that took longest first."""
        return self.children(-1)

    def children(self, node: int) -> Int64:
        """What a node called, what took longest first."""
        rows = np.flatnonzero(self.parent == node)
        return rows[np.lexsort((self.site_id[rows], -self.total_ns[rows]))]

    def walk(self, least_ns: int = 0) -> Iterator[tuple[int, int]]:
        """(level, node) as an indented list shows them; nodes that took less are left out with all below them."""
        order = np.lexsort((self.site_id, -self.total_ns, self.parent))
        starts = np.searchsorted(self.parent[order], np.arange(-1, len(self) + 1))
        waiting = [(0, int(node)) for node in order[starts[0] : starts[1]][::-1]]
        while waiting:
            level, node = waiting.pop()
            if self.total_ns[node] < least_ns:
                continue
            yield level, node
            waiting += [(level + 1, int(child)) for child in order[starts[node + 1] : starts[node + 2]][::-1]]


def call_tree(
    session: Session,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    by_track: bool = False,
    reads_on: Callable[[], None] = lambda: None,
) -> CallTree:
    """The tree of the calls between two instants, both included, on these tracks; None: all that is recorded so far.

    Raises: ValueError for a range that ends before it begins, SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    if start_ns > end_ns:
        raise ValueError(f"{start_ns} lies after {end_ns}")
    growing = _Growing(by_track=by_track, track_ids=track_ids)
    chosen = segments_of(session, start_ns, end_ns)
    for index in chosen:
        reads_on()
        segment, is_last = session.segments[index], index == chosen[-1]
        if start_ns <= segment.start_ns and segment.end_ns <= end_ns:
            found = call_summary(session, index)
            nodes, singles = found.nodes, np.concatenate([found.carried, found.open]) if is_last else found.carried
        else:
            forest = call_forest(session, index)
            paths = paths_of(forest)
            spans = forest.spans if is_last else forest.spans[: forest.ended]
            whole = (spans["start_ns"] >= start_ns) & (spans["end_ns"] <= end_ns)
            lasted = forest.spans["end_ns"] - forest.spans["start_ns"]
            nodes = summed_nodes(forest, paths, np.flatnonzero(whole), lasted)
            singles = single_calls(forest, np.flatnonzero(~whole & touching(spans, start_ns, end_ns)), paths)
        growing.add(nodes, singles[touching(singles, start_ns, end_ns)], start_ns, end_ns)
    return growing.tree((start_ns, end_ns))


class _Growing:
    """The tree as far as segments were added."""

    def __init__(self, *, by_track: bool, track_ids: Collection[int] | None) -> None:
        self._by_track, self._track_ids = by_track, track_ids
        self._node_of: dict[tuple[int, int, int], int] = {}
        self._rows: list[tuple[int, int, int]] = []
        self._figures = np.zeros((0, 5), np.int64)  # calls, cut, errors, total, folded

    def add(self, nodes: Array, singles: Array, start_ns: int, end_ns: int) -> None:
        """One segment's: the figures of its nodes, and calls one by one that count with their part inside."""
        place, is_left_out = self._placed(nodes, singles)
        figures = np.zeros((len(nodes), 5), np.int64)
        for column, name in ((0, "calls"), (2, "errors"), (3, "total_ns")):
            figures[:, column] = nodes[name]
        inside = np.minimum(singles["end_ns"], end_ns) - np.maximum(singles["start_ns"], start_ns)
        told = singles["folded"] == 0
        at = singles["node"][told]
        np.add.at(figures[:, 0], at, 1)
        np.add.at(figures[:, 1], at, ((singles["start_ns"] < start_ns) | (singles["end_ns"] > end_ns))[told])
        np.add.at(figures[:, 2], at, ((singles["raised"] > 0) & (singles["end_ns"] <= end_ns))[told])
        np.add.at(figures[:, 3], at, inside[told])
        np.add.at(figures[:, 4], singles["node"][~told], 1)
        if len(self._rows) > len(self._figures):
            self._figures = np.concatenate([self._figures, np.zeros((len(self._rows), 5), np.int64)])
        figures[is_left_out] = (0, 0, 0, 0, 1)
        kept = place >= 0
        np.add.at(self._figures, place[kept], figures[kept])

    def _placed(self, nodes: Array, singles: Array) -> tuple[Int64, Bools]:
        """(the node of the tree for each one that has run here, -1 for the others; whether that is a caller's, as the
        tree is full). As many steps as there are paths.
        """
        place, is_left_out = np.full(len(nodes), -1, np.int64), np.zeros(len(nodes), np.bool_)
        wanted = nodes["calls"] > 0
        wanted[singles["node"]] = True
        if self._track_ids is not None:
            wanted &= np.isin(nodes["track_id"], sorted(self._track_ids))
        parents, sites, tracks = (nodes[name].tolist() for name in ("parent", "site_id", "track_id"))
        for node in np.flatnonzero(wanted)[::-1].tolist():  # their callers ran too, even where they only did later
            above = parents[node]
            while above >= 0 and not wanted[above]:
                wanted[above] = True
                above = parents[above]
        for node in np.flatnonzero(wanted).tolist():
            parent = parents[node]
            above = int(place[parent]) if parent >= 0 else -1
            key = (above, tracks[node] if self._by_track else 0, sites[node])
            known = None if parent >= 0 and is_left_out[parent] else self._node_of.get(key)
            if known is None and len(self._rows) < MAX_TREE_NODES:
                known = self._node_of[key] = len(self._rows)
                self._rows.append(key)
            place[node], is_left_out[node] = (above, True) if known is None else (known, False)
        return place, is_left_out

    def tree(self, range_ns: tuple[int, int]) -> CallTree:
        """All that was added."""
        rows = np.array(self._rows, np.int64).reshape(-1, 3)
        calls, cut, errors, total, folded = self._figures[: len(rows)].T
        own = total.copy()
        has_caller = rows[:, 0] >= 0
        np.subtract.at(own, rows[has_caller, 0], total[has_caller])
        parent, track, site = rows.T
        return CallTree(range_ns, parent, site, track, calls, cut, errors, total, own, folded > 0)

"""The calls of one segment with their callers: those that ended in it, and those that are open at its end.

A caller ends after what it called, so the callers of a call that ended in a segment have ended in it too or are open at
its end: the forest is closed. Rows are in the order in which calls end, so every caller comes after its callees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.detail import OPEN_END, open_at_end, spans_of
from dags.columns import NEAR_IDS, dense, order_of, row_of
from dags.kernels import Array

COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "depth", "site_id", "parent_call_id", "outcome")
MAX_LEVELS = 512
MAX_NODES = 1 << 16
NODE_DTYPE = np.dtype(
    [
        ("total_ns", "<i8"),
        ("calls", "<i8"),
        ("errors", "<i8"),
        ("parent", "<i4"),
        ("track_id", "<i4"),
        ("site_id", "<i4"),
    ]
)
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """`spans`: the calls (SPAN_DTYPE), the `ended` first of them have ended in the segment.

    `parent`: the row of each one's caller, -1 without one. `group`: which of `groups` each is in, a group being a track
    and a function; `outermost`: it is not inside of another call of the same group. `order`: the rows by group, and in
    it by begin. `is_whole`: all rows could be read.

    Shape: spans, parent, group, outermost, order (n,); groups (m, 2) track_id, site_id.
    """

    spans: Array
    ended: int
    parent: Int64
    group: Int64
    groups: Int64
    outermost: Bools
    order: Int64
    is_whole: bool


def call_forest(session: Session, index: int) -> Forest:
    """The forest of a segment. Raises: SessionProblem, IndexError when the session has changed meanwhile."""
    segment = session.segments[index]
    table = session.calls(index, COLUMNS)
    listed = segment.file("calls")
    found = spans_of(table)
    callers = table["parent_call_id"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    has_ended = found["end_ns"] != OPEN_END
    still = found[~has_ended]
    if session.live or index + 1 < len(session.segments):
        still = open_at_end(session, index)
    still = still[np.lexsort((-still["depth"].astype(np.int64), still["track_id"]))]
    ended = int(np.count_nonzero(has_ended))
    if ended < len(found):
        found, callers = found[has_ended], callers[has_ended]
    spans = np.concatenate([found, still])
    call_ids = spans["call_id"].copy()  # of a record of forty bytes: one after the other it is read many times as fast
    parent = np.concatenate([row_of(call_ids, callers), _callers_on_stacks(still, ended)])
    parent[parent <= np.arange(len(parent))] = -1  # of a damaged session: no call is inside of one that ended before
    tracks, track_at = dense(spans["track_id"].astype(np.int64))
    sites, site_at = dense(spans["site_id"].astype(np.int64))
    keys, group = dense(track_at * max(len(sites), 1) + site_at)
    groups = np.stack([tracks[keys // max(len(sites), 1)], sites[keys % max(len(sites), 1)]], axis=1)
    order = _by_group(order_of(call_ids), group, len(groups))
    is_whole = len(table) == (listed.rows if listed else 0)
    return Forest(spans, ended, parent, group, groups, _outermost(group, order), order, is_whole)


def _callers_on_stacks(still: Array, first_row: int) -> Int64:
    """The caller's row of each open call: the next one, while that is on the same track."""
    parent = np.arange(first_row + 1, first_row + 1 + len(still))
    if len(still):
        parent[:-1][still["track_id"][1:] != still["track_id"][:-1]] = -1
        parent[-1] = -1
    return parent


def _by_group(by_begin: Int64, group: Int64, groups: int) -> Int64:
    """The rows in order of their group; those of one stay in the order given."""
    keys = group[by_begin]
    narrow = keys.astype(np.uint16) if groups <= 1 << 16 else keys  # numpy sorts 16 bits by radix
    return by_begin[np.argsort(narrow, kind="stable")]


def _outermost(group: Int64, order: Int64) -> Bools:
    """Whether no call of the same group began before and ended after: on one track that one would be a caller."""
    rows = len(order)
    is_outermost = np.ones(rows, np.bool_)
    if rows:
        ends = order + group[order] * (rows + 1)  # a row's number is the order of its end
        latest = np.maximum.accumulate(ends)
        is_outermost[order[1:][latest[:-1] > ends[1:]]] = False
    return is_outermost


def _firsts(keys: Int64) -> tuple[Int64, Int64]:
    """(the first entry of each distinct key, by key; for each entry which of them it is), without sorting small keys.

    >>> [part.tolist() for part in _firsts(np.array([7, 3, 7, 3]))]
    [[1, 0], [1, 0, 1, 0]]
    """
    if not len(keys) or int(keys.max()) > 4 * len(keys) + NEAR_IDS:
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        return first, which
    distinct, which = dense(keys)
    first = np.empty(len(distinct), np.int64)
    first[which[::-1]] = np.arange(len(keys))[::-1]  # what is written last stays
    return first, which


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The ways in which the calls of a forest were reached: a node for each track and chain of functions.

    `nodes` (NODE_DTYPE): parents come before their children, parent is -1 for the outermost call of a track.
    `node_of`: the node of each call, `is_folded`: it lies deeper than is told apart, and its node is that of a caller.

    Shape: node_of, is_folded (n,).
    """

    nodes: Array
    node_of: Int64
    is_folded: Bools


def paths_of(forest: Forest) -> Paths:
    """The paths of a forest, level by level; at most MAX_LEVELS deep and about MAX_NODES."""
    spans, rows = forest.spans, len(forest.spans)
    node_of, is_folded = np.full(rows, -1, np.int64), np.zeros(rows, np.bool_)
    depth = np.where(forest.parent >= 0, spans["depth"], 0)
    order = np.argsort(depth.astype(np.min_scalar_type(int(depth.max(initial=0)))), kind="stable")
    ends = np.searchsorted(depth[order], np.arange(int(depth.max(initial=-1)) + 1), side="right").tolist()
    pieces, count = [np.empty(0, NODE_DTYPE)], 0
    tracks = int(spans["track_id"].max(initial=0)) + 1
    sites, site_at = dense(spans["site_id"].astype(np.int64))
    for level, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if level >= MAX_LEVELS or count >= MAX_NODES:
            order = order[start:]
            break
        at = order[start:end]
        above = np.where(forest.parent[at] >= 0, node_of[forest.parent[at]], -1)
        place = np.where(above >= 0, above + tracks, spans["track_id"][at])
        first, which = _firsts(place * max(len(sites), 1) + site_at[at])
        node_of[at] = count + which
        piece = np.zeros(len(first), NODE_DTYPE)
        piece["parent"] = above[first]
        piece["site_id"], piece["track_id"] = spans["site_id"][at[first]], spans["track_id"][at[first]]
        pieces.append(piece)
        count += len(first)
    else:
        order = order[:0]
    is_folded[order] = True
    caller = forest.parent.copy()
    while len(order):  # at most as often as the depth can be halved
        node_of[order] = node_of[caller[order]]
        order = order[node_of[order] < 0]
        caller[order] = caller[caller[order]]
    return Paths(np.concatenate(pieces), node_of, is_folded)

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
from dags.analyses.detail import OPEN_END, SPAN_DTYPE, open_at_end, spans_of
from dags.columns import dense, row_of
from dags.kernels import Array

COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "depth", "site_id", "parent_call_id", "outcome")
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
    spans = np.concatenate([found[has_ended], still]) if len(still) or len(found) else np.empty(0, SPAN_DTYPE)
    ended = int(np.count_nonzero(has_ended))
    parent = np.concatenate([row_of(spans["call_id"], callers[has_ended]), _callers_on_stacks(still, ended)])
    parent[parent <= np.arange(len(parent))] = -1  # of a damaged session: no call is inside of one that ended before
    tracks, track_at = dense(spans["track_id"].astype(np.int64))
    sites, site_at = dense(spans["site_id"].astype(np.int64))
    keys, group = dense(track_at * max(len(sites), 1) + site_at)
    groups = np.stack([tracks[keys // max(len(sites), 1)], sites[keys % max(len(sites), 1)]], axis=1)
    order = _by_group(np.argsort(spans["call_id"]), group, len(groups))
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

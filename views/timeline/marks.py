"""What is marked at the edges of a lane: calls left by an exception, and events that are no calls. No Qt.

Units: columns are device pixels of the raster.
"""

from __future__ import annotations

import numpy as np

from capture.events.kinds import Kind
from dags.analyses.lod import Array
from views.timeline.content import Content
from views.timeline.raster import Raster

EXCEPTION_DTYPE = np.dtype([("lane", "<i4"), ("column", "<i4"), ("count", "<i8"), ("time_ns", "<i8")])
MERGED_PX = 12
"""Exceptions nearer to one another than that share a mark."""


def exceptions_in(content: Content, raster: Raster, merged_px: float = MERGED_PX) -> Array:
    """Where calls were left by an exception: one row per mark, with how many those are and when the first one was.

    Shape: EXCEPTION_DTYPE rows by lane, then column. `merged_px` in device pixels.
    """
    pieces = []
    for level, rows in content.counts:
        some = rows[rows["raised"] > 0]
        middle_ns = (some["bin"] << (2 * level)) + (1 << (2 * level)) // 2
        pieces.append(_placed(raster, some, middle_ns, some["raised"]))
    if content.exact:
        some = content.spans[content.spans["raised"] > 0]
        pieces.append(_placed(raster, some, some["end_ns"], np.ones(len(some), np.int64)))
    found = np.concatenate([np.empty(0, EXCEPTION_DTYPE), *pieces])
    return _merged(np.sort(found, order=("lane", "time_ns")), merged_px)


def _placed(raster: Raster, rows: Array, at_ns: Array, counts: Array) -> Array:
    lane = raster.lanes_of(rows)
    seen = (lane >= 0) & (at_ns >= raster.visible_ns[0]) & (at_ns <= raster.visible_ns[1])
    found = np.zeros(int(seen.sum()), EXCEPTION_DTYPE)
    found["lane"], found["count"], found["time_ns"] = lane[seen], counts[seen], at_ns[seen]
    found["column"], _ = raster.extent(at_ns[seen], at_ns[seen])
    return found


def _merged(found: Array, merged_px: float) -> Array:
    """Neighbours as one mark: where the first of them is, with all their counts."""
    cell = (found["column"] // merged_px).astype(np.int64)
    _, first, of_cell = np.unique(found["lane"].astype(np.int64) << 32 | cell, return_index=True, return_inverse=True)
    marks = found[first]
    marks["count"] = np.bincount(of_cell, found["count"], len(first)) if len(first) else 0
    kept: list[int] = []
    for at, (lane, column) in enumerate(marks[["lane", "column"]].tolist()):
        if kept and marks["lane"][kept[-1]] == lane and column - marks["column"][kept[-1]] < merged_px:
            marks["count"][kept[-1]] += marks["count"][at]
        else:
            kept.append(at)
    whole: Array = marks[kept]
    return whole


def written_in(content: Content, raster: Raster, colours: tuple[int, int]) -> Array:
    """One row of pixels per lane: events that are no calls; state changes in the first colour, others in the second."""
    painted = np.zeros((len(raster.lanes), raster.width), np.uint32)
    of_states = content.marks["kind"] == Kind.STATE
    for rows, colour in ((of_states, colours[0]), (~of_states, colours[1])):
        marks = content.marks[rows]
        lane = raster.lanes_of(marks)
        left, _ = raster.extent(marks["time_ns"], marks["time_ns"])
        for more in (0, 1):
            painted[lane[lane >= 0], np.minimum(left[lane >= 0] + more, raster.width - 1)] = colour
    return painted

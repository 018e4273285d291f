"""Which event made which possible, across lanes: the stored edges with the instants and tracks of both ends. No Qt.

Edges on one track are left out: program order says as much. So are causes that lie more than a few segments back.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import numpy as np

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.session.session import Session
from dags.analyses.lod import Array

ARROW_DTYPE: Final = np.dtype(
    [("cause_ns", "<i8"), ("effect_ns", "<i8"), ("cause_track", "<i4"), ("effect_track", "<i4"), ("kind", "<i4")]
)
KINDS: Final = ("start", "join", "overwrites")
MAX_FAR_SEGMENTS = 4
MAX_ARROWS = 120

_OTHER_KIND = len(KINDS)


def arrows_of(session: Session, index: int, batch: EventBatch) -> Array:
    """The edges across tracks whose effect is in a segment, by the effect's instant.

    `batch` holds the segment's events. Shape: ARROW_DTYPE rows. Units: ns on the session clock.
    Raises: SessionProblem when the segment's edges are damaged.
    """
    table = session.segment_table(index, "edges", ("cause_event_id", "effect_event_id", "kind"))
    causes, effects = (table.column(name).to_numpy() for name in ("cause_event_id", "effect_event_id"))
    kinds = [KINDS.index(kind) if kind in KINDS else _OTHER_KIND for kind in table.column("kind").to_pylist()]
    arrows = np.zeros(len(kinds), ARROW_DTYPE)
    arrows["kind"] = kinds
    known = np.zeros(len(kinds), np.bool_)
    _fill(arrows, known, "effect", effects, batch)
    of_effect = known.copy()
    known[:] = False
    _fill(arrows, known, "cause", causes, batch)
    for other in _segments_of(session, causes[~known])[-MAX_FAR_SEGMENTS:]:
        try:
            _fill(arrows, known, "cause", causes, session.events(other, ("time_ns", "track_id")))
        except SessionProblem:
            continue  # a damaged segment loses only its own ends
    arrows = arrows[known & of_effect & (arrows["cause_track"] != arrows["effect_track"])]
    ordered: Array = arrows[np.argsort(arrows["effect_ns"], kind="stable")]
    return ordered


def arrows_in_sight(arrows: Array, visible_ns: tuple[int, int], focus_track_id: int) -> tuple[Array, int]:
    """(the arrows to paint, how many more there are).

    Up to MAX_ARROWS are all there. Of more: starts and joins with those that touch the focused lane, else starts and
    joins alone, else none; a part cut off anywhere would look as if nothing had happened behind it.
    """
    seen = arrows[(arrows["effect_ns"] >= visible_ns[0]) & (arrows["cause_ns"] <= visible_ns[1])]
    rare = seen["kind"] < KINDS.index("overwrites")
    mine = (seen["cause_track"] == focus_track_id) | (seen["effect_track"] == focus_track_id)
    for some in (np.ones(len(seen), np.bool_), rare | mine, rare):
        count = int(some.sum())
        if count <= MAX_ARROWS:
            return seen[some], len(seen) - count
    return seen[:0], len(seen)


def _fill(arrows: Array, known: Array, end: str, ids: Array, batch: EventBatch) -> None:
    rows = ids - batch.first_event_id
    inside = (rows >= 0) & (rows < len(batch))
    arrows[f"{end}_ns"][inside] = batch.time_ns[rows[inside]]
    arrows[f"{end}_track"][inside] = batch.track_id[rows[inside]]
    known |= inside


def _segments_of(session: Session, event_ids: Array) -> list[int]:
    """The segments that hold these events, in order."""
    firsts = [segment.first_event_id for segment in session.segments]
    return sorted({max(0, bisect_right(firsts, event_id) - 1) for event_id in event_ids.tolist()})

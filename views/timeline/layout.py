"""Where everything of the timeline lies: its zones, instants as pixels, and what is under a point. Pure, no Qt.

    gutter            overview: the whole session             ← zones, top to bottom
    12.3 M events     ruler: ticks of what is visible
    names, heat       lanes: see `views.timeline.lanes`

Units: px from the view's top left.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from dags.analyses.lod import Array

GUTTER, NARROW_GUTTER = 236, 190
WIDE = 1000
OVERVIEW = 40
RULER = 18
TOP = OVERVIEW + RULER
MARGIN = 8

Zone = Literal["gutter", "overview", "ruler", "lanes"]


def gutter_of(width: int) -> int:
    """How wide the gutter is in a timeline of that width."""
    return GUTTER if width >= WIDE else NARROW_GUTTER


def drawn_ns(visible_ns: tuple[int, int], range_ns: tuple[int, int], width: int) -> tuple[int, int]:
    """The stretch that is drawn in so many pixels: what is visible, and where that reaches an end of the recording a
    margin beyond it, so that the first and the last event do not lie on the edge.

    >>> drawn_ns((0, 1_000), (0, 1_000), 1_000 + 2 * MARGIN), drawn_ns((0, 1_000), (0, 9_000), 1_000 + MARGIN)
    ((-8, 1008), (-8, 1000))
    """
    begins, ends = visible_ns[0] <= range_ns[0], visible_ns[1] >= range_ns[1]
    px_ns = (visible_ns[1] - visible_ns[0]) / max(width - MARGIN * (begins + ends), 1)
    margin_ns = math.ceil(MARGIN * px_ns)
    return visible_ns[0] - margin_ns * begins, visible_ns[1] + margin_ns * ends


def zone_at(x: int, y: int, gutter: int) -> Zone:
    """Which part of the view a point is in."""
    if x < gutter:
        return "gutter"
    return "overview" if y < OVERVIEW else "ruler" if y < OVERVIEW + RULER else "lanes"


def span_at(spans: Array, track_id: int, depth: int, time_ns: int, slack_ns: int) -> int | None:
    """The row of the call at a depth and an instant; else the nearest within the slack, None when there is none."""
    rows = np.flatnonzero((spans["track_id"] == track_id) & (spans["depth"] == depth))
    if not len(rows):
        return None
    away = np.maximum(spans["start_ns"][rows] - time_ns, np.maximum(time_ns - spans["end_ns"][rows], 0))
    best = int(np.argmin(away))
    return int(rows[best]) if int(away[best]) <= slack_ns else None


def innermost_at(spans: Array, track_id: int, time_ns: int, slack_ns: int) -> int | None:
    """The row of the innermost call of a track at an instant, or within the slack of it; None when there is none."""
    near = (spans["start_ns"] <= time_ns + slack_ns) & (spans["end_ns"] >= time_ns - slack_ns)
    rows = np.flatnonzero((spans["track_id"] == track_id) & near)
    return int(rows[np.argmax(spans["depth"][rows])]) if len(rows) else None

"""Where everything of the timeline lies: its zones, instants as pixels, and what is under a point. Pure, no Qt.

    gutter            overview: the whole session             ← zones, top to bottom
    12.3 M events     ruler: ticks of what is visible
    names, heat       lanes: see `views.timeline.lanes`

Units: px from the view's top left.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dags.analyses.lod import Array

GUTTER, NARROW_GUTTER = 236, 190
WIDE = 1000
OVERVIEW = 40
RULER = 18
TOP = OVERVIEW + RULER

Zone = Literal["gutter", "overview", "ruler", "lanes"]


def gutter_of(width: int) -> int:
    """How wide the gutter is in a timeline of that width."""
    return GUTTER if width >= WIDE else NARROW_GUTTER


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

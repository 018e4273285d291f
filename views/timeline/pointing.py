"""What is where on the timeline: zones, instants, lanes, calls and marks under a point. Pure, no Qt.

Units: logical px from the view's top left; `ratio` device pixels to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dags.analyses.lod import Array
from views.drawing.time_scale import ns_from_px, px_from_ns
from views.timeline import pick
from views.timeline.content import Content
from views.timeline.lanes import Lane, lane_at
from views.timeline.layout import TOP, Zone, zone_at
from views.timeline.marks import MERGED_PX

SLACK_PX = 2
EDGE_PX = 3


@dataclass(frozen=True, slots=True)
class Pointing:
    """A timeline as it is seen. `lanes`: those in the zone, placed; `exceptions`: the marks in the lanes `painted`.
    `range_ns` is recorded; `whole_ns` and `visible_ns` are drawn, margins included, in the overview and below it.
    """

    lanes: Sequence[Lane]
    content: Content
    painted: Sequence[Lane]
    exceptions: Array
    range_ns: tuple[int, int]
    whole_ns: tuple[int, int]
    visible_ns: tuple[int, int]
    gutter: int
    lanes_width: int
    ratio: float

    def zone(self, x: float, y: float) -> Zone:
        """Which part of the view a point is in."""
        return zone_at(int(x), int(y), self.gutter)

    def time_at(self, x: float, y: float) -> int:
        """The recorded instant at a point: in the overview of the whole session, else of what is visible."""
        shown = self.whole_ns if zone_at(self.gutter, int(y), self.gutter) == "overview" else self.visible_ns
        return min(max(ns_from_px(x - self.gutter, shown, self.lanes_width), self.range_ns[0]), self.range_ns[1])

    def x_of(self, time_ns: int) -> float:
        """Where an instant of what is visible is."""
        return self.gutter + px_from_ns(time_ns, self.visible_ns, self.lanes_width)

    def hit(self, x: float, y: float) -> pick.Hit | None:
        """What is under a point of the lanes or the gutter."""
        lane = lane_at(self.lanes, int(y) - TOP) if y >= TOP else None
        if lane is None:
            return None
        slack_ns = ns_from_px(SLACK_PX, (0, self.visible_ns[1] - self.visible_ns[0]), self.lanes_width)
        return pick.hit(self.content, lane, int(y) - TOP, self.time_at(x, y), slack_ns)

    def edge_at(self, x: float, y: float) -> Lane | None:
        """The thread's lane whose lower edge is under a point of the gutter."""
        if x >= self.gutter or y < TOP:
            return None
        return next(
            (lane for lane in reversed(self.lanes) if lane.indent and abs(lane.y + lane.height - (y - TOP)) <= EDGE_PX),
            None,
        )

    def exception_at(self, x: float, y: float) -> int | None:
        """When the first of the exceptions was whose mark is under a point, None without one."""
        here = lane_at(self.painted, int(y) - TOP)
        if here is None or y - TOP < here.y + here.height - MERGED_PX:
            return None
        column = (x - self.gutter) * self.ratio
        own = self.exceptions[self.exceptions["lane"] == list(self.painted).index(here)]
        away = np.abs(own["column"] - column)
        near = int(np.argmin(away)) if len(own) else 0
        found = len(own) and away[near] <= MERGED_PX / 2 * self.ratio
        return int(own["time_ns"][near]) if found else None

    def point_of(self, track_id: int, depth: int, time_ns: int) -> tuple[int, int]:
        """Where a depth of a lane is at an instant. Raises: StopIteration for a lane that is not in sight."""
        lane = next(lane for lane in self.lanes if track_id in lane.track_ids)
        return round(self.x_of(time_ns)), TOP + round(lane.row_y(depth) + lane.row_px / 2)

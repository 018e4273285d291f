"""Where everything of the timeline lies: zones, lanes one below the other, and what is under a point. Pure, no Qt.

    gutter            overview: the whole session             ← zones, top to bottom
    12.3 M events     ruler: ticks of what is visible
    ▾ python 4711     process
      ▾ MainThread    thread: one row per depth, row 0 outermost
      ▸ worker-1      folded: one row

Units: px from the view's top left; y of lanes from the top of the lanes' zone, before scrolling.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from capture.events.definitions import ProcessRow, TrackRow
from capture.events.track_kinds import HEADS
from dags.analyses.lod import Array

GUTTER = 168
OVERVIEW = 46
RULER = 20
ROW = 16
MAX_ROW = 26
HEADER = 20
PADDING = 5
MAX_DEPTH_ROWS = 48
MANY_THREADS = 64

Zone = Literal["gutter", "overview", "ruler", "lanes"]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One process or thread. `rows` depths are shown, of `depth` that there are; `note` says why there are none."""

    track_id: int
    kind: str
    name: str
    y: int
    height: int
    rows: int
    depth: int
    indent: int = 0
    folded: bool = False
    note: str = ""
    row_px: int = ROW

    @property
    def first_row_y(self) -> int:
        """Where depth 0 is painted."""
        return self.y + (HEADER if self.kind in HEADS else PADDING)

    def row_y(self, depth: int) -> int:
        """Where a depth is painted."""
        return self.first_row_y + depth * self.row_px


def in_order(tracks: Iterable[TrackRow]) -> list[TrackRow]:
    """The tracks from top to bottom: each process, then its threads by id."""
    return sorted(tracks, key=lambda row: (row.process_id, row.kind not in HEADS, row.track_id))


def in_sight(tracks: Iterable[TrackRow], visible_ns: tuple[int, int], focus_track_id: int) -> list[TrackRow]:
    """The tracks to have a lane: all of them, unless a process has more than MANY_THREADS.

    A server may have a thread for each request. Of that many, those that lived in what is visible are shown, and the
    focused one.
    """
    rows = list(tracks)
    threads = Counter(row.process_id for row in rows if row.kind not in HEADS)
    crowded = {process_id for process_id, count in threads.items() if count > MANY_THREADS}
    return [
        row
        for row in rows
        if row.kind in HEADS
        or row.process_id not in crowded
        or row.track_id == focus_track_id
        or ((row.start_ns or 0) <= visible_ns[1] and (row.end_ns is None or row.end_ns >= visible_ns[0]))
    ]


def stacked(
    tracks: Iterable[TrackRow],
    processes: Iterable[ProcessRow],
    depths: Mapping[int, int],
    folded: frozenset[int],
    room_px: int = 0,
) -> list[Lane]:
    """The lanes from top to bottom, as `in_order` has them; those of a folded process are left out.

    `depths` are the most calls that were ever open on a track. With threads 2 and 3 under process 1, depth 3 and 0:
    y = 0 (header, 20 px), 20 (3 rows and padding, 58 px), 78 (an empty row, 26 px). Where that leaves some of `room_px`
    free, rows grow, up to MAX_ROW: with 128 px of room the rows are 22 px high instead of 16.
    """
    names = {row.process_id: row for row in processes}
    rows = in_order(tracks)
    hidden = {row.process_id for row in rows if row.kind in HEADS and row.track_id in folded}
    with_threads = {row.process_id for row in rows if row.kind not in HEADS}
    lanes: list[Lane] = []
    for row in rows:
        is_process = row.kind in HEADS
        if row.process_id in hidden and not is_process:
            continue
        depth = depths.get(row.track_id, 0)
        is_folded = row.track_id in folded
        shown = 0 if is_process else 1 if is_folded else min(max(depth, 1), MAX_DEPTH_ROWS)
        name = row.name or f"{row.kind} {row.os_id or row.track_id}"
        if is_process and (process := names.get(row.process_id)) is not None:
            name = f"{process.name or name} {process.pid}"
        lanes.append(
            Lane(
                track_id=row.track_id,
                kind=row.kind,
                name=name,
                y=0,
                height=0,
                rows=shown,
                depth=depth,
                indent=0 if is_process else 1,
                folded=is_folded,
                note=""
                if not is_process or row.process_id in with_threads
                else "no calls are recorded of this process",
            )
        )
    return _placed(lanes, room_px)


def _placed(lanes: Sequence[Lane], room_px: int) -> list[Lane]:
    """The lanes below each other, their rows as high as there is room for."""
    fixed_px = sum(HEADER if lane.kind in HEADS else 2 * PADDING for lane in lanes)
    rows = sum(lane.rows for lane in lanes)
    row_px = min(max((room_px - fixed_px) // max(rows, 1), ROW), MAX_ROW)
    placed, y = [], 0
    for lane in lanes:
        height = HEADER if lane.kind in HEADS else lane.rows * row_px + 2 * PADDING
        placed.append(msgspec.structs.replace(lane, y=y, height=height, row_px=row_px))
        y += height
    return placed


def lanes_height(lanes: Sequence[Lane]) -> int:
    """How tall all lanes are together."""
    return lanes[-1].y + lanes[-1].height if lanes else 0


def in_view(lanes: Sequence[Lane], scroll: int, height: int) -> list[Lane]:
    """The lanes of which something is seen."""
    return [lane for lane in lanes if lane.y + lane.height > scroll and lane.y < scroll + height]


def pinned(lanes: Sequence[Lane], scroll: int) -> Lane | None:
    """The process whose lanes are seen at the top while its own has been scrolled away: it stays there, over them.

    Its y is where it is painted: at the top, or pushed out by the next process. None when no lane is hidden above.
    """
    processes = [lane for lane in lanes if lane.kind in HEADS]
    above = [lane for lane in processes if lane.y < scroll]
    if not above:
        return None
    following = next((lane.y for lane in processes if lane.y >= scroll), scroll + HEADER)
    y = min(scroll, following - HEADER)
    return msgspec.structs.replace(above[-1], y=y) if y + HEADER > scroll else None


def lane_at(lanes: Sequence[Lane], y: int, scroll: int = 0) -> Lane | None:
    """The lane at that height; the pinned one lies over the others."""
    over = pinned(lanes, scroll)
    if over is not None and y < over.y + over.height:
        return next(lane for lane in lanes if lane.track_id == over.track_id)
    return next((lane for lane in lanes if lane.y <= y < lane.y + lane.height), None)


def zone_at(x: int, y: int) -> Zone:
    """Which part of the view a point is in."""
    if x < GUTTER:
        return "gutter"
    return "overview" if y < OVERVIEW else "ruler" if y < OVERVIEW + RULER else "lanes"


def px_from_ns(time_ns: int, visible_ns: tuple[int, int], width: int) -> float:
    """Where an instant is, from the left of the lanes. px_from_ns(25, (0, 100), 1000) = 250.0"""
    return (time_ns - visible_ns[0]) * width / max(1, visible_ns[1] - visible_ns[0])


def ns_from_px(x: float, visible_ns: tuple[int, int], width: int) -> int:
    """Which instant is there. ns_from_px(250, (0, 100), 1000) = 25"""
    return visible_ns[0] + round(x * (visible_ns[1] - visible_ns[0]) / max(1, width))


def columns_of(times_ns: Array, visible_ns: tuple[int, int], width: int) -> Array:
    """The pixel column of each instant, clipped to -1..width, as int32.

    >>> columns_of(np.array([-5, 0, 99, 250]), (0, 200), 100).tolist()
    [-1, 0, 49, 100]
    """
    scale = width / max(1, visible_ns[1] - visible_ns[0])
    clipped = np.clip(times_ns, visible_ns[0] - 1, visible_ns[1] + 1)
    columns = np.floor((clipped - visible_ns[0]) * scale)
    found: Array = np.clip(columns, -1, width).astype(np.int32)
    found[times_ns < visible_ns[0]] = -1
    found[times_ns > visible_ns[1]] = width
    return found


def span_at(spans: Array, track_id: int, depth: int, time_ns: int, slack_ns: int) -> int | None:
    """The row of the call at a depth and an instant; else the nearest within the slack, None when there is none."""
    rows = np.flatnonzero((spans["track_id"] == track_id) & (spans["depth"] == depth))
    if not len(rows):
        return None
    away = np.maximum(spans["start_ns"][rows] - time_ns, np.maximum(time_ns - spans["end_ns"][rows], 0))
    best = int(np.argmin(away))
    return int(rows[best]) if int(away[best]) <= slack_ns else None

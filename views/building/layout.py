"""Where every room stands and how high it is, as arrays ready to draw. No Qt.

A floor per thread, a slot per function. The same function has the same slot on every floor, so that a shaft of high
rooms means many threads in one function. Functions of one module stand together (`places`).

      floor 2  |  [_]   ___  [#]         z
      floor 1  |  [_]  [##]  [_]         |  y
      floor 0  |  [#]   ___  [_]         |/___ x

Plan units: a slot is 1 deep and as wide as fills the picture, the highest room MAX_HEIGHT.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from capture.events.definitions import SiteRow
from capture.events.track_kinds import HEADS
from dags.analyses.recent_calls import Int64, RecentCalls
from dags.frame_parts import Frame
from views.building.slots import Places, rounded_up
from views.building.state import Measure
from views.words.plain_text import plain

Float32 = npt.NDArray[np.float32]

MAX_HEIGHT = 1.3
ROOM_WIDTH = 0.7
MIN_HEIGHT = 0.04
SLOPE = 0.5  # how much of a floor's depth the next floor must leave free to be seen
MAX_SLOT_WIDTH = 2.5
HOT_PER_SECOND = 1e6
MAX_ENDED = 12
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Floor:
    """One thread's floor; `calls` began there in the stretch. `process` is its process in words."""

    track_id: int
    name: str
    z: float
    calls: int
    known: bool = True
    process: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Building:
    """What stands where. Rooms by floor, then slot.

    Shape: box (n, 4): x, y, z of the corner with the smallest coordinates, and the height; every box is ROOM_WIDTH
    deep and ROOM_WIDTH times slot_width wide. heat (n,), 0 cold to 1 hot: calls per second in the last tenth of the
    stretch, by its power of ten. row (n,): which row of the RecentCalls it is. value (n,): the quantity of the height.
    Units: plan units; value in calls or ns.
    """

    floors: tuple[Floor, ...]
    columns: int
    rows: int
    storey: float
    box: Float32
    heat: Float32
    value: Int64
    row: Int64
    track_id: Int64
    site_id: Int64
    functions: Mapping[int, str]
    measure: Measure
    window_ns: int
    slot_width: float = 1.0
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.row)

    @property
    def width(self) -> float:
        """How wide a floor is."""
        return self.columns * self.slot_width

    @property
    def room_width(self) -> float:
        """How wide a room is."""
        return ROOM_WIDTH * self.slot_width

    @property
    def top(self) -> int:
        """The value of the highest room."""
        return int(self.value.max(initial=0))

    def name(self, place: int) -> str:
        """The name of a room's function, as it may be painted."""
        return self.functions.get(int(self.site_id[place]), "?")

    def room(self, track_id: int, site_id: int) -> int | None:
        """The place of a room in the arrays, None when it is not there."""
        found = np.flatnonzero((self.track_id == track_id) & (self.site_id == site_id))
        return int(found[0]) if len(found) else None


def building(
    frame: Frame, calls: RecentCalls, sites: Mapping[int, SiteRow], measure: Measure, aspect: float = 1.6
) -> Building:
    """The building of a frame; `aspect` is how wide against high it should come out.

    Threads that have ended have a floor only while something of them lies in the stretch, and of many only the newest.
    """
    calls, left_out = _without_crowd(frame, calls)
    floors, floor_of = _floors(frame, calls)
    slots, slot_count = _places(sites).slots(calls.site_id)
    columns, rows = plan_size(slot_count, rounded_up(len(floors)), aspect)
    storey = storey_height(rows)
    wide = slot_width(columns, rows, len(floors), aspect)
    floors = tuple(replace(floor, z=at * storey) for at, floor in enumerate(floors))
    value = calls.calls if measure == "calls" else calls.own_ns
    top = int(value.max(initial=0))
    level = np.array([floor_of.get(int(track), 0) for track in calls.tracks], np.int64)
    at_floor = level[np.searchsorted(calls.tracks, calls.track_id)] if len(calls) else level[:0]
    order = np.lexsort((slots, at_floor))
    box = np.empty((len(calls), 4), np.float32)
    box[:, 0] = (slots % columns + (1 - ROOM_WIDTH) / 2) * wide
    box[:, 1] = slots // columns + (1 - ROOM_WIDTH) / 2
    box[:, 2] = at_floor * storey
    box[:, 3] = MIN_HEIGHT + (MAX_HEIGHT - MIN_HEIGHT) * share_of_height(value, top, measure)
    rate = calls.latest_calls / max(calls.seconds / 10, 1e-9)
    heat = np.clip(np.log10(1 + rate) / math.log10(1 + HOT_PER_SECOND), 0, 1).astype(np.float32)
    return Building(
        floors=floors,
        columns=columns,
        rows=rows,
        storey=storey,
        box=box[order],
        heat=heat[order],
        value=value[order],
        row=order,
        track_id=calls.track_id[order],
        site_id=calls.site_id[order],
        functions=_functions(calls, sites),
        measure=measure,
        window_ns=calls.end_ns - calls.start_ns,
        slot_width=wide,
        left_out=left_out,
    )


def without_rooms(frame: Frame) -> str:
    """Why nothing stands here."""
    if frame.complete or not frame.tracks:
        return "Nothing recorded ran in the stretch before this moment"
    return "What ran here is lost: this stretch of the recording is damaged or has a gap"


def one_floor() -> Building:
    """The smallest building: one floor, one room."""
    return Building(
        floors=(Floor(1, "MainThread", 0.0, 1),),
        columns=1,
        rows=1,
        storey=storey_height(1),
        box=np.array([[0.15, 0.15, 0.0, 1.0]], np.float32),
        heat=np.array([1.0], np.float32),
        value=np.array([1]),
        row=np.array([0]),
        track_id=np.array([1]),
        site_id=np.array([1]),
        functions={1: "main"},
        measure="calls",
        window_ns=1_000_000_000,
    )


def share_of_height(value: Int64, top: int, measure: Measure) -> npt.NDArray[np.float64]:
    """0 to 1: time in proportion, calls by their power of ten, as they span many of them.

    >>> share_of_height(np.array([0, 9, 99]), 99, "calls").tolist()
    [0.0, 0.5, 1.0]
    >>> share_of_height(np.array([0, 25, 100]), 100, "time").tolist()
    [0.0, 0.25, 1.0]
    """
    if top <= 0:
        return np.zeros(len(value))
    if measure == "time":
        return value / top
    share: npt.NDArray[np.float64] = np.log10(1.0 + value) / math.log10(1 + top)
    return share


def storey_height(rows: int) -> float:
    """The distance between floors at which no floor hides the one below.

    >>> round(storey_height(2), 3)
    2.6
    """
    return MAX_HEIGHT + SLOPE * rows + 0.3


def plan_size(slots: int, floors: int, aspect: float) -> tuple[int, int]:
    """Columns and rows of a floor with which rooms come out largest in a picture of that shape, seen as at first.

    >>> plan_size(48, 10, 1.6), plan_size(1, 1, 1.6), plan_size(1000, 10, 1.6)
    ((24, 2), (1, 1), (112, 9))
    """
    slots, floors = max(slots, 1), max(floors, 1)
    best, found = 0.0, (slots, 1)
    for rows in range(1, min(math.isqrt(slots) + 1, slots) + 1):
        columns = -(-slots // rows)
        width = 0.97 * columns + 0.24 * rows
        height = 0.89 * storey_height(rows) * (floors - 0.4) + 0.11 * columns + 0.44 * rows
        size = min(aspect / width, 1 / height)
        if size > best:
            best, found = size, (columns, rows)
    return found


def slot_width(columns: int, rows: int, floors: int, aspect: float) -> float:
    """How wide slots are so that the building fills a picture of that shape; they are never less wide than deep.

    >>> round(slot_width(24, 2, 10, 1.6), 2), slot_width(4, 1, 10, 1.6), slot_width(112, 9, 10, 1.6)
    (1.91, 2.5, 1.0)
    """
    high = 0.89 * storey_height(rows) * (max(floors, 1) - 0.4) + 0.44 * rows
    free = 0.97 - 0.11 * aspect
    wanted = (aspect * high - 0.24 * rows) / (columns * free) if free > 0 else MAX_SLOT_WIDTH
    return min(max(wanted, 1.0), MAX_SLOT_WIDTH)


def _places(sites: Mapping[int, SiteRow]) -> Places:
    """The places of these functions; those of the last session asked for are kept, as laying them out takes a while."""
    if not _last or _last[0].sites is not sites:
        _last[:] = [Places(sites)]
    return _last[0]


_last: list[Places] = []


def _without_crowd(frame: Frame, calls: RecentCalls) -> tuple[RecentCalls, int]:
    """The calls of threads that get a floor, and how many get none: all but the newest that have ended.

    A server with a thread for each request would have a tower of hundreds, with rooms too small to be seen.
    """
    living = {track.track_id for track in frame.tracks if track.status != "ended"}
    ended = [track_id for track_id in calls.tracks.tolist() if track_id not in living]
    crowd = sorted(ended)[:-MAX_ENDED]
    if not crowd or not frame.tracks:  # without tracks their names are lost: nobody knows who has ended
        return calls, 0
    rows, tracks = ~np.isin(calls.track_id, crowd), ~np.isin(calls.tracks, crowd)
    kept = replace(
        calls,
        track_id=calls.track_id[rows],
        site_id=calls.site_id[rows],
        calls=calls.calls[rows],
        latest_calls=calls.latest_calls[rows],
        own_ns=calls.own_ns[rows],
        waited_ns=calls.waited_ns[rows],
        call_id=calls.call_id[rows],
        tracks=calls.tracks[tracks],
        begun=calls.begun[tracks],
    )
    return kept, len(crowd)


def _floors(frame: Frame, calls: RecentCalls) -> tuple[tuple[Floor, ...], dict[int, int]]:
    """The floors from the ground up, and each track's place among them."""
    ran = dict(zip(calls.tracks.tolist(), calls.begun.sum(axis=1).tolist(), strict=True))
    order = {process.process_id: at for at, process in enumerate(frame.processes)}
    observed = {process.process_id for process in frame.processes if process.tier == "observe"}
    shown = [
        track
        for track in frame.tracks
        if (track.kind not in HEADS and track.process_id not in observed and track.status != "ended")
        or track.track_id in ran
    ]
    processes = {one.process_id: plain(f"{one.name} {one.pid}", NAME_LENGTH) for one in frame.processes}
    shown.sort(key=lambda track: (order.get(track.process_id, len(order)), track.track_id))
    floors = [
        Floor(
            track.track_id,
            plain(track.name, NAME_LENGTH) or f"thread {track.os_id or track.track_id}",
            0.0,
            ran.get(track.track_id, 0),
            track.confidence != "not captured",
            processes.get(track.process_id, ""),
        )
        for track in shown
    ]
    there = {track.track_id for track in shown}
    floors += [Floor(track, f"track {track}", 0.0, count) for track, count in ran.items() if track not in there]
    return tuple(floors), {floor.track_id: at for at, floor in enumerate(floors)}


def _functions(calls: RecentCalls, sites: Mapping[int, SiteRow]) -> dict[int, str]:
    used = np.unique(calls.site_id).tolist()
    return {site: plain(sites[site].function, NAME_LENGTH) if site in sites else f"site {site}" for site in used}


Toward = Literal["left", "right", "up", "down"]


def neighbour(plan: Building, place: int | None, toward: Toward) -> int | None:
    """The room that an arrow key leads to: along the floor, or to the nearest slot of the next floor with rooms.

    Without a room to start from it is the highest one; at the end of a floor, or of the building, the same one.
    """
    if not len(plan):
        return None
    if place is None:
        return int(plan.value.argmax())
    x, y, z = plan.box[:, 0], plan.box[:, 1], plan.box[:, 2]
    if toward in ("left", "right"):
        along = np.flatnonzero(z == z[place])
        along = along[np.lexsort((y[along], x[along]))]
        at = int(np.flatnonzero(along == place)[0]) + (1 if toward == "right" else -1)
        return int(along[min(max(at, 0), len(along) - 1)])
    beyond = z[z > z[place]] if toward == "up" else z[z < z[place]]
    if not len(beyond):
        return place
    there = np.flatnonzero(z == (beyond.min() if toward == "up" else beyond.max()))
    return int(there[np.argmin(np.abs(x[there] - x[place]) + np.abs(y[there] - y[place]))])

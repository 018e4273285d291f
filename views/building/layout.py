"""The building as a scene: floors, wings and rooms as arrays ready to draw, whoever draws them. No Qt.

A floor per thread, the quiet ones folded into one at the ground; a slot per function, the same on every floor, in wings
by module. Rooms only where a function holds something.

      worker-2  | [##][_]  |      | [#]  |          z
      worker-1  | [##]     |      | [##] |          |  y
      5 quiet   |     [_]  | [#]  |      |          |/___ x
                   audit    fraud   orders

Units: x in slots, y 0 (front) to 1 (back wall), z in storeys. A room is as high as its value in proportion to `full`,
which is the same for all of them: FULL of a storey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from capture.events.definitions import SiteRow
from dags.analyses.recent_calls import Int64, RecentCalls
from dags.columns import dense
from dags.frame_parts import Frame
from views.building.floors import MAX_FLOORS, NAME_LENGTH, Floor, floors_of, totals_of
from views.building.measures import Measure, full_height, measure_named
from views.building.state import BuildingState
from views.building.steady import Memory, Wing
from views.building.trend import NO_TREND, Trend
from views.reading.heat_figures import Float64, HeatFigure, figure_named
from views.words.heat_steps import steps_of
from views.words.plain_text import plain

Float32 = npt.NDArray[np.float32]

FULL = 0.78
FLAT = 0.03
ROOM_Y, ROOM_DEPTH = 0.24, 0.5
ROOM_GAP = 0.12
MAX_SLOTS = 256
LARGEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class House:
    """What stands where. Rooms by floor, then from left to right.

    Shape: box (n, 6): x, y, z of the corner with the smallest coordinates, width, depth, height; level (n,): the place
    of its floor. step (n,): the heat's place in `heat_steps.STEPS`. value, rate (n,): what height and colour mean.
    track_id (n,): the thread, of several the one that has the most of it. `there`: how many rooms before the filter.
    """

    floors: tuple[Floor, ...]
    wings: tuple[Wing, ...]
    width: float
    box: Float32
    level: Int64
    step: Int64
    value: Int64
    rate: Float64
    track_id: Int64
    site_id: Int64
    functions: Mapping[int, str]
    measure: Measure
    tint: HeatFigure
    span_ns: int
    full: int
    there: int

    def __len__(self) -> int:
        return len(self.site_id)

    def name(self, place: int) -> str:
        """The name of a room's function, as it may be painted."""
        return self.functions.get(int(self.site_id[place]), "?")

    def words(self, place: int) -> str:
        """A room in words: its function, quantity and unit."""
        return f"{self.name(place)} · {self.measure.text(int(self.value[place]))}"

    def floor_of(self, track_id: int) -> int | None:
        """The place of a thread's floor."""
        return next((at for at, floor in enumerate(self.floors) if track_id in floor.tracks), None)

    def room(self, track_id: int, site_id: int) -> int | None:
        """The place of a room in the arrays, None when it is not there."""
        level = self.floor_of(track_id)
        found = np.flatnonzero((self.level == (-1 if level is None else level)) & (self.site_id == site_id))
        return int(found[0]) if len(found) else None

    def largest(self) -> tuple[int, ...]:
        """The places of the LARGEST rooms, the largest first."""
        order = np.argsort(-self.value, kind="stable")[:LARGEST]
        return tuple(int(at) for at in order if self.value[at] > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Rooms:
    """What holds something: one row per floor and function. Shape: all (n,); see House."""

    level: Int64
    site_id: Int64
    track_id: Int64
    value: Int64
    rate: Float64

    def of(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Rooms:
        """Those of them, in that order."""
        return Rooms(self.level[rows], self.site_id[rows], self.track_id[rows], self.value[rows], self.rate[rows])


def house(
    frame: Frame,
    calls: RecentCalls,
    sites: Mapping[int, SiteRow],
    shown: BuildingState,
    memory: Memory,
    *,
    heat_by: str = "activity",
    trend: Trend = NO_TREND,
    most_floors: int = MAX_FLOORS,
    names: Mapping[int, str] | None = None,
) -> House:
    """The building of a frame as the view's state wants it; `memory` is told what has a place now."""
    measure, tint = measure_named(shown.measure), figure_named(heat_by)
    value, rate = measure.of(calls), tint.of(calls)
    value = np.zeros(len(calls), np.int64) if value is None else value
    floors = floors_of(frame, totals_of(calls, value), memory.floors, shown.floor, most_floors, names=names)
    rooms = _gathered(calls, value, rate, {track: at for at, floor in enumerate(floors) for track in floor.tracks})
    rooms, held, slot = _of_largest_sites(rooms)
    place, wings, width = memory.wings.place(held.tolist(), sites, frame.time_ns)
    functions = _functions(held, sites)
    full = full_height(max(int(rooms.value.max(initial=0)), trend.peak(measure.name)))
    floors = _with_figures(floors, rooms, _heat_steps(floors, calls, tint), trend, measure)
    passing = np.flatnonzero(_passes(functions, rooms, shown, sites))
    x_of = np.array([place[site] for site in held.tolist()], np.float64)
    order = passing[_from_left(rooms.level[passing], slot[passing], x_of)]
    seen, x = rooms.of(order), x_of[slot[order]]
    box = np.empty((len(x), 6), np.float32)
    box[:, 0], box[:, 1], box[:, 2] = x + ROOM_GAP / 2, ROOM_Y, seen.level
    box[:, 3], box[:, 4], box[:, 5] = 1 - ROOM_GAP, ROOM_DEPTH, np.maximum(seen.value * (FULL / full), FLAT)
    return House(
        floors=floors,
        wings=wings,
        width=width,
        box=box,
        level=seen.level,
        step=steps_of(tint.scale, seen.rate),
        value=seen.value,
        rate=seen.rate,
        track_id=seen.track_id,
        site_id=seen.site_id,
        functions=functions,
        measure=measure,
        tint=tint,
        span_ns=calls.end_ns - calls.start_ns,
        full=full,
        there=len(rooms.value),
    )


def room_words(plan: House, place: int) -> str:
    """A room in full, with how hot it is and on which floor."""
    rate = plan.tint.text(float(plan.rate[place]))
    return f"{plan.words(place)} · {rate} · {plan.floors[int(plan.level[place])].name}"


def empty_words(plan: House, frame: Frame | None, *, in_a_floor: bool) -> str:
    """What is said where no room is, and what to do next; '' where there are some."""
    if len(plan):
        return ""
    if plan.there:
        return "No room passes the filter; “all threads”, no text and “any size” above show all"
    if in_a_floor:
        return "Nothing of this thread is here now · Esc: all floors"
    return without_rooms(frame) if frame is not None else ""


def without_rooms(frame: Frame) -> str:
    """Why nothing stands here."""
    if frame.complete or not frame.tracks:
        if frame.confidence.stacks == "not captured":
            return "No calls are recorded here. What is recorded in mode full has rooms: menu\N{NO-BREAK SPACE}Session"
        return "No call began just before this moment: step on, or click a lane where it has calls"
    return "What ran here is lost: this stretch of the recording is damaged or has a gap"


def one_room() -> House:
    """The smallest building: one floor, one room."""
    one = np.array([1], np.int64)
    return House(
        floors=(Floor(1, "MainThread", frozenset({1}), 1),),
        wings=(Wing("app", "app.py", 0.0, 1.0),),
        width=1.0,
        box=np.array([[0.06, ROOM_Y, 0.0, 0.88, ROOM_DEPTH, FULL]], np.float32),
        level=one - 1,
        step=one,
        value=one,
        rate=np.array([20.0]),
        track_id=one,
        site_id=one,
        functions={1: "main"},
        measure=measure_named("calls"),
        tint=figure_named("activity"),
        span_ns=1_000_000_000,
        full=3,
        there=1,
    )


def _gathered(calls: RecentCalls, value: Int64, rate: Float64, levels: Mapping[int, int]) -> Rooms:
    """The rooms of all floors. levels: the place of each thread's floor; of a thread without one nothing is shown."""
    level = np.array([levels.get(track, -1) for track in calls.tracks.tolist()], np.int64)
    at = level[calls.track_at]
    rows = np.flatnonzero((at >= 0) & (value > 0))
    sites, slot = dense(calls.site_id[rows])
    found, room = dense(at[rows] * len(sites) + slot)
    of_room = calls.track_id[rows[_largest_of_each(room, value[rows], len(found))]]
    sums: Int64 = np.bincount(room, value[rows], len(found)).astype(np.int64)
    rates: Float64 = np.bincount(room, rate[rows], len(found)).astype(np.float64)
    return Rooms(found // max(len(sites), 1), sites[found % max(len(sites), 1)], of_room, sums, rates)


def _largest_of_each(room: Int64, value: Int64, count: int) -> Int64:
    """The row with the largest value of each of so many rooms, of equal ones the first; without sorting them.

    >>> _largest_of_each(np.array([0, 1, 0, 0]), np.array([2, 5, 7, 7]), 2).tolist()
    [2, 1]
    """
    most = np.zeros(count, np.int64)
    np.maximum.at(most, room, value)
    largest = np.flatnonzero(value == most[room])[::-1]
    found = np.empty(count, np.int64)
    found[room[largest]] = largest  # what is written last stays
    return found


def _of_largest_sites(rooms: Rooms) -> tuple[Rooms, Int64, Int64]:
    """The rooms of the MAX_SLOTS functions that have the most, these functions, and for each room which it is of."""
    used, at = dense(rooms.site_id)
    if len(used) <= MAX_SLOTS:
        return rooms, used, at
    largest = np.argsort(-np.bincount(at, rooms.value, len(used)), kind="stable")[:MAX_SLOTS]
    rooms = rooms.of(np.isin(at, largest))
    return rooms, *dense(rooms.site_id)


def _from_left(level: Int64, slot: Int64, x_of: Float64) -> Int64:
    """The order of rooms by floor, then from left to right. `x_of`: where each slot begins.

    The key is as short as it can be: numpy sorts 16 bits by their digits, 10 000 rooms twenty times as fast.
    """
    rank = np.argsort(np.argsort(x_of))
    key = level * len(x_of) + rank[slot]
    return np.argsort(key.astype(np.min_scalar_type(int(key.max(initial=0)))), kind="stable")


def _passes(
    functions: Mapping[int, str], rooms: Rooms, shown: BuildingState, sites: Mapping[int, SiteRow]
) -> npt.NDArray[np.bool_]:
    """Which rooms the filter lets through."""
    passes: npt.NDArray[np.bool_] = rooms.value >= shown.least
    wanted = shown.text.strip().casefold()
    if wanted:
        named = [
            site
            for site, name in functions.items()
            if wanted in name.casefold() or (site in sites and wanted in sites[site].module.casefold())
        ]
        passes &= np.isin(rooms.site_id, named)
    return passes


def _heat_steps(floors: Sequence[Floor], calls: RecentCalls, tint: HeatFigure) -> list[int]:
    """The heat of all that the threads of each floor did, in rooms or not."""
    of_threads = tint.of_threads(calls)
    heats = [sum(of_threads.get(track, 0.0) for track in floor.tracks) for floor in floors]
    steps: list[int] = steps_of(tint.scale, heats).tolist()
    return steps


def _with_figures(
    floors: Sequence[Floor], rooms: Rooms, steps: Sequence[int], trend: Trend, measure: Measure
) -> tuple[Floor, ...]:
    """The floors with their totals, how these change, and their heat."""
    totals = np.bincount(rooms.level, rooms.value, len(floors)).astype(np.int64).tolist()
    return tuple(
        replace(floor, total=total, step=step, per_minute=trend.per_minute(measure.name, floor.tracks))
        for floor, total, step in zip(floors, totals, steps, strict=True)
    )


def _functions(held: Int64, sites: Mapping[int, SiteRow]) -> dict[int, str]:
    return {
        site: plain(sites[site].function, NAME_LENGTH) if site in sites else f"site {site}" for site in held.tolist()
    }


Toward = Literal["left", "right", "up", "down"]


def neighbour(plan: House, place: int | None, toward: Toward) -> int | None:
    """The room that an arrow key leads to: along the floor, or to the nearest slot of the next floor with rooms.

    Without a room to start from it is the largest one; at the end of a floor, or of the building, the same one.
    """
    if not len(plan):
        return None
    if place is None:
        return int(plan.value.argmax())
    x, level = plan.box[:, 0], plan.level
    if toward in ("left", "right"):
        along = np.flatnonzero(level == level[place])
        at = int(np.flatnonzero(along == place)[0]) + (1 if toward == "right" else -1)
        return int(along[min(max(at, 0), len(along) - 1)])
    beyond = level[level > level[place]] if toward == "up" else level[level < level[place]]
    if not len(beyond):
        return place
    there = np.flatnonzero(level == (beyond.min() if toward == "up" else beyond.max()))
    return int(there[np.argmin(np.abs(x[there] - x[place]))])

"""Which lanes the timeline has, and in which order: as recorded, or as the person has chosen. Pure, no Qt.

    lanes                      chosen                               shown
    python 4711                                                     python 4711
      MainThread                                                      MainThread
      worker-1                 text "worker", hidden worker-3         worker-2     ranked: the busiest first
      worker-2                                                        worker-1
      worker-3

The focused lane is always shown: what is gone to must be seen. The order changes when the person asks for it, never
by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

_LAST = 1 << 62


class LaneRef(msgspec.Struct, frozen=True):
    """What a lane is of. `is_head`: a process, above its threads; `is_main`: the thread that its program began on."""

    track_id: int
    process_id: int = 0
    name: str = ""
    is_head: bool = False
    is_main: bool = False


class LaneChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of the lanes. `text`: of threads, only those with one of these in their name, divided by
    commas; `hidden`: track ids; `ranked`: track ids in the order that is wanted, () as recorded.
    """

    text: str = ""
    hidden: frozenset[int] = frozenset()
    ranked: tuple[int, ...] = ()

    @property
    def leaves_out(self) -> bool:
        """Whether some threads may have no lane."""
        return bool(self.text.strip() or self.hidden)

    def passes(self, lane: LaneRef) -> bool:
        """Whether a thread is wanted.

        >>> [LaneChoice(text="main, work").passes(LaneRef(1, name=name)) for name in ("MainThread", "worker-1", "io")]
        [True, True, False]
        """
        wanted = [part for part in (part.strip().casefold() for part in self.text.split(",")) if part]
        named = not wanted or any(part in lane.name.casefold() for part in wanted)
        return named and lane.track_id not in self.hidden


def in_lane_order(lanes: Iterable[LaneRef], ranked: Sequence[int] = ()) -> tuple[LaneRef, ...]:
    """Process by process, the process before its threads and its main thread before the others.

    Within that by their place in `ranked`, then by number; a process has the best place of what belongs to it.
    """
    rows, places = list(lanes), {track_id: at for at, track_id in enumerate(ranked)}
    of_process: dict[int, int] = {}
    for lane in rows:
        place = places.get(lane.track_id, _LAST)
        of_process[lane.process_id] = min(place, of_process.get(lane.process_id, _LAST))

    def key_of(lane: LaneRef) -> tuple[int, int, bool, bool, int, int]:
        own = places.get(lane.track_id, _LAST)
        process = of_process[lane.process_id], lane.process_id
        return (*process, not lane.is_head, not lane.is_main, own, lane.track_id)

    return tuple(sorted(rows, key=key_of))


def shown_lanes(
    lanes: tuple[LaneRef, ...], choice: LaneChoice, *, folded: frozenset[int] = frozenset(), focus: int = 0
) -> tuple[LaneRef, ...]:
    """Those of the lanes that are shown. A process of which no thread is left has none either, where it has threads."""
    if not folded and not choice.leaves_out:
        return lanes
    closed = {lane.process_id for lane in lanes if lane.is_head and lane.track_id in folded}
    wanted = {lane.track_id for lane in lanes if not lane.is_head and (choice.passes(lane) or lane.track_id == focus)}
    with_threads = {lane.process_id for lane in lanes if not lane.is_head}
    left = {lane.process_id for lane in lanes if lane.track_id in wanted}
    return tuple(
        lane
        for lane in lanes
        if (lane.track_id in wanted and lane.process_id not in closed)
        or (lane.is_head and (lane.process_id in left or lane.process_id not in with_threads))
    )


def left_out(lanes: Iterable[LaneRef], choice: LaneChoice, focus: int = 0) -> int:
    """How many threads have no lane because the person does not want them."""
    return sum(not lane.is_head and lane.track_id != focus and not choice.passes(lane) for lane in lanes)

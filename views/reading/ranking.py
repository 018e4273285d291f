"""Which lanes are the busiest: by the events of each, as the levels of detail count them. No Qt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from dags.analyses.detail_reader import DetailReader
from dags.analyses.lod import Array
from views.loop import events as e
from views.loop.choosing_lanes import LanesRanked
from views.loop.lane_choice import LaneRef
from views.reading.questions import Asked

COLUMNS = 256
"""Bins of what is visible: so wide that the coarsest levels of most segments are enough."""


def busiest_first(asked: Asked) -> Iterator[e.Event]:
    """The lanes by how many events they have in what is visible; as recorded where they are sorted already."""
    shown, session = asked.assigns, asked.source.session
    if session is None:
        return
    if shown.lane_choice.ranked:
        yield LanesRanked(key=asked.key, ranked=())
        return
    reader, (start_ns, end_ns) = DetailReader(session), shown.visible_ns
    width_ns = (end_ns - start_ns) / COLUMNS
    counts: dict[int, int] = defaultdict(int)
    for index in reader.missing(start_ns, end_ns, width_ns):
        asked.reads_on()
        reader.read(index)
    for _, rows in reader.rows(start_ns, end_ns + 1, width_ns):
        for track_id, count in _by_track(rows):
            counts[track_id] += count
    yield LanesRanked(key=asked.key, ranked=ranked(shown.lanes, counts))


def ranked(lanes: tuple[LaneRef, ...], counts: dict[int, int]) -> tuple[int, ...]:
    """The track ids: process by process, the first one recorded before the others and those by all their events; in a
    process its threads by theirs. Where the main thread is, is for `in_lane_order` to say.

    >>> lanes = (LaneRef(1, 1, "", True), LaneRef(2, 1), LaneRef(3, 1), LaneRef(4, 2, "", True), LaneRef(5, 2))
    >>> ranked(lanes, {2: 10, 3: 20, 5: 90})
    (1, 3, 2, 4, 5)
    """
    first = min((lane.process_id for lane in lanes), default=0)
    of_process: dict[int, int] = defaultdict(int)
    for lane in lanes:
        of_process[lane.process_id] += counts.get(lane.track_id, 0)
    order = sorted(
        lanes,
        key=lambda lane: (
            lane.process_id != first,
            -of_process[lane.process_id],
            lane.process_id,
            not lane.is_head,
            -counts.get(lane.track_id, 0),
            lane.track_id,
        ),
    )
    return tuple(lane.track_id for lane in order)


def _by_track(rows: Array) -> list[tuple[int, int]]:
    tracks, at = np.unique(rows["track_id"], return_inverse=True)
    counts = np.bincount(at, rows["count"], len(tracks)).astype(np.int64)
    return list(zip(tracks.tolist(), counts.tolist(), strict=True))

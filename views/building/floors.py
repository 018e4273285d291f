"""Which threads have a floor of the building, and what its card says. No Qt.

A thread has a floor of its own from QUIET_SHARE of the total on, and keeps it for a while (`steady`); all others are
one floor at the ground. Of more than fit, the largest have one; the others share the ground, which does not call them
quiet then. An entered floor is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from capture.events.track_kinds import HEADS
from dags.analyses.recent_calls import Int64, RecentCalls
from dags.frame_parts import Frame, FrameTrack
from views.building.state import QUIET
from views.building.steady import Lately
from views.words.figures import count_text
from views.words.plain_text import plain

QUIET_SHARE = 0.01
MAX_FLOORS = 64
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Floor:
    """One thread's floor, or that of the quiet ones. `key` is a track id or QUIET.

    `total` is the sum of its rooms in the measure, `per_minute` how fast that changes, None: not known; `step` the heat
    of the whole floor. `known`: nothing of it is missing; `waits_known`: its threads were looked at for waits.
    """

    key: int
    name: str
    tracks: frozenset[int]
    total: int
    step: int = 0
    process: str = ""
    known: bool = True
    waits_known: bool = True
    per_minute: float | None = None


def floors_of(
    frame: Frame,
    totals: Mapping[int, int],
    lately: Lately[int],
    entered: int = 0,
    most: int = MAX_FLOORS,
    *,
    names: Mapping[int, str] | None = None,
) -> tuple[Floor, ...]:
    """The floors from the ground up, without their figures. `names`: of threads, where a frame calls them otherwise.

    `totals`: of each thread that has any; `entered`: the key of the floor that is alone, 0: none; the threads of the
    quiet one have floors of their own in there.
    """
    tracks, whole = _threads(frame, totals), sum(totals.values())
    loud = {track_id for track_id, total in totals.items() if total > 0 and total >= QUIET_SHARE * whole}
    lately.see(loud, frame.time_ns)
    alone = _largest([one.track_id for one in tracks if one.track_id in lately], totals, most - 1)
    if entered == QUIET:
        tracks = [one for one in tracks if one.track_id not in alone]
        alone = _largest([one.track_id for one in tracks], totals, most - 1)
    elif entered:
        tracks, alone = [one for one in tracks if one.track_id == entered], {entered}
    several = len({one.process_id for one in tracks}) > 1
    named = frame.processes if several else ()
    processes = {one.process_id: plain(f"{one.name} {one.pid}", NAME_LENGTH) for one in named}
    quiet = [one for one in tracks if one.track_id not in alone]
    word = "other" if any(one.track_id in lately for one in quiet) else "quiet"
    floors = [_quiet_floor(quiet, word)] if len(quiet) > 1 else [_floor(one, processes, names or {}) for one in quiet]
    return (*floors, *(_floor(one, processes, names or {}) for one in tracks if one.track_id in alone))


def totals_of(calls: RecentCalls, value: Int64) -> dict[int, int]:
    """The sum of a value by row of the recent calls, by track id."""
    sums = np.bincount(calls.track_at, value, len(calls.tracks)).astype(np.int64)
    return dict(zip(calls.tracks.tolist(), sums.tolist(), strict=True))


def _largest(tracks: Sequence[int], totals: Mapping[int, int], most: int) -> set[int]:
    return set(sorted(tracks, key=lambda track_id: -totals.get(track_id, 0))[: max(most, 1)])


def _threads(frame: Frame, totals: Mapping[int, int]) -> list[FrameTrack]:
    """The threads that live or have something, by process, the oldest first; some have lost their names."""
    order = {process.process_id: at for at, process in enumerate(frame.processes)}
    observed = {process.process_id for process in frame.processes if process.tier == "observe"}
    found = [
        track
        for track in frame.tracks
        if (track.kind not in HEADS and track.process_id not in observed and track.status != "ended")
        or track.track_id in totals
    ]
    found.sort(key=lambda track: (order.get(track.process_id, len(order)), track.track_id))
    named = {track.track_id for track in found}
    return found + [_nameless(track_id) for track_id in totals if track_id not in named]


def _nameless(track_id: int) -> FrameTrack:
    return FrameTrack(
        track_id=track_id,
        process_id=0,
        kind="thread",
        name=f"track {track_id}",
        status="running",
        waiting_on=None,
        stack=[],
        confidence="exact",
    )


def _floor(track: FrameTrack, processes: Mapping[int, str], names: Mapping[int, str]) -> Floor:
    return Floor(
        key=track.track_id,
        name=plain(names.get(track.track_id, track.name), NAME_LENGTH) or f"thread {track.os_id or track.track_id}",
        tracks=frozenset({track.track_id}),
        total=0,
        process=processes.get(track.process_id, ""),
        known=track.confidence != "not captured",
        waits_known=track.status_confidence != "not captured",
    )


def _quiet_floor(tracks: Sequence[FrameTrack], word: str) -> Floor:
    return Floor(
        key=QUIET,
        name=f"{count_text(len(tracks))} {word} threads",
        tracks=frozenset(one.track_id for one in tracks),
        total=0,
        known=all(one.confidence != "not captured" for one in tracks),
        waits_known=all(one.status_confidence != "not captured" for one in tracks),
    )

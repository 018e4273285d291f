"""The rows of the supervision map at one frame: who is whose child, how hot, in which words. No Qt.

orders.py  4711        ▂▅▇▅   0.62
  MainThread           ▁▁▁▁   12 /s
  worker-1             ▂▇▂▇   4.1k /s
spawned child 4712     ····   not captured
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from capture.events.track_kinds import HEADS
from dags.analyses.recent_calls import Int64, RecentCalls
from dags.frame_parts import Frame, FrameProcess, FrameTrack, Status, process_status_text, status_text
from views.reading.heat_figures import HeatFigure, figure_named
from views.supervision.state import Heat
from views.words.figures import count_text, size_text
from views.words.heat_steps import CALL_RATE, CPU_SHARE, RESIDENT, Step, step_of
from views.words.plain_text import plain

NAME_LENGTH = 200
MAX_ENDED = 20
NO_NAMES: Mapping[int, str] = MappingProxyType({})
Level = Step | Literal["unknown"]
MEANINGS: dict[Heat, str] = {
    "activity": f"Calls per second, bars by powers of ten, red {CALL_RATE.words()[3]}",
    "cpu": f"Share of one core, red {CPU_SHARE.words()[3]}; of a thread at most",
    "memory": f"Resident memory, bars by powers of two, red {RESIDENT.words()[3]}",
}


class SupervisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process or thread. `track_id` is its identity; heat None: not known. `spark` 0 to 1, one per part."""

    track_id: int
    process_id: int
    is_process: bool
    depth: int
    name: str
    detail: str
    status: Status
    heat: float | None
    figure: str
    level: Level
    spark: tuple[float, ...] = ()
    children: int = 0
    folded: bool = False


def thread_heat(calls_per_second: float) -> float:
    """0 to 1 by the power of ten, 1 at ten million calls per second, which no Python thread does: the same rate has
    as long a bar at every moment and in every session.

    >>> [round(thread_heat(rate), 2) for rate in (0, 10, 10_000, 1_000_000)]
    [0.0, 0.15, 0.57, 0.86]
    """
    return min(math.log10(1 + max(calls_per_second, 0.0)) / 7, 1.0)


def memory_heat(rss_bytes: int) -> float:
    """0 at 16 MiB, 1 at 16 GiB, by the power of two: the largest of small processes is not hot.

    >>> [round(memory_heat(size << 20), 2) for size in (1, 16, 1024, 16384)]
    [0.0, 0.0, 0.6, 1.0]
    """
    return min(max(math.log2(max(rss_bytes, 1) / (16 << 20)) / 10, 0.0), 1.0)


def supervision_rows(
    frame: Frame,
    calls: RecentCalls,
    heat_by: Heat,
    folded: frozenset[int],
    names: Mapping[int, str] = NO_NAMES,
) -> tuple[SupervisionRow, ...]:
    """The rows from top to bottom; what lies under a folded row is left out, its number is in `children`. `names`: of
    threads by track id, where they are called otherwise than the frame says.

    A server that has a thread for each request has thousands that have ended: the newest few of those that still ran
    in the stretch come after the others, and the process says how many more there were.
    """
    own_track = {track.process_id: track.track_id for track in frame.tracks if track.kind in HEADS}
    threads: dict[int, list[FrameTrack]] = defaultdict(list)
    for track in frame.tracks:
        if track.kind not in HEADS:
            threads[track.process_id].append(track)
    known = {process.process_id for process in frame.processes}
    below: dict[int | None, list[FrameProcess]] = defaultdict(list)
    for process in frame.processes:
        below[process.parent_id if process.parent_id in known else None].append(process)
    heats = _heats(frame, calls, heat_by)
    busiest = int(calls.begun.max(initial=0))
    ran = set(calls.tracks.tolist())

    rows: list[SupervisionRow] = []
    waiting = [(process, 0) for process in reversed(below[None])]
    placed: set[int] = set()
    while waiting:
        process, depth = waiting.pop()
        if process.process_id in placed:  # a file may claim that two processes are each other's parent
            continue
        placed.add(process.process_id)
        own, inner = threads[process.process_id], below[process.process_id]
        shown = _shown(own, calls.start_ns)
        track_id = own_track.get(process.process_id, -process.process_id)
        is_folded = track_id in folded
        spark = _spark([calls.begun_on(track.track_id) for track in own if track.track_id in ran], busiest)
        rows.append(
            _process_row(
                process,
                track_id,
                depth,
                heat=heats(process),
                spark=spark,
                children=len(shown) + len(inner),
                folded=is_folded,
                left_out=len(own) - len(shown),
            )
        )
        if not is_folded:
            rows += [
                _thread_row(
                    track,
                    names.get(track.track_id, track.name),
                    depth + 1,
                    heats(track),
                    _spark([calls.begun_on(track.track_id)], busiest),
                )
                for track in shown
            ]
            waiting += [(child, depth + 1) for child in reversed(inner)]
    return tuple(rows)


def _shown(own: Sequence[FrameTrack], since_ns: int) -> list[FrameTrack]:
    """The threads to show: those that live, then the newest of those that ended in the stretch."""
    ended = [(-track.end_ns, track.track_id, track) for track in own if track.end_ns is not None]
    newest = [track for end, _, track in sorted(ended, key=lambda one: one[:2]) if -end >= since_ns]
    return [track for track in own if track.status != "ended"] + newest[:MAX_ENDED]


class Warmth(NamedTuple):
    """How hot something is: `heat` is how long its bar is, None: not known; `figure` in words; `level` its colour."""

    heat: float | None
    figure: str
    level: Level = "unknown"


def _heats(frame: Frame, calls: RecentCalls, heat_by: Heat) -> Callable[[FrameProcess | FrameTrack], Warmth]:
    """What answers the heat and the figure of a process or a thread."""
    figure = figure_named(heat_by)
    of_threads = figure.of_threads(calls)
    of_process: dict[int, float] = defaultdict(float)
    for track in frame.tracks:
        of_process[track.process_id] += of_threads.get(track.track_id, 0.0)

    def heat(of: FrameProcess | FrameTrack) -> Warmth:
        if isinstance(of, FrameTrack):
            if heat_by == "memory":
                return Warmth(None, "")
            if of.confidence == "not captured":
                return Warmth(None, "not captured")
            value = of_threads.get(of.track_id, 0.0)
            return Warmth(_bar(figure, value), figure.text(value), step_of(figure.scale, value))
        if of.status == "ended":
            return Warmth(None, "ended")
        if heat_by == "cpu":
            known = of.cpu_percent
            if known is None:
                return Warmth(None, "not captured")
            return Warmth(min(known / 100, 1.0), f"{known:.0f} %", step_of(CPU_SHARE, known / 100))
        if heat_by == "memory":
            size = of.rss_bytes
            if size is None:
                return Warmth(None, "not captured")
            return Warmth(memory_heat(size), size_text(size), step_of(RESIDENT, size))
        if of.tier == "observe":
            return Warmth(None, "not captured")
        value = of_process[of.process_id]
        return Warmth(_bar(figure, value), figure.text(value), step_of(figure.scale, value))

    return heat


def _bar(figure: HeatFigure, value: float) -> float:
    """How long the bar of a figure is, 0 to 1."""
    return thread_heat(value) if figure.name == "activity" else min(value, 1.0)


def _spark(series: list[Int64], busiest: int) -> tuple[float, ...]:
    if not series or not busiest:
        return ()
    whole = np.sum(series, axis=0)
    top = max(int(whole.max()), busiest)
    return tuple(float(value) / top for value in whole)


def _process_row(
    process: FrameProcess,
    track_id: int,
    depth: int,
    *,
    heat: Warmth,
    spark: tuple[float, ...],
    children: int,
    folded: bool,
    left_out: int,
) -> SupervisionRow:
    details = [f"pid {process.pid}"]
    details += [f"Python {plain(process.python, 20)}"] if process.python else []
    details += [f"watched from outside: {process_status_text(process)}"] if process.tier == "observe" else []
    details += [f"{count_text(left_out)} more ended"] if left_out else []
    return SupervisionRow(
        track_id=track_id,
        process_id=process.process_id,
        is_process=True,
        depth=depth,
        name=plain(process.name, NAME_LENGTH) or f"process {process.pid}",
        detail=" · ".join(details),
        status=process.status,
        heat=heat.heat,
        figure=heat.figure,
        level=heat.level,
        spark=spark,
        children=children,
        folded=folded,
    )


def _thread_row(track: FrameTrack, name: str, depth: int, heat: Warmth, spark: tuple[float, ...]) -> SupervisionRow:
    doing = [plain(track.stack[-1].function, NAME_LENGTH)] if track.stack else []
    doing += [status_text(track)] if track.status == "waiting" else []
    return SupervisionRow(
        track_id=track.track_id,
        process_id=track.process_id,
        is_process=False,
        depth=depth,
        name=plain(name, NAME_LENGTH) or f"{plain(track.kind, 20)} {track.os_id or track.track_id}",
        detail="ended" if track.status == "ended" else " · ".join(doing),
        status=track.status,
        heat=None if track.status == "ended" else heat.heat,
        figure="" if track.status == "ended" else heat.figure,
        level="unknown" if track.status == "ended" else heat.level,
        spark=spark,
    )

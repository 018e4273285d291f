"""Slow questions about the open session: where a step leads, what a name matches, how long a thing lasted. No Qt.

Every one of them walks segments outwards from the cursor and stops as soon as it knows, so its cost depends on how
far away the answer is and not on how long the session is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

import numpy as np

from capture.events.batch import EventBatch, Int64
from capture.events.kinds import KINDS
from capture.session.session import Session
from views.loop.state import Over, Selection, Stride
from views.reading.source import Names, Source

SEEN_SHARE = 1_000
"""Of what is visible: lanes are about as many pixels wide, in any window."""
MAX_FOUND = 10_000
FIRST_ROWS = 1_024
MAX_SEGMENTS_FOR_A_CALL = 64

_STEPS = np.zeros(256, np.int64)
_STEPS[list(KINDS)] = [kind.row.depth.step for kind in KINDS]


def step_target(source: Source, cursor_ns: int, track_id: int, count: int, over: Over) -> int:
    """The instant `count` steps from the cursor, forwards or (negative) back; the cursor's own if there is none.

    Events at the same instant are one step. 'calls' steps over whatever the current call calls: to the nearest
    event after which the track is no deeper than it is now.
    """
    if over == "calls":
        return _boundary(source, cursor_ns, track_id, count)
    wanted, reached_ns = abs(count), cursor_ns
    for batch in _batches(source, cursor_ns, count > 0):
        rows = batch.time_ns if over == "all" else batch.time_ns[batch.track_id == track_id]
        times = np.unique(rows[rows > cursor_ns] if count > 0 else rows[rows < cursor_ns])
        if count < 0:
            times = times[::-1]
        times = times[times != reached_ns]
        if len(times):
            reached_ns = int(times[min(wanted, len(times)) - 1])
            wanted -= min(wanted, len(times))
        if not wanted:
            break
    return reached_ns


def stride_target(source: Source, cursor_ns: int, track_id: int, stride: Stride, least_ns: int) -> int:
    """Where a step leads that goes no less far than `least_ns`, as long as something lies there."""
    near_ns = step_target(source, cursor_ns, track_id, stride.by, stride.over)
    if abs(near_ns - cursor_ns) >= least_ns:
        return near_ns
    by = 1 if stride.by > 0 else -1
    from_ns = cursor_ns + by * (least_ns - 1)
    far_ns = step_target(source, from_ns, track_id, by, stride.over)
    return far_ns if (far_ns - from_ns) * by > 0 else near_ns


def least_seen_ns(visible_ns: tuple[int, int]) -> int:
    """How far the cursor has to go to be seen to move: about a pixel of a lane.

    >>> least_seen_ns((0, 60_000_000_000))
    60000000
    """
    return (visible_ns[1] - visible_ns[0]) // SEEN_SHARE


def _boundary(source: Source, cursor_ns: int, track_id: int, count: int) -> int:
    """Depth 0 is the depth at the cursor; each landing makes its own depth the new 0."""
    forward, wanted, base, depth, reached_ns = count > 0, abs(count), 0, 0, cursor_ns
    undone = False
    for batch in _batches(source, cursor_ns, forward):
        times, deltas = _depth_changes(batch, track_id)
        within = times > cursor_ns if forward else times <= cursor_ns
        times, deltas = times[within], deltas[within]
        if not forward:
            times, deltas = times[::-1], -deltas[::-1]
        depths = depth + np.cumsum(deltas)
        at = 0
        while at < len(times):
            # Forwards the instant of an event shows the state after it; backwards that is the instant of the next row.
            if undone:
                reached_ns, undone, wanted = int(times[at]), False, wanted - 1
                if not wanted:
                    return reached_ns
            hits = np.flatnonzero(depths[at:] <= base)
            if not len(hits):
                break
            at += int(hits[0])
            base = int(depths[at])
            if forward:
                reached_ns, wanted = int(times[at]), wanted - 1
                if not wanted:
                    return reached_ns
            else:
                undone = True
            at += 1
        depth = int(depths[-1]) if len(depths) else depth
    return source.session.start_ns if undone and source.session is not None else reached_ns


def next_begin(source: Source, cursor_ns: int, track_id: int) -> int | None:
    """When the innermost call that runs on a track then makes its next call; None: it makes none before it ends."""
    for batch in _batches(source, cursor_ns, True):
        times, deltas = _depth_changes(batch, track_id)
        if len(times):
            return int(times[0]) if deltas[0] > 0 else None
    return None


def _depth_changes(batch: EventBatch, track_id: int) -> tuple[Int64, Int64]:
    """Times of the track's calls and leaves, and +1 or -1 for each."""
    steps = _STEPS[batch.kind]
    rows = np.flatnonzero((steps != 0) & (batch.track_id == track_id))
    return batch.time_ns[rows], steps[rows]


def _batches(source: Source, cursor_ns: int, forward: bool) -> Iterator[EventBatch]:
    """The events from the cursor outwards, a few at first and then ever more at once, as most answers are near.

    Forwards those after the cursor, backwards those up to it.
    """
    session = source.session
    if session is None or not session.segments:
        return
    here, size = session.segment_at(cursor_ns) or 0, FIRST_ROWS
    for index in _outwards(session, here, forward=forward):
        batch = source.segment_events(index)
        low, high = 0, len(batch)
        if index == here:
            cut = int(np.searchsorted(batch.time_ns, cursor_ns, "right"))
            low, high = (cut, high) if forward else (0, cut)
        while low < high:
            piece = (low, min(low + size, high)) if forward else (max(high - size, low), high)
            low, high = (piece[1], high) if forward else (low, piece[0])
            size *= 4
            yield batch.slice(*piece)


def _outwards(session: Session, here: int, *, forward: bool) -> list[int]:
    """The segments with rows from this one on, or back."""
    rows = session.with_rows
    return rows[bisect_left(rows, here) :] if forward else rows[: bisect_right(rows, here)][::-1]


def sites_matching(names: Names, text: str) -> tuple[int, ...]:
    """The sites whose function or module holds the text, whatever its case; those that begin with it first."""
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    found = []
    for site_id, row in names.sites.items():
        function = row.function.casefold()
        if wanted in function or wanted in f"{row.module}.{row.function}".casefold():
            found.append((not function.rpartition(".")[2].startswith(wanted), function, site_id))
    return tuple(site_id for _, _, site_id in sorted(found)[:MAX_FOUND])


def span_of(source: Source, selection: Selection, cursor_ns: int) -> tuple[int, int] | None:
    """How long the picked thing lasted, None when it has no extent or it is not known."""
    session = source.session
    if session is None:
        return None
    if selection.kind in {"track", "process"}:
        rows: dict[int, Any] = source.names.tracks if selection.kind == "track" else source.names.processes
        row = rows.get(selection.id)
        if row is None:
            return None
        start_ns = max(session.start_ns, row.start_ns or session.start_ns)
        return start_ns, session.end_ns if row.end_ns is None else row.end_ns
    if selection.kind != "call":
        return None
    here = session.segment_at(cursor_ns) or 0
    for index in range(max(0, here - 1), min(here + MAX_SEGMENTS_FOR_A_CALL, len(session.segments))):
        segment = session.segments[index]
        calls = source.calls_between(segment.start_ns, segment.end_ns)
        rows_found = np.flatnonzero(calls["call_id"].to_numpy() == selection.id)
        if len(rows_found):
            call = calls.slice(int(rows_found[0]), 1).to_pylist()[0]
            return call["start_ns"], session.end_ns if call["end_ns"] is None else call["end_ns"]
    return None


def edge_end(source: Source, cursor_ns: int, track_id: int, direction: int) -> tuple[int, int, int] | None:
    """Where an edge of the focused track leads: (time_ns, track_id, event_id) of the other end; None without one.

    -1: the cause of the last thing there that had one; 1: the effect of the next thing there that brought one about.
    """
    session = source.session
    if session is None or not session.segments:
        return None
    here = session.segment_at(cursor_ns) or 0
    for index in _outwards(session, max(0, here), forward=direction > 0):
        table = session.segment_table(index, "edges", ("cause_event_id", "effect_event_id"))
        best: tuple[int, int] | None = None
        for cause_id, effect_id in zip(*(column.to_pylist() for column in table.columns), strict=True):
            near_id, far_id = (effect_id, cause_id) if direction < 0 else (cause_id, effect_id)
            near = event_place(source, near_id)
            if near is None or near[1] != track_id or (near[0] - cursor_ns) * direction < 0:
                continue
            if best is None or (near[0] - best[0]) * direction < 0:
                best = (near[0], far_id)
        far = event_place(source, best[1]) if best is not None else None
        if best is not None and far is not None:
            return far[0], far[1], best[1]
    return None


def event_place(source: Source, event_id: int) -> tuple[int, int] | None:
    """(time_ns, track_id) of an event."""
    session = source.session
    if session is None:
        return None
    index = bisect_right(session.segments, event_id, key=lambda segment: segment.first_event_id) - 1
    batch = source.segment_events(index) if index >= 0 else EventBatch.empty()
    row = event_id - batch.first_event_id
    return (int(batch.time_ns[row]), int(batch.track_id[row])) if 0 <= row < len(batch) else None

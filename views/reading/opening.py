"""What a session looks like to the window when it opens: its first lanes, its bookmarks. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from capture.errors import SessionProblem
from capture.events.track_kinds import HEADS
from capture.session import notes
from capture.session.session import Session
from dags.correlate.correlator import in_time_order
from views.loop import events as e
from views.loop.lane_choice import LaneRef, in_lane_order
from views.loop.state import Bookmark, SessionRef
from views.reading.source import Names

SECOND_NS = 1_000_000_000
MAIN_THREAD = "MainThread"
"""What `threading` calls the thread that a program begins on."""


def session_opened(
    session: Session,
    names: Names,
    key: int,
    *,
    at_ns: int | None = None,
    bookmarks: Sequence[Bookmark] = (),
    place: Mapping[str, Any] | None = None,
) -> e.SessionOpened:
    """That this session is open and can be shown; without `place`, how it was left, at its busiest second."""
    busiest = None if session.live or place or at_ns is not None else busiest_second(session)
    path = Path(session.path)
    return e.SessionOpened(
        session=SessionRef(key=key, path=str(path.resolve()), name=path.name or path.resolve().name, live=session.live),
        range_ns=(session.start_ns, session.end_ns),
        bookmarks=tuple(bookmarks),
        lanes=lanes_of(names),
        focus_track_id=first_focus(names, None if busiest is None else busiest[1]),
        at_ns=at_ns,
        busiest_ns=None if busiest is None else busiest[0],
        place=place or {},
    )


def busiest_second(session: Session) -> tuple[int, int] | None:
    """(where the second of most events begins, the track of most of them); None without events, or where they are lost.

    Looked for in the segment that has the most events to a second, so that no other one is read.
    """
    dense = [
        (part.events / max(part.end_ns - part.start_ns, SECOND_NS), -at)
        for at, part in enumerate(session.segments)
        if part.events
    ]
    try:
        batch = in_time_order(session.events(-max(dense)[1], ("time_ns", "track_id")))
    except (ValueError, SessionProblem, OSError):
        return None
    times = batch.time_ns
    if not len(times):  # damaged: what cannot be read is no event
        return None
    past = np.searchsorted(times, times + SECOND_NS)
    first = int(np.argmax(past - np.arange(len(times))))
    tracks, counts = np.unique(batch.track_id[first : int(past[first])], return_counts=True)
    return int(times[first]), int(tracks[np.argmax(counts)])


def bookmark_of(note: notes.Note) -> Bookmark:
    """A note as the window shows it."""
    return Bookmark(time_ns=note.time_ns, text=note.text, end_ns=note.end_ns, author=note.author)


def note_of(bookmark: Bookmark) -> notes.Note:
    """A bookmark as it is kept."""
    return notes.Note(time_ns=bookmark.time_ns, text=bookmark.text, end_ns=bookmark.end_ns, author=bookmark.author)


def lanes_of(names: Names) -> tuple[LaneRef, ...]:
    """What there can be lanes of, as recorded: process by process, before its threads, and the main one before others.

    That is the thread whose number is its process's, and where the system gave none the one that Python calls so.
    """
    pids = {row.process_id: row.pid for row in names.processes.values()}
    return tuple(
        in_lane_order(
            LaneRef(
                track_id=row.track_id,
                process_id=row.process_id,
                name=names.track(row.track_id),
                is_head=row.kind in HEADS,
                is_main=row.kind not in HEADS
                and (row.os_id == pids.get(row.process_id) if row.os_id else row.name == MAIN_THREAD),
            )
            for row in names.tracks.values()
        )
    )


def first_focus(names: Names, busiest: int | None = None) -> int:
    """The lane to begin with: the busiest or the first thread, 0 while there is none. No event happens on the lane of a
    process.
    """
    if busiest in names.tracks and names.tracks[busiest].kind not in HEADS:
        return busiest
    return next((lane.track_id for lane in lanes_of(names) if not lane.is_head), 0)

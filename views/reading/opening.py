"""What a session looks like to the window when it opens: its first lanes, its bookmarks. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capture.events.track_kinds import HEADS
from capture.session import notes
from capture.session.session import Session
from views.loop import events as e
from views.loop.state import Bookmark, SessionRef
from views.reading.source import Names


def session_opened(
    session: Session, names: Names, key: int, at_ns: int | None, bookmarks: Sequence[Bookmark]
) -> e.SessionOpened:
    """That this session is open and can be shown."""
    path = Path(session.path)
    return e.SessionOpened(
        session=SessionRef(key=key, path=str(path.resolve()), name=path.name or path.resolve().name, live=session.live),
        range_ns=(session.start_ns, session.end_ns),
        bookmarks=tuple(bookmarks),
        lanes=lanes_of(names),
        focus_track_id=first_focus(names),
        at_ns=at_ns,
    )


def bookmark_of(note: notes.Note) -> Bookmark:
    """A note as the window shows it."""
    return Bookmark(time_ns=note.time_ns, text=note.text, end_ns=note.end_ns, author=note.author)


def note_of(bookmark: Bookmark) -> notes.Note:
    """A bookmark as it is kept."""
    return notes.Note(time_ns=bookmark.time_ns, text=bookmark.text, end_ns=bookmark.end_ns, author=bookmark.author)


def lanes_of(names: Names) -> tuple[int, ...]:
    """The tracks in the timeline's order: process by process, the process itself before its threads."""
    rows = sorted(names.tracks.values(), key=lambda row: (row.process_id, row.kind not in HEADS, row.track_id))
    return tuple(row.track_id for row in rows)


def first_focus(names: Names) -> int:
    """The lane to begin with: the first thread, 0 while there is none. No event happens on the lane of a process."""
    return next((lane for lane in lanes_of(names) if names.tracks[lane].kind not in HEADS), 0)

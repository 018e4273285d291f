"""Notes: the one at the cursor as a page, and all bookmarks and notes of the session as a list. No Qt.

They are the person's own and small, so that they come out of the window's state and nothing is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from views.inspector.diff import Piece
from views.inspector.pages.parts import away
from views.inspector.sections import VALUE_LENGTH, Link, Row, Section
from views.inspector.state import WriteNote
from views.loop.events import EditBookmark, Event, SeekTo, Show
from views.loop.state import Bookmark
from views.words.figures import clock_text, count_text, duration_text
from views.words.plain_text import plain

MOST_NOTES = 60


def note_section(bookmarks: Sequence[Bookmark], now_ns: int) -> tuple[Section, ...]:
    """The bookmark at the cursor, and those stretches around it that have a note."""
    here = [one for one in bookmarks if one.time_ns == now_ns or (one.end_ns or one.time_ns) >= now_ns > one.time_ns]
    if not here:
        return ()
    title = "Note here" if len(here) == 1 else f"Notes here ({count_text(len(here))})"
    return (Section(key="note", title=title, rows=tuple(_row(one, now_ns) for one in here[:MOST_NOTES])),)


def notes_section(bookmarks: Sequence[Bookmark], now_ns: int) -> tuple[Section, ...]:
    """All of them, which are given by time; those around the cursor, where there are more than a list can show."""
    if not bookmarks:
        return ()
    at = bisect_left(bookmarks, now_ns, key=lambda one: one.time_ns)
    around = bookmarks[max(0, at - MOST_NOTES) : at + MOST_NOTES]
    nearest = sorted(around, key=lambda one: abs(one.time_ns - now_ns))[:MOST_NOTES]
    rows = [_row(one, now_ns) for one in sorted(nearest, key=lambda one: one.time_ns)]
    if len(bookmarks) > MOST_NOTES:
        rows.append(Row(key="more", label=f"and {count_text(len(bookmarks) - MOST_NOTES)} farther away"))
    return (Section(key="notes", title=f"Notes ({count_text(len(bookmarks))})", rows=tuple(rows)),)


def _row(one: Bookmark, now_ns: int) -> Row:
    when = clock_text(one.time_ns)
    if one.end_ns is not None:
        when += f", for {duration_text(one.end_ns - one.time_ns)}"
    to: Event = SeekTo(time_ns=one.time_ns, visit=True)
    links = [Link("go there", to)] if one.time_ns != now_ns else []
    if one.end_ns is not None:
        links.append(Link("show", Show(range_ns=(one.time_ns, one.end_ns))))
    links += [
        Link("edit", WriteNote(time_ns=one.time_ns)),
        Link("remove", EditBookmark(time_ns=one.time_ns, text=None)),
    ]
    author = f" by {plain(one.author, 60)}" if one.author else ""
    return Row(
        key=str(one.time_ns),
        label=when,
        pieces=(Piece(plain(one.text, VALUE_LENGTH) or "bookmark without a note"),),
        note=f"{away(one.time_ns, now_ns)}{author}",
        links=tuple(links),
        picked=one.time_ns == now_ns,
    )

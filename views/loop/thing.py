"""What a pointer or the keyboard is at, so that a menu can say what may be done with it. No Qt.

A part of the window says it (`views.drawing.pointing`), the most particular first: a call, then the thread that it runs
on, then the moment. What can be done with each kind is the table of `scope_gui.context_actions`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from views.loop.events import Event, SeekTo, Select
from views.loop.state import Bookmark, Selection
from views.words.figures import clock_text

ThingKind = Literal[
    "call",
    "exception",
    "bookmark",
    "moment",
    "metric",
    "thread",
    "process",
    "room",
    "floor",
    "building",
    "row",
    "inspector",
    "finding",
    "recent",
]


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. `name` is its name as it was recorded: whoever paints it makes it plain.

    `click`: what a click on it sends. `time_ns`: the moment that it is about; `end_ns`: of a stretch, its end. `id` is
    that of the table of its kind: a track, a floor's key, the place of a finding. `site_id`: its function, 0 without
    one; `depth`: how many calls it was made within, None where that is not known. `place`: where its function is
    defined; `text`: what else there is of it to copy. `path`: of a file. `links`: what it offers of itself, as words
    and what they send.
    """

    kind: ThingKind
    name: str
    id: int = 0
    track_id: int = 0
    click: tuple[Event, ...] = ()
    depth: int | None = None
    time_ns: int | None = None
    end_ns: int | None = None
    site_id: int = 0
    place: str = ""
    text: str = ""
    path: str = ""
    links: tuple[tuple[str, Event], ...] = ()


def moment_thing(time_ns: int) -> Thing:
    """An instant."""
    return Thing(kind="moment", name=clock_text(time_ns), time_ns=time_ns, click=(SeekTo(time_ns=time_ns, visit=True),))


def thread_thing(track_id: int, name: str, *, is_process: bool = False) -> Thing:
    """A thread or a process, by its track."""
    picked = Select(selection=Selection("track", track_id, track_id))
    return Thing(kind="process" if is_process else "thread", name=name, id=track_id, track_id=track_id, click=(picked,))


def bookmark_thing(bookmark: Bookmark) -> Thing:
    """A bookmark, or a note on a stretch."""
    return Thing(
        kind="bookmark",
        name=bookmark.text or clock_text(bookmark.time_ns),
        text=bookmark.text,
        time_ns=bookmark.time_ns,
        end_ns=bookmark.end_ns,
        click=(SeekTo(time_ns=bookmark.time_ns, visit=True),),
    )

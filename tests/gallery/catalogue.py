"""Which pictures there are: every view of every session, and the states that a person gets into, times theme and size.

A state is said in events, as a key or a click would say it; `show` names what is opened over the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import get_args

import msgspec

from capture.session.session import Session
from tests.gallery.crowd import BURSTS_S, GAPS, SECOND_NS
from views import registry
from views.building.state import SetMeasure
from views.loop import events as e
from views.loop.state import Selection, Theme
from views.supervision.state import SetHeat

THEMES: tuple[Theme, ...] = get_args(Theme)
SIZES = ((1600, 900), (1280, 800))
SESSIONS = ("empty", "small", "large")
VIEWS = ("window", *(row.name for row in registry.VIEWS), "building-gl", "transport")
DEEP = 4
README = {
    "window": "small-thread-dark-1600x900",
    "compare": "small-bookmarks-light-1280x800",
    "building": "small-building-dark-1280x800",
}
"""The pictures in the README, by the names of their files in tests/gallery/pictures."""
DIALOGS = {
    "small": (
        "find",
        "slowest",
        "errors",
        "what grew",
        "findings",
        "keys",
        "go to",
        "note",
        "attach",
        "launch",
        "change",
        "export",
    ),
    "large": ("unseen",),
    "live": ("change",),
}


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture. kind: of a view alone, of the window in a state, or of a dialog over it."""

    kind: str
    session: str
    what: str
    theme: Theme
    size: tuple[int, int]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        words = (self.session, self.what.replace(" ", "-"), self.theme, f"{self.size[0]}x{self.size[1]}")
        return "-".join(words)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures to take of one session, '' for none, and where to put them."""

    path: str
    target: str
    has_gl: bool
    pictures: tuple[Picture, ...]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has done in a session before the picture is taken."""

    session: str
    show: str = ""


STATES: dict[str, State] = {
    "welcome": State(session="none"),
    "following": State(session="live"),
    "thread": State(session="small"),
    "function": State(session="small"),
    "value": State(session="small"),
    "bookmarks": State(session="small"),
    "found": State(session="small"),
    "single events": State(session="small"),
    "folded": State(session="large"),
    "gap": State(session="large"),
    "deep": State(session="large"),
    "own time": State(session="large"),
    "rooms": State(session="small"),
    "damage": State(session="damaged"),
}


def every_picture() -> Iterator[Picture]:
    """All of them, session by session, so that each is opened once."""
    for session in ("none", "live", *SESSIONS, "damaged"):
        for size, theme in product(SIZES, THEMES):
            for view in VIEWS if session in SESSIONS else ():
                yield Picture(kind="view", session=session, what=view, theme=theme, size=size)
            for name, state in STATES.items():
                if state.session == session:
                    yield Picture(kind="state", session=session, what=name, theme=theme, size=size)
            for dialog in DIALOGS.get(session, ()):
                yield Picture(kind="dialog", session=session, what=dialog, theme=theme, size=size)


def events_of(state: str, session: Session | None) -> list[e.Event]:
    """What leads into a state, from a session just opened and shown whole."""
    if session is None:
        return []
    start_ns, end_ns = session.start_ns, session.end_ns
    middle_ns = start_ns + (end_ns - start_ns) * 6 // 10
    busy_track = 0
    if state in ("thread", "function", "single events", "found"):
        longest, busy_track = _busy_moment(session)
        middle_ns = longest[0] if state == "single events" else sum(longest) // 2
    here = e.SeekTo(time_ns=middle_ns, visit=True)
    busy_ns = BURSTS_S[-1] * SECOND_NS
    match state:
        case "following":
            return [e.Follow()]
        case "thread":
            picked = Selection("track", busy_track, busy_track)
            return [here, e.Show(range_ns=_around(middle_ns, 400_000_000)), e.Select(selection=picked)]
        case "function":
            picked = Selection("site", _site(session, "FraudCheck.check"), busy_track)
            return [here, e.Show(range_ns=_around(middle_ns, 800_000_000)), e.Select(selection=picked)]
        case "rooms":
            picked = Selection("site", _site(session, "Counters.add"), _track(session, "worker-3"))
            return [here, e.Select(selection=picked)]
        case "value":
            version, time_ns = _version(session)
            return [e.SeekTo(time_ns=time_ns), e.Select(selection=Selection("state", version))]
        case "bookmarks":
            notes = ((3, "first order of the morning"), (5, ""), (8, "stock goes below zero"))
            marked: list[e.Event] = []
            for tenth, text in notes:
                marked += [e.SeekTo(time_ns=start_ns + (end_ns - start_ns) * tenth // 10), e.AddBookmark(text=text)]
            return [*marked, e.SeekTo(time_ns=start_ns + (end_ns - start_ns) * 4 // 10), e.Mark(), here]
        case "found":
            return [here, e.Select(selection=Selection("track", busy_track, busy_track)), e.Search(text="reserve")]
        case "single events":
            picked = Selection("track", busy_track, busy_track)
            return [here, e.Select(selection=picked), e.Show(range_ns=_around(middle_ns, 200_000))]
        case "folded":
            folds = [e.ToggleFold(track_id=track) for track in (3, 4, 5, 6, 13, 14, 15)]
            return [e.SeekTo(time_ns=end_ns), *folds]
        case "gap":
            gap = GAPS[0]
            inside_ns = (gap[0] + gap[1]) // 2 * SECOND_NS
            return [e.SeekTo(time_ns=inside_ns), e.Select(selection=Selection("track", gap[2], gap[2]))]
        case "deep":
            at_ns = busy_ns + SECOND_NS * 6 // 10
            near = e.Show(range_ns=_around(at_ns, 120_000_000))
            return [e.SeekTo(time_ns=at_ns), near, e.Select(selection=Selection("track", 20, 20))]
        case "own time":
            return [e.SeekTo(time_ns=end_ns), SetMeasure(measure="time"), SetHeat(heat_by="memory")]
        case _:
            return [e.SeekTo(time_ns=end_ns if state in ("small", "large") else middle_ns)]


def _busy_moment(session: Session) -> tuple[tuple[int, int], int]:
    """((start, end), the thread) of the longest call that is deep in its thread."""
    found = (0, (0, 0), 0)
    for index in range(len(session.segments)):
        table = session.calls(index, ("start_ns", "end_ns", "depth", "track_id"))
        columns = (table.column(name).to_pylist() for name in ("start_ns", "end_ns", "depth", "track_id"))
        for start_ns, end_ns, depth, track in zip(*columns, strict=True):
            if end_ns is not None and depth >= DEEP:
                found = max(found, (end_ns - start_ns, (start_ns, end_ns), track))
    return found[1:]


def _around(time_ns: int, width_ns: int) -> tuple[int, int]:
    return time_ns - width_ns * 6 // 10, time_ns + width_ns * 4 // 10


def _track(session: Session, name: str) -> int:
    return next((row.track_id for row in session.tracks() if row.name == name), 0)


def _site(session: Session, function: str) -> int:
    return next((row.site_id for row in session.sites() if row.function == function), 0)


def _version(session: Session) -> tuple[int, int]:
    """A state version somewhat after the middle of the session, and a moment shortly after it came."""
    table = session.segment_table(len(session.segments) // 2, "states", ("version_id", "time_ns"))
    at = len(table) // 2
    return table.column("version_id")[at].as_py(), table.column("time_ns")[at].as_py() + 1_000_000

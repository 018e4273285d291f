"""Which pictures there are: a table of sessions, what is shown of each, times screens and themes.

A state is said in events, as a key or a click would say it; a dialog by what it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec

from capture.session.session import Session
from dags.frame.reader import FrameReader
from tests.gallery.crowd import BURSTS_S, GAPS, SECOND_NS, crowded_session
from tests.gallery.long import long_session
from tests.gallery.sessions import damaged_session, demo_session, empty_session, server_session, session_of
from views import registry
from views.building.state import SetMeasure
from views.loop import events as e
from views.loop.state import Selection, Theme
from views.loop.stretch import PickStretch
from views.supervision.state import SetHeat


class Screen(NamedTuple):
    """A window's width and height in pixels of the screen, `scale` of which are one of ours."""

    width: int
    height: int
    scale: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """The window's size as it sees it itself."""
        return self.width // self.scale, self.height // self.scale

    @property
    def name(self) -> str:
        """How the files of pictures say it."""
        return f"{self.width}x{self.height}" + (f"-at-{self.scale}" if self.scale > 1 else "")


class Shown(NamedTuple):
    """A session: who makes it in a folder (None: there is none, or it is made while it is looked at), and what is shown
    of it: which views by themselves, the window in which states, which dialogs over it.
    """

    name: str
    make: Callable[[Path], Path] | None
    views: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    dialogs: tuple[str, ...] = ()


THEMES: tuple[Theme, ...] = get_args(Theme)
SCREENS = (Screen(1600, 900), Screen(1280, 800), Screen(2560, 1440, 2))
VIEWS = ("window", *(row.name for row in registry.VIEWS), "building-gl", "transport")
SESSIONS = (
    Shown("none", None, states=("welcome",)),
    Shown("live", None, states=("following",), dialogs=("change",)),
    Shown("empty", empty_session, VIEWS),
    Shown(
        "small",
        demo_session,
        VIEWS,
        (
            *("thread", "function", "stretch", "call", "value", "exception"),
            *("bookmarks", "found", "single events", "rooms", "closed"),
        ),
        (
            *("find", "slowest", "errors", "what grew", "findings", "keys"),
            *("go to", "note", "attach", "launch", "change", "open", "export", "settings", "guide"),
        ),
    ),
    Shown("large", crowded_session, VIEWS, ("folded", "gap", "deep", "own time"), ("unseen",)),
    Shown("damaged", damaged_session, states=("damage",)),
    Shown("24 threads", session_of("pool"), ("window",), ("near",)),
    Shown("500 threads", session_of("jobs"), ("window",), ("near",)),
    Shown("recursion", session_of("tree"), ("window",), ("near",)),
    Shown("10 M events", long_session, ("window",), ("near",)),
    Shown("asyncio", session_of("crawler"), ("window",), ("near",)),
    Shown("web server", server_session, ("window",), ("near",)),
)
"""In the order in which pictures are taken."""
DEEP = 4
README = {
    "window": "small-thread-dark-1600x900",
    "compare": "small-bookmarks-light-1280x800",
    "building": "small-building-dark-1280x800",
}
"""The pictures in the README, by the names of their files in tests/gallery/pictures."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture. kind: of a view alone, of the window in a state, or of a dialog over it."""

    kind: str
    session: str
    what: str
    theme: Theme
    screen: Screen

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return "-".join((self.session, self.what, self.theme, self.screen.name)).replace(" ", "-")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures to take of one session, '' for none, and where to put them."""

    path: str
    target: str
    has_gl: bool
    pictures: tuple[Picture, ...]


def every_picture() -> Iterator[Picture]:
    """All of them: session by session and scale by scale, so that a window is opened once for each."""
    for row in SESSIONS:
        for screen, theme in product(SCREENS, THEMES):
            for kind, names in (("view", row.views), ("state", row.states), ("dialog", row.dialogs)):
                for what in names:
                    yield Picture(kind=kind, session=row.name, what=what, theme=theme, screen=screen)


def events_of(state: str, session: Session | None) -> list[e.Event]:
    """What leads into a state, from a session just opened and shown whole."""
    if session is None:
        return []
    start_ns, end_ns = session.start_ns, session.end_ns
    middle_ns = start_ns + (end_ns - start_ns) * 6 // 10
    busy_track = 0
    if state in ("thread", "call", "function", "single events", "found"):
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
        case "call":
            on = Selection("track", busy_track, busy_track)
            near = e.Show(range_ns=_around(middle_ns, 400_000_000))
            return [here, near, e.Select(selection=on), e.PickAtCursor()]
        case "exception":
            return [here, e.Show(range_ns=_around(middle_ns, 800_000_000)), e.GoToException(by=1)]
        case "function":
            picked = Selection("site", _site(session, "FraudCheck.check"), busy_track)
            return [here, e.Show(range_ns=_around(middle_ns, 800_000_000)), e.Select(selection=picked)]
        case "stretch":
            return [here, PickStretch(range_ns=_around(middle_ns, (end_ns - start_ns) // 3))]
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
        case "near":
            return [e.SeekTo(time_ns=middle_ns), *_near(session, middle_ns)]
        case "own time":
            return [e.SeekTo(time_ns=end_ns), SetMeasure(measure="time"), SetHeat(heat_by="memory")]
        case _:
            return [e.SeekTo(time_ns=end_ns if state in ("small", "large") else middle_ns)]


def _near(session: Session, time_ns: int) -> list[e.Event]:
    """The call that runs then on the thread that is deepest in calls, and a hundredth of the session around it."""
    tracks = FrameReader(session).at(time_ns).tracks
    track = max(tracks, key=lambda track: len(track.stack)).track_id
    width_ns = (session.end_ns - session.start_ns) // 100
    return [
        e.Select(selection=Selection("track", track, track)),
        e.Show(range_ns=_around(time_ns, width_ns)),
        e.PickAtCursor(),
    ]


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

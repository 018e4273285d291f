"""Everything the window shows, as one immutable value; a new one for each change.

Big data is not in here: views hold the session reader and pull their visible window; `revision` says when to pull
again. Two assigns that are equal look the same on the screen.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from dags.detectors.finding import Finding
from dags.frame_parts import Frame
from views.loop.lane_choice import LaneChoice, LaneRef
from views.loop.remembered import OF_SESSION, REMEMBERED

Kind = Literal["process", "track", "call", "site", "state", "event"]
Theme = Literal["dark", "light", "contrast"]
Motion = Literal["system", "full", "reduced"]
Over = Literal["track", "calls", "all"]
Offer = Literal["recover"]
Shows = Literal["", "slowest", "most called", "errors", "what grew", "findings"]
"""The lists of the box that finds anything; '': what is typed."""

SPEEDS = (0.001, 1000.0)
SCALES = (80, 90, 100, 110, 125, 150, 175, 200)
"""How large everything may be, in percent: the steps of its keys; the settings take what lies between them too."""

_State = TypeVar("_State", bound=msgspec.Struct)


class SessionRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which session is open. `key` is new for each opening: answers to questions about another one are dropped.

    `live`: it has not been finished; `unfinished`: and nobody is recording it any more. `over`: its recorder, which
    this window had started, has ended and a notice says how.
    """

    key: int
    path: str
    name: str
    live: bool = False
    unfinished: bool = False
    over: bool = False

    @property
    def is_growing(self) -> bool:
        """Whether somebody still records it."""
        return self.live and not self.unfinished


class Selection(msgspec.Struct, frozen=True):
    """What the person has picked; its id is that of the table its kind names."""

    kind: Kind
    id: int
    track_id: int = 0


class Bookmark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment with a note; kept in the session's notes.json."""

    time_ns: int
    text: str = ""
    end_ns: int | None = None
    author: str = ""


class Edit(msgspec.Struct, frozen=True):
    """Something that the person has changed: in words, and the bookmarks on the other side of the change."""

    says: str
    bookmarks: tuple[Bookmark, ...]


class Stride(NamedTuple):
    """A step to be made: `by` so many events, of what. `held`: by a key that is held down, no less than is seen."""

    by: int
    over: Over = "track"
    held: bool = False


class Notice(msgspec.Struct, frozen=True):
    """One sentence for the person; `serious` ones stay until dismissed. `offer`: what can be done about it at once.

    `path`: the session that the offer is about, when it is not the open one. `hint`: what can be done next, a sentence
    of ours with the titles of commands in braces, which the window replaces by their keys: `{Undo} brings it back.`
    """

    text: str
    serious: bool = False
    offer: Offer | None = None
    path: str = ""
    hint: str = ""


class RecentSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session opened lately and what it holds; `problem` says why that is not known. Times by the wall clock.

    `live`: somebody records it; `unfinished`: nobody does, and it has no end. `left_ns`: the moment at which it was
    left, on the session clock. `notes`: the texts of the first ones.
    """

    path: str
    problem: str = ""
    live: bool = False
    unfinished: bool = False
    damaged: bool = False
    program: str = ""
    command: str = ""
    recorded_real_ns: int = 0
    duration_ns: int = 0
    threads: int = 0
    events: int = 0
    exceptions: int = 0
    dropped: int = 0
    size_bytes: int = 0
    bookmarks: int = 0
    notes: tuple[str, ...] = ()
    left_ns: int | None = None


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was taken off the list of those opened lately, and where it stood there."""

    at: int
    path: str


class Recorder(msgspec.Struct, frozen=True, kw_only=True):
    """How the recording goes, while there is one, in the recorder's own words.

    Shape: `overhead` is the share of the target's CPU time that recording takes, None while it is not known;
    `overhead_left_out` is the part of that share which goes to code that is left out.
    `saved_percent` counts while the state is "saving": no event is added any more, the last ones are being sealed.
    """

    pid: int = 0
    overhead: float | None = None
    overhead_left_out: float | None = None
    dropped: int = 0
    memory_bytes: int = 0
    produced: int = 0
    events_per_s: float = 0.0
    state: Literal["recording", "saving"] = "recording"
    saved_percent: int = 0


class Launch(msgspec.Struct, frozen=True):
    """A program as it was started last, to be started again."""

    command: str
    folder: str


class BoxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the box about the open session. `id` is that of the table of its kind, the function's for a call of it.

    `marks`: (start, end) of what was found in the title.
    """

    kind: str
    title: str
    detail: str
    id: int
    time_ns: int | None = None
    marks: tuple[tuple[int, int], ...] = ()


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """The box that finds anything. `rows` are the session's for the (text, list) in `answers`; None: none yet.

    `figures` counts how often more has become known of functions; `recent`: what was gone to, the last first.
    """

    is_open: bool = False
    text: str = ""
    shows: Shows = ""
    rows: tuple[BoxRow, ...] = ()
    answers: tuple[str, str] | None = None
    figures: int = 0
    recent: tuple[BoxRow, ...] = ()


class Assigns(msgspec.Struct, frozen=True, kw_only=True):
    """The window's state.

    Units: ns on the session clock. `range_ns` is what is recorded, `visible_ns` what the timeline shows. `frame` is the
    last good answer; `frame_wanted_ns` is set while a newer one is on its way. `frame_parts` are what frames are asked
    for, the parts of the views in sight; None: all, until there are any. `steps` are the steps not made yet, the
    one in hand first; `lanes` what the timeline can have lanes of, from top to bottom, and `lane_choice` which of them
    it has; `standing` the serious notice that a plain one covers for its moment; `edits` what can be undone, the last
    one last, and `undone` what can be brought back; `views` the views' own states (`views.loop.view_states`), one of a
    kind, those that are not as they were at first.
    `stretch_ns`: the stretch of time that is picked, its ends in order.
    `findings`: what is worth a look, the worst first, None while it is not known; `finding_at` is the one that was
    gone to, `occurrence` the event of it. `forgotten`: what was taken off `recent`, the last one last. `settings`: what
    a person has settled (`views.loop.chosen`); `theme`, `scale` (percent) and `motion` follow from it, and from the
    theme that the desktop has, `desktop_theme`.
    """

    session: SessionRef | None = None
    revision: int = 0
    range_ns: tuple[int, int] = (0, 0)
    visible_ns: Annotated[tuple[int, int], OF_SESSION] = (0, 0)
    cursor_ns: Annotated[int, OF_SESSION] = 0
    following: bool = False
    playing: bool = False
    speed: float = 1.0
    frame: Frame | None = None
    frame_wanted_ns: int | None = None
    frame_parts: frozenset[str] | None = None
    focus_track_id: Annotated[int, OF_SESSION] = 0
    selection: Annotated[Selection | None, OF_SESSION] = None
    folded: Annotated[frozenset[int], OF_SESSION] = frozenset()
    bookmarks: tuple[Bookmark, ...] = ()
    edits: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()
    marked_ns: Annotated[int | None, OF_SESSION] = None
    stretch_ns: Annotated[tuple[int, int] | None, OF_SESSION] = None
    trail: tuple[int, ...] = ()
    trail_at: int = -1
    search_text: str = ""
    search_sites: tuple[int, ...] = ()
    box: Box = Box()
    findings: tuple[Finding, ...] | None = None
    finding_at: int | None = None
    occurrence: int = 0
    theme: Annotated[Theme, REMEMBERED] = "dark"
    scale: int = 100
    motion: Motion = "system"
    settings: dict[str, Any] = {}
    desktop_theme: Theme = "dark"
    recorder: Recorder | None = None
    recent: Annotated[tuple[str, ...], REMEMBERED] = ()
    notice: Notice | None = None
    standing: Notice | None = None
    busy: str = ""
    backwards: bool = False
    steps: tuple[Stride, ...] = ()
    lanes: tuple[LaneRef, ...] = ()
    lane_choice: Annotated[LaneChoice, OF_SESSION] = LaneChoice()
    marked_frame: Frame | None = None
    recent_described: tuple[RecentSession, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()
    launches: Annotated[tuple[Launch, ...], REMEMBERED] = ()
    recordings_folder: Annotated[str, REMEMBERED] = ""
    pictures_folder: Annotated[str, REMEMBERED] = ""
    views: tuple[msgspec.Struct, ...] = ()

    @property
    def looks_for_findings(self) -> bool:
        """Whether what is worth a look is not known yet; of what is still recorded nobody looks for it."""
        return self.session is not None and not self.session.is_growing and self.findings is None

    def of(self, kind: type[_State]) -> _State:
        """A view's own state; its defaults until something has changed it."""
        return next((state for state in self.views if type(state) is kind), None) or kind()

    @property
    def without_a_frame(self) -> str:
        """What a view of the frame says while there is none to show; '' when there is one."""
        if self.session is None:
            return "No session is open"
        if self.frame is not None:
            return ""
        return "Reading …" if self.frame_wanted_ns is not None else "This moment cannot be read"

"""What a person or the world can do to the window, in the imperative; `views.loop.update` says what each changes.

What is done to sessions and recordings as a whole is in `views.loop.recording_events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from dags.detectors.finding import Finding
from dags.frame_parts import Frame
from views.loop.lane_choice import LaneRef
from views.loop.state import (
    Bookmark,
    BoxRow,
    Notice,
    Over,
    Selection,
    SessionRef,
    Shows,
    Theme,
)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all of them."""


# -- moving in time


class SeekTo(Event, frozen=True, kw_only=True):
    """Puts the cursor there (clamped to what is recorded). `visit`: worth coming back to with Alt+Left."""

    time_ns: int
    visit: bool = False


class Step(Event, frozen=True, kw_only=True):
    """Moves by events: of the focused track, of call boundaries on it, or of all tracks. The effect finds the time.

    held: the key is held down, and goes as far at once as can be seen.
    """

    count: int
    over: Over = "track"
    held: bool = False


class Play(Event, frozen=True, kw_only=True):
    """Plays or pauses; None toggles."""

    on: bool | None = None
    backwards: bool = False


class SetSpeed(Event, frozen=True, kw_only=True):
    """Playback speed, 1 = as it was."""

    speed: float


class Tick(Event, frozen=True, kw_only=True):
    """A display frame has passed while playing."""

    elapsed_ns: int


class Follow(Event, frozen=True, kw_only=True):
    """Goes to the end and stays there while the session grows."""


class GoThroughTrail(Event, frozen=True, kw_only=True):
    """Back (-1) or forward (1) through visited moments."""

    by: int


# -- what the timeline shows


class Zoom(Event, frozen=True, kw_only=True):
    """Zooms around an instant (None: the cursor); factor < 1 shows less time."""

    factor: float
    around_ns: int | None = None


class Pan(Event, frozen=True, kw_only=True):
    """Moves the visible window by a share of its width."""

    share: float


class Show(Event, frozen=True, kw_only=True):
    """Shows this stretch; None everything."""

    range_ns: tuple[int, int] | None = None


class ToggleFold(Event, frozen=True, kw_only=True):
    """Folds or unfolds a lane."""

    track_id: int


class MoveFocus(Event, frozen=True, kw_only=True):
    """The next (1) or previous (-1) lane of those that are shown."""

    by: int


# -- picking


class Select(Event, frozen=True, kw_only=True):
    """Picks something, or nothing."""

    selection: Selection | None


class Visit(Event, frozen=True, kw_only=True):
    """Goes to a moment worth coming back to, and picks what is there."""

    time_ns: int
    selection: Selection


class PickNothing(Event, frozen=True, kw_only=True):
    """Lets go of what is picked and ends the search, and says which of it there was."""


class PickAtCursor(Event, frozen=True, kw_only=True):
    """Picks the innermost call on the focused lane at the cursor. The effect finds it."""


class PickOnStack(Event, frozen=True, kw_only=True):
    """Picks the caller (-1) of the picked call, or what it calls (1), here or next. The effect finds it."""

    by: Literal[-1, 1]


class GoToCall(Event, frozen=True, kw_only=True):
    """Goes to a call of a function (0: of the picked one), on any thread, and picks it. The effect finds it.

    `lasting_ns`: only to whole calls that took at least so long and less; `raised`: to those left by an exception.
    `from_ns`: from then on, and not from the cursor. `stays`: the function stays picked, and so does the stretch.
    """

    which: Literal["next", "previous", "longest"]
    site_id: int = 0
    lasting_ns: tuple[int, int] | None = None
    raised: bool = False
    from_ns: int | None = None
    stays: bool = False


class GoToException(Event, frozen=True, kw_only=True):
    """Goes to the next (1) or previous (-1) exception that came up anywhere, and picks it. The effect finds it."""

    by: Literal[-1, 1]


class GoToWrite(Event, frozen=True, kw_only=True):
    """Goes to the last (-1) or next (1) write of the picked value, or by the picked call or thread; with nothing picked
    to that of any value. The effect finds it.
    """

    by: Literal[-1, 1]


class Mark(Event, frozen=True, kw_only=True):
    """Remembers the cursor's moment to compare with; again at the same place, or with `forget`, forgets it."""

    forget: bool = False


class AddBookmark(Event, frozen=True, kw_only=True):
    """Bookmarks the cursor's moment, or with `since_mark` the stretch between it and the marked one.

    With a text it takes the place of one that is there; without, one that is there is removed.
    """

    text: str = ""
    since_mark: bool = False


class EditBookmark(Event, frozen=True, kw_only=True):
    """Gives the bookmark at an instant another text; None removes it."""

    time_ns: int
    text: str | None


class Undo(Event, frozen=True, kw_only=True):
    """Takes the last edit back; with `again` brings back what was taken back last."""

    again: bool = False


class GoToBookmark(Event, frozen=True, kw_only=True):
    """The next (1) or previous (-1) bookmark."""

    by: int


class Search(Event, frozen=True, kw_only=True):
    """Searches functions by name."""

    text: str


class OpenBox(Event, frozen=True, kw_only=True):
    """Opens the box that finds anything, on one of its lists or on everything. The effect counts what it can say."""

    shows: Shows = ""


class LookFor(Event, frozen=True, kw_only=True):
    """This is typed in the box."""

    text: str
    shows: Shows = ""


class CloseBox(Event, frozen=True, kw_only=True):
    """The box is not seen any more."""


class GoTo(Event, frozen=True, kw_only=True):
    """Goes to what a line of the box names. The effect finds it."""

    row: BoxRow


class GoToFinding(Event, frozen=True, kw_only=True):
    """Goes to the first event that proves a finding, counted from 0. The effect finds it."""

    at: int


class GoToOccurrence(Event, frozen=True, kw_only=True):
    """The next (1) or previous (-1) event of the finding that was gone to. The effect finds it."""

    by: int


class ChangeSetting(Event, frozen=True, kw_only=True):
    """Settles something for all sessions; None: as it was at first. The value has been checked (`settings.table`)."""

    name: str
    value: Any


class Enlarge(Event, frozen=True, kw_only=True):
    """Everything larger by so many steps, smaller below 0; 0: as it was at first."""

    steps: int


class DesktopLooks(Event, frozen=True, kw_only=True):
    """The desktop has this theme."""

    theme: Theme


class SetTheme(Event, frozen=True, kw_only=True):
    """Dark or light."""

    theme: Theme


# -- what the world answers


class SessionOpened(Event, frozen=True, kw_only=True):
    """A session is open and can be shown, at `at_ns` or where its busiest second begins, `busiest_ns`.

    `place`: how it was left, as `views.loop.view_states.to_keep` says it; `at_ns` is stronger.
    """

    session: SessionRef
    range_ns: tuple[int, int]
    bookmarks: tuple[Bookmark, ...] = ()
    lanes: tuple[LaneRef, ...] = ()
    focus_track_id: int = 0
    at_ns: int | None = None
    busiest_ns: int | None = None
    place: Mapping[str, Any] = {}


class SessionGrew(Event, frozen=True, kw_only=True):
    """More has been recorded, or the recording has ended. `lanes`: what the timeline can have lanes of.

    `focus_track_id`: the lane to begin with, for who has none yet. `ended`: the recorded program that has.
    """

    key: int
    range_ns: tuple[int, int]
    live: bool
    lanes: tuple[LaneRef, ...] = ()
    focus_track_id: int = 0
    ended: str = ""


class SessionClosed(Event, frozen=True, kw_only=True):
    """Back to the welcome screen."""


class ShowParts(Event, frozen=True, kw_only=True):
    """These parts of a frame are in sight now."""

    parts: frozenset[str]


class FrameReady(Event, frozen=True, kw_only=True):
    """The frame that was asked for."""

    key: int
    time_ns: int
    frame: Frame


class SearchFound(Event, frozen=True, kw_only=True):
    """Sites whose function matches the text."""

    key: int
    text: str
    site_ids: tuple[int, ...]


class BoxFound(Event, frozen=True, kw_only=True):
    """What the session has of what is typed in the box, or of its list."""

    key: int
    text: str
    shows: Shows
    rows: tuple[BoxRow, ...]


class FindingsKnown(Event, frozen=True, kw_only=True):
    """What is worth a look in the session, the worst first."""

    key: int
    findings: tuple[Finding, ...]


class FiguresKnown(Event, frozen=True, kw_only=True):
    """More has become known of what functions came to: the box can say it."""

    key: int


class Tell(Event, frozen=True, kw_only=True):
    """Shows a sentence, or takes it away."""

    notice: Notice | None


class Busy(Event, frozen=True, kw_only=True):
    """What is being waited for, '' when nothing is."""

    what: str


class Stepped(Event, frozen=True, kw_only=True):
    """Where the step in hand leads. `from_ns` is the cursor it was asked for."""

    key: int
    from_ns: int
    time_ns: int


# -- added since


class Shuttle(Event, frozen=True, kw_only=True):
    """J, K and L: plays in that direction, faster each time; 0 pauses."""

    direction: Literal[-1, 0, 1]


class FitSelection(Event, frozen=True, kw_only=True):
    """Shows the stretch of what is picked. The effect finds it."""


class FollowEdge(Event, frozen=True, kw_only=True):
    """Goes to what caused the last event on the focused track (-1), or to what it brought about (1)."""

    direction: Literal[-1, 1]


class StopLooking(Event, frozen=True, kw_only=True):
    """Gives up the questions about the session that are under way. The effect does it."""


class MarkedFrameReady(Event, frozen=True, kw_only=True):
    """The frame of the marked moment."""

    key: int
    time_ns: int
    frame: Frame


class ShowLast(Event, frozen=True, kw_only=True):
    """Shows the last stretch of so many ns, and follows a live session from there on."""

    span_ns: int


class StepInTime(Event, frozen=True, kw_only=True):
    """Moves the cursor by a share of what the timeline shows, back when it is below 0."""

    share: float


class DamageFound(Event, frozen=True, kw_only=True):
    """Something of the open session could not be read: it is shown anew, as loss. The effect tells of it, once."""

    key: int


class FrameFailed(Event, frozen=True, kw_only=True):
    """The frame that was asked for cannot be made; why is told beside."""

    key: int
    time_ns: int

"""What a right click offers: the table of actions, a row each, by what is under the pointer. No Qt.

An action is a command of the window, with its title and its key, done to that very thing: first what a click on it
does, then the command. Or it is aimed at the thing by an event, or copies something of it. What cannot be done now is
shown with why.

To add one: a row in ACTIONS. A new kind of things is a word of `views.loop.thing` and a view that tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args

import msgspec

from scope_gui.commands import FINDINGS_WITH_KEYS, Command, peak_commands, peak_title, shown_key, with_keys
from views.building.state import BuildingState, EnterFloor, Look
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.choosing_lanes import HideLane, HideOthers
from views.loop.state import Assigns, Selection
from views.loop.stretch import PickStretch
from views.loop.thing import Thing, ThingKind
from views.supervision.state import SupervisionState
from views.timeline.state import KeepOpen, PinLane

WhyNot = Callable[[Thing, Assigns], str]


class ContextAction(msgspec.Struct, frozen=True, kw_only=True):
    """One action of things of these kinds; `only` some of them.

    A title that a command has shows its key, and without `sends` and `copies` does the command. `clicks`: what a click
    on the thing sends goes first. `why_not`: '' where it can be done, else why it cannot, in a sentence. `group`: a
    line in the menu parts those of another one.
    """

    kinds: frozenset[ThingKind]
    title: str
    group: int = 0
    clicks: bool = False
    sends: Callable[[Thing], e.Event] | None = None
    copies: Callable[[Thing], str] | None = None
    why_not: WhyNot = lambda thing, assigns: ""
    only: Callable[[Thing], bool] = lambda thing: True


class Entry(NamedTuple):
    """A line of a menu. It sends `first`, then does the command, sends the events, or copies the text."""

    title: str
    key: str = ""
    group: int = 0
    first: tuple[e.Event, ...] = ()
    command: Command | None = None
    sends: tuple[e.Event, ...] = ()
    copies: str | None = None
    why_not: str = ""


class Part(NamedTuple):
    """Of a menu, what one thing offers."""

    thing: Thing
    entries: tuple[Entry, ...]


def _on(*kinds: ThingKind) -> frozenset[ThingKind]:
    return frozenset(kinds)


def _without_function(thing: Thing, assigns: Assigns) -> str:
    return "" if thing.site_id else "It is not known which function that is."


def _outermost(thing: Thing, assigns: Assigns) -> str:
    return "No call that is recorded made it." if thing.depth == 0 else ""


def _without_mark(thing: Thing, assigns: Assigns) -> str:
    return "" if assigns.marked_ns is not None else "No moment is marked to compare with."


def _without_place(thing: Thing, assigns: Assigns) -> str:
    return "" if thing.place else "Its file is not recorded."


def _without_text(thing: Thing, assigns: Assigns) -> str:
    return "" if thing.text else "There is nothing to copy."


def _already_alone(thing: Thing, assigns: Assigns) -> str:
    return "The building shows nothing else." if assigns.of(BuildingState).floor == thing.id else ""


def _all_floors(thing: Thing, assigns: Assigns) -> str:
    return "" if assigns.of(BuildingState).floor else "All floors are shown."


def _not_gone_to(thing: Thing, assigns: Assigns) -> str:
    return "" if assigns.finding_at == thing.id else "Go to this finding first."


def _looked_at_so(look: str) -> WhyNot:
    return lambda thing, assigns: "It is seen so already." if assigns.of(BuildingState).look == look else ""


def _hot_so(heat_by: str) -> WhyNot:
    return lambda thing, assigns: "" if assigns.of(SupervisionState).heat_by != heat_by else "Heat means that already."


def _is_finding(number: int) -> Callable[[Thing], bool]:
    return lambda thing: thing.id == number - 1


def _nothing_hidden(thing: Thing, assigns: Assigns) -> str:
    return "" if assigns.lane_choice.leaves_out else "All lanes are shown."


def _has_peak(title: str) -> Callable[[Thing], bool]:
    return lambda thing: title == peak_title(thing.name)


_FUNCTION = _on("call", "room")
_MOMENTS = _on("moment", "metric")
_PICKED = _on("call", "thread", "process", "room")
_THERE = _on("exception", "bookmark", "moment", "metric")

ACTIONS: tuple[ContextAction, ...] = (
    ContextAction(kinds=_PICKED, title="Pick it", clicks=True),
    ContextAction(kinds=_THERE, title="Go there", clicks=True),
    ContextAction(kinds=_on("recent"), title="Open it", clicks=True),
    *(
        ContextAction(kinds=_on("finding"), title=f"Finding {number}", only=_is_finding(number))
        for number in range(1, FINDINGS_WITH_KEYS + 1)
    ),
    ContextAction(kinds=_on("call", "thread", "process"), title="Fit what is picked", clicks=True),
    *(
        ContextAction(
            kinds=_FUNCTION,
            title=f"{which} call of the picked function",
            group=1,
            clicks=True,
            why_not=_without_function,
        )
        for which in ("Next", "Previous", "Longest")
    ),
    ContextAction(kinds=_on("call"), title="Pick the caller", group=2, clicks=True, why_not=_outermost),
    ContextAction(kinds=_on("call"), title="Pick what it calls", group=2, clicks=True),
    ContextAction(
        kinds=_on("call"),
        title="Show its function",
        group=2,
        sends=lambda thing: e.Select(selection=Selection("site", thing.site_id, thing.track_id)),
        why_not=_without_function,
    ),
    ContextAction(kinds=_on("exception"), title="Next exception", group=1, clicks=True),
    ContextAction(kinds=_on("exception"), title="Previous exception", group=1, clicks=True),
    ContextAction(kinds=_on("exception"), title="Errors: exceptions that came up", group=2),
    ContextAction(
        kinds=_on("thread"),
        title="Keep the lane open, or no more",
        group=1,
        sends=lambda thing: KeepOpen(track_id=thing.track_id),
    ),
    ContextAction(
        kinds=_on("thread"),
        title="Pin the lane to the top, or no more",
        group=1,
        sends=lambda thing: PinLane(track_id=thing.track_id),
    ),
    ContextAction(
        kinds=_on("thread"),
        title="Hide the lane",
        group=1,
        sends=lambda thing: HideLane(track_id=thing.track_id),
    ),
    ContextAction(
        kinds=_on("thread"),
        title="Hide all other lanes",
        group=1,
        sends=lambda thing: HideOthers(track_id=thing.track_id),
    ),
    ContextAction(kinds=_on("thread", "process"), title="Show all lanes again", group=1, why_not=_nothing_hidden),
    ContextAction(kinds=_on("thread", "process"), title="Busiest lanes first, or as recorded", group=1),
    ContextAction(kinds=_on("process"), title="Only threads with a name", group=1),
    ContextAction(
        kinds=_on("process"),
        title="Fold its threads, or unfold them",
        group=1,
        sends=lambda thing: e.ToggleFold(track_id=thing.track_id),
    ),
    ContextAction(
        kinds=_on("thread", "floor"),
        title="Alone in the building",
        group=2,
        sends=lambda thing: EnterFloor(floor=thing.id),
        why_not=_already_alone,
    ),
    ContextAction(kinds=_on("thread", "floor", "building"), title="All floors again", group=2, why_not=_all_floors),
    *(
        ContextAction(kinds=_on("process"), title=f"Heat: {title}", group=2, why_not=_hot_so(heat_by))
        for heat_by, title in (("activity", "activity"), ("cpu", "CPU"), ("memory", "memory"))
    ),
    *(
        ContextAction(kinds=_on("building"), title=f"Look at it: {look}", group=1, why_not=_looked_at_so(look))
        for look in get_args(Look)
    ),
    ContextAction(kinds=_on("building"), title="The whole building again", group=2),
    *(
        ContextAction(kinds=_on("metric"), title=command.title, group=1, only=_has_peak(command.title))
        for command in peak_commands()
    ),
    ContextAction(kinds=_on("metric"), title="All metrics, or the first two", group=1),
    ContextAction(kinds=_on("bookmark"), title="Bookmark with a note, or change it", group=1, clicks=True),
    ContextAction(
        kinds=_on("bookmark"),
        title="Remove it",
        group=1,
        sends=lambda thing: e.EditBookmark(time_ns=thing.time_ns or 0, text=None),
    ),
    ContextAction(
        kinds=_on("bookmark"),
        title="Fit its stretch",
        group=1,
        sends=lambda thing: e.Show(range_ns=(thing.time_ns or 0, thing.end_ns or 0)),
        only=lambda thing: thing.end_ns is not None,
    ),
    ContextAction(
        kinds=_on("bookmark"),
        title="Sum up its stretch",
        group=1,
        sends=lambda thing: PickStretch(range_ns=(thing.time_ns or 0, thing.end_ns or 0)),
        only=lambda thing: thing.end_ns is not None,
    ),
    ContextAction(kinds=_on("bookmark"), title="Next bookmark", group=2, clicks=True),
    ContextAction(kinds=_on("bookmark"), title="Previous bookmark", group=2, clicks=True),
    ContextAction(kinds=_on("moment"), title="Bookmark this moment, or take it away", group=1, clicks=True),
    ContextAction(kinds=_on("moment"), title="Bookmark with a note, or change it", group=1, clicks=True),
    ContextAction(kinds=_on("moment"), title="Mark this moment to compare with", group=2, clicks=True),
    ContextAction(
        kinds=_on("moment"),
        title="Note on the stretch from the mark to here",
        group=2,
        clicks=True,
        why_not=_without_mark,
    ),
    ContextAction(
        kinds=_on("moment"),
        title="Sum up the stretch from the mark to here",
        group=2,
        clicks=True,
        why_not=_without_mark,
    ),
    ContextAction(kinds=_on("moment"), title="Sum up what the timeline shows", group=3),
    ContextAction(kinds=_on("moment"), title="Forget the marked moment", group=2, why_not=_without_mark),
    ContextAction(
        kinds=_on("moment"),
        title="Zoom in",
        group=3,
        sends=lambda thing: e.Zoom(factor=0.5, around_ns=thing.time_ns),
    ),
    ContextAction(
        kinds=_on("moment"),
        title="Zoom out",
        group=3,
        sends=lambda thing: e.Zoom(factor=2.0, around_ns=thing.time_ns),
    ),
    ContextAction(kinds=_on("moment"), title="Fit everything", group=3),
    ContextAction(kinds=_on("finding"), title="Next event of the finding", group=1, why_not=_not_gone_to),
    ContextAction(kinds=_on("finding"), title="Previous event of the finding", group=1, why_not=_not_gone_to),
    ContextAction(kinds=_on("finding"), title="Findings: what is worth a look", group=2),
    ContextAction(kinds=_on("inspector"), title="Source lines beside the stack", group=1),
    ContextAction(
        kinds=_on("recent"), title="Take it off the list", group=1, sends=lambda thing: r.ForgetRecent(path=thing.path)
    ),
    ContextAction(
        kinds=_on("call", "room", "thread", "process", "floor", "metric"),
        title="Copy its name",
        group=9,
        copies=lambda thing: thing.name,
    ),
    ContextAction(
        kinds=_FUNCTION,
        title="Copy where it is defined",
        group=9,
        copies=lambda thing: thing.place,
        why_not=_without_place,
    ),
    ContextAction(
        kinds=_on("row", "metric"),
        title="Copy its value",
        group=9,
        copies=lambda thing: thing.text,
        why_not=_without_text,
    ),
    ContextAction(
        kinds=_on("bookmark"),
        title="Copy its note",
        group=9,
        copies=lambda thing: thing.text,
        why_not=_without_text,
    ),
    ContextAction(kinds=_on("finding"), title="Copy its sentence", group=9, copies=lambda thing: thing.name),
    ContextAction(
        kinds=_on("inspector"),
        title="Copy all of it",
        group=9,
        copies=lambda thing: thing.text,
        why_not=_without_text,
    ),
    ContextAction(kinds=_on("recent"), title="Copy its path", group=9, copies=lambda thing: thing.path),
    ContextAction(
        kinds=_on("moment", "exception", "bookmark"),
        title="Copy the time",
        group=9,
        copies=lambda thing: f"{thing.time_ns}ns",
    ),
    ContextAction(kinds=_on("moment", "call"), title="Copy a link to this view", group=9, clicks=True),
)


def menu_of(things: Sequence[Thing], assigns: Assigns) -> tuple[Part, ...]:
    """What can be done with these things, the most particular first; a thing with no action has no part."""
    by_title = {command.title: command for command in with_keys(assigns.settings)}
    parts = (Part(thing, tuple(_entries(thing, assigns, by_title))) for thing in things)
    return tuple(part for part in parts if part.entries)


def _entries(thing: Thing, assigns: Assigns, by_title: Mapping[str, Command]) -> Iterator[Entry]:
    """What it offers of itself, then the rows of the table, group by group."""
    for words, event in thing.links:
        yield Entry(f"{words[:1].upper()}{words[1:]}", sends=(event,))
    mine = [row for row in ACTIONS if thing.kind in row.kinds and row.only(thing)]
    for row in sorted(mine, key=lambda row: row.group):
        command = by_title.get(row.title)
        is_own = row.sends is not None or row.copies is not None or command is None
        yield Entry(
            row.title,
            key=shown_key(command) if command is not None else "",
            group=row.group,
            first=thing.click if row.clicks else (),
            command=None if is_own else command,
            sends=(row.sends(thing),) if row.sends is not None else (),
            copies=row.copies(thing) if row.copies is not None else None,
            why_not=row.why_not(thing, assigns),
        )

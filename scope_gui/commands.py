"""Everything a person can do in the window, once: menus, keys, help and the lines of the box are made from it.

A command is a sentence of ours and an event, or the name of something only the window can do (a dialog). Keys are
unique, digits and Escape included; a test proves it. Single letters do not fire while text is being typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec
from msgspec.structs import replace

from capture.events.metrics import METRICS, title_in_words
from scope_gui.layouts import LAYOUTS
from scope_gui.settings.table import KEYS, own_named
from scope_gui.verbs.registry import VERBS, Verb
from views.building.measures import MEASURES
from views.building.projection import Look
from views.building.state import EnterFloor, SetLook, SetMeasure
from views.building.state import Look as FixedLook
from views.inspector.state import ToggleSource
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.choosing_lanes import FocusMain, HideLane, HideOthers, RankLanes, ShowAllLanes
from views.loop.state import Shows
from views.loop.stretch import PickStretchTo
from views.metrics.peak import GoToPeak
from views.registry import placed
from views.supervision.state import SetHeat
from views.timeline.state import EnlargeLane, KeepOpen, PinLane, UnfoldMetrics

Menu = Literal["Session", "Move", "Play", "Show", "Building", "Mark", "Window", "Help"]
MENUS: tuple[Menu, ...] = ("Session", "Move", "Play", "Show", "Building", "Mark", "Window", "Help")
Ask = Literal[
    "attach",
    "launch",
    "change",
    "open",
    "close",
    "quit",
    "go to",
    "find",
    "slowest",
    "most called",
    "errors",
    "what grew",
    "findings",
    "filter lanes",
    "keys",
    "guide",
    "first steps",
    "note",
    "note on stretch",
    "theme",
    "layout",
    "link",
    "another window",
    "next panel",
    "previous panel",
    "export",
    "desktop",
    "no desktop",
    "unseen",
    "stop work",
    "rooms",
    "crashes",
    "settings",
    "menu",
]


LISTS: dict[Ask | None, Shows] = {
    "slowest": "slowest",
    "most called": "most called",
    "errors": "errors",
    "what grew": "what grew",
    "findings": "findings",
}
"""What is asked for by a list of the box that finds anything."""


FINDINGS_WITH_KEYS = 4
_TITLE = re.compile(r"\{([^{}]+)\}")
NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. `keys` as Qt writes them, the first one is shown; exactly one of `event`, `ask`,
    `look`, `verb`, `layout` and `panel` is set. `within`: the view that has to have the keyboard, '' for any.
    """

    title: str
    menu: Menu
    keys: tuple[str, ...] = ()
    event: e.Event | None = None
    ask: Ask | None = None
    look: Look | None = None
    verb: str | None = None
    layout: str | None = None
    panel: str | None = None
    within: str = ""
    needs_session: bool = True
    repeats: bool = False


def _do(menu: Menu, title: str, keys: str, event: e.Event, *, repeats: bool = False, anytime: bool = False) -> Command:
    return Command(
        title=title, menu=menu, keys=tuple(keys.split()), event=event, repeats=repeats, needs_session=not anytime
    )


def _within(view: str, menu: Menu, title: str, keys: str, event: e.Event) -> Command:
    return Command(title=title, menu=menu, keys=tuple(keys.split()), event=event, within=view)


def _ask(menu: Menu, title: str, keys: str, ask: Ask, *, anytime: bool = False) -> Command:
    return Command(title=title, menu=menu, keys=tuple(keys.split()), ask=ask, needs_session=not anytime)


def _look(menu: Menu, title: str, keys: str, look: Look) -> Command:
    return Command(title=title, menu=menu, keys=tuple(keys.split()), look=look, repeats=True)


def verb_commands(verbs: Sequence[Verb]) -> tuple[Command, ...]:
    """Those verbs of the command line that the window has as well."""
    return tuple(
        Command(title=verb.window.title, menu="Session", keys=tuple(verb.window.keys.split()), verb=verb.name)
        for verb in verbs
        if verb.window is not None
    )


def layout_commands() -> tuple[Command, ...]:
    """The layouts, on Ctrl+1 and so on."""
    return tuple(
        Command(title=row.says, menu="Window", keys=(f"Ctrl+{at}",), layout=row.name)
        for at, row in enumerate(LAYOUTS, start=1)
    )


def finding_commands() -> tuple[Command, ...]:
    """The findings that the strip has room for, on Alt+1 and so on."""
    return tuple(
        _do("Move", f"Finding {number}", f"Alt+{number}", e.GoToFinding(at=number - 1))
        for number in range(1, FINDINGS_WITH_KEYS + 1)
    )


def peak_commands() -> tuple[Command, ...]:
    """The metrics that processes have together, each at its highest."""
    drawn = [metric for metric in METRICS if metric.together != "none"]
    return tuple(_do("Move", peak_title(metric.title), "", GoToPeak(metric=metric.name)) for metric in drawn)


def peak_title(metric: str) -> str:
    """The command that leads to the peak of a metric with this title."""
    return f"Peak of {title_in_words(metric)}"


def panel_commands() -> tuple[Command, ...]:
    """The panels, by name."""
    return tuple(Command(title=row.title, menu="Window", panel=row.name) for row in placed())


COMMANDS: tuple[Command, ...] = (
    _ask("Session", "Attach to a process", "Ctrl+Shift+A", "attach", anytime=True),
    _ask("Session", "Record a program from its start", "Ctrl+Shift+R", "launch", anytime=True),
    _do("Session", "Record the demo", "Ctrl+Shift+D", r.StartDemo(), anytime=True),
    _ask("Session", "Change what is recorded", "Ctrl+Shift+C", "change"),
    _do("Session", "Save what the flight recorder has", "Ctrl+Shift+F", r.SaveFlight()),
    _do("Session", "Stop recording", "Ctrl+Shift+S", r.StopRecording()),
    _ask("Session", "Open a session", "Ctrl+O", "open", anytime=True),
    _ask("Session", "Close the session", "Ctrl+W", "close"),
    _ask("Session", "Export what is seen", "Ctrl+E", "export"),
    _do("Session", "Recover this session", "", r.Recover()),
    *verb_commands(VERBS),
    _ask("Session", "What this recording cannot see", "", "unseen"),
    _ask("Session", "Stop what is under way", "", "stop work", anytime=True),
    _ask("Session", "Quit", "Ctrl+Q", "quit", anytime=True),
    _ask("Move", "Find anything", "Ctrl+K / Ctrl+F Ctrl+Shift+P", "find", anytime=True),
    _ask("Move", "Slowest calls", "", "slowest"),
    _ask("Move", "Most called functions", "", "most called"),
    _ask("Move", "Errors: exceptions that came up", "", "errors"),
    _ask("Move", "What grew: figures and values", "", "what grew"),
    _ask("Move", "Findings: what is worth a look", "", "findings"),
    *finding_commands(),
    _do("Move", "Next event of the finding", "Alt+Shift+Right", e.GoToOccurrence(by=1), repeats=True),
    _do("Move", "Previous event of the finding", "Alt+Shift+Left", e.GoToOccurrence(by=-1), repeats=True),
    _do("Move", "One event on, on the focused lane", "Right", e.Step(count=1), repeats=True),
    _do("Move", "One event back, on the focused lane", "Left", e.Step(count=-1), repeats=True),
    _do("Move", "Ten events on", "Shift+Right", e.Step(count=10), repeats=True),
    _do("Move", "Ten events back", "Shift+Left", e.Step(count=-10), repeats=True),
    _do("Move", "Over the next call", "Ctrl+Right", e.Step(count=1, over="calls"), repeats=True),
    _do("Move", "Back over the last call", "Ctrl+Left", e.Step(count=-1, over="calls"), repeats=True),
    _do("Move", "One event on, anywhere", ".", e.Step(count=1, over="all"), repeats=True),
    _do("Move", "One event back, anywhere", ",", e.Step(count=-1, over="all"), repeats=True),
    _do("Move", "A hundredth of what is visible on", "Ctrl+Shift+Right", e.StepInTime(share=0.01), repeats=True),
    _do("Move", "A hundredth of what is visible back", "Ctrl+Shift+Left", e.StepInTime(share=-0.01), repeats=True),
    _do("Move", "Start", "Home", e.SeekTo(time_ns=-(2**62), visit=True)),
    _do("Move", "End, following a live session", "End", e.Follow()),
    _ask("Move", "Go to a time", "G", "go to"),
    _do("Move", "To the cause", "[", e.FollowEdge(direction=-1)),
    _do("Move", "To the effect", "]", e.FollowEdge(direction=1)),
    _do("Move", "Next call of the picked function", "F3", e.GoToCall(which="next"), repeats=True),
    _do("Move", "Previous call of the picked function", "Shift+F3", e.GoToCall(which="previous"), repeats=True),
    _do("Move", "Longest call of the picked function", "Ctrl+F3", e.GoToCall(which="longest")),
    _do("Move", "Next exception", "X", e.GoToException(by=1), repeats=True),
    _do("Move", "Previous exception", "Shift+X", e.GoToException(by=-1), repeats=True),
    _do("Move", "Last write of what is picked", "Ctrl+[", e.GoToWrite(by=-1), repeats=True),
    _do("Move", "Next write of what is picked", "Ctrl+]", e.GoToWrite(by=1), repeats=True),
    *peak_commands(),
    _do("Move", "Back to the last visited moment", "Alt+Left", e.GoThroughTrail(by=-1)),
    _do("Move", "Forward to the next visited moment", "Alt+Right", e.GoThroughTrail(by=1)),
    _do("Move", "Lane above", "Up", e.MoveFocus(by=-1), repeats=True),
    _do("Move", "Lane below", "Down", e.MoveFocus(by=1), repeats=True),
    _do("Move", "Lane of the main thread", "Ctrl+Home", FocusMain()),
    _within("timeline", "Show", "Pick the call under the cursor", "Return Enter", e.PickAtCursor()),
    _do("Show", "Pick the caller", "Alt+Up", e.PickOnStack(by=-1)),
    _do("Show", "Pick what it calls", "Alt+Down", e.PickOnStack(by=1)),
    _do("Show", "Keep the lane open, or no more", "Shift+Return", KeepOpen()),
    _do("Show", "Pin the lane to the top, or no more", "Shift+P", PinLane()),
    _do("Show", "Lane higher", "Alt+Shift+Down", EnlargeLane(factor=1.5), repeats=True),
    _do("Show", "Lane lower", "Alt+Shift+Up", EnlargeLane(factor=1 / 1.5), repeats=True),
    _do("Show", "Lane as high as at first", "", EnlargeLane(factor=0.0)),
    _ask("Show", "Only threads with a name", "T", "filter lanes"),
    _do("Show", "Busiest lanes first, or as recorded", "Shift+T", RankLanes()),
    _do("Show", "Hide the lane", "H", HideLane()),
    _do("Show", "Hide all other lanes", "Ctrl+H", HideOthers()),
    _do("Show", "Show all lanes again", "Shift+H", ShowAllLanes()),
    _do("Show", "All metrics, or the first two", "", UnfoldMetrics()),
    _do("Play", "Play, pause or freeze", "Space", e.Play()),
    _do("Play", "Play back, faster each time", "J", e.Shuttle(direction=-1)),
    _do("Play", "Stop", "K", e.Shuttle(direction=0)),
    _do("Play", "Play on, faster each time", "L", e.Shuttle(direction=1)),
    _do("Play", "Speed as recorded", "", e.SetSpeed(speed=1.0)),
    _do("Show", "Zoom in", "W", e.Zoom(factor=0.5), repeats=True),
    _do("Show", "Zoom out", "S", e.Zoom(factor=2.0), repeats=True),
    _do("Show", "Earlier", "A", e.Pan(share=-0.25), repeats=True),
    _do("Show", "Later", "D", e.Pan(share=0.25), repeats=True),
    _do("Show", "Fit what is picked", "F", e.FitSelection()),
    _do("Show", "Fit everything", "0", e.Show()),
    _do("Show", "The last minute", "", e.ShowLast(span_ns=60 * 10**9)),
    _do("Show", "The last 5 minutes", "", e.ShowLast(span_ns=300 * 10**9)),
    _do("Show", "The last hour", "", e.ShowLast(span_ns=3_600 * 10**9)),
    _do("Show", "The last 10 hours", "", e.ShowLast(span_ns=36_000 * 10**9)),
    _do("Show", "Pick nothing, end a search", "Escape", e.PickNothing()),
    _do("Show", "Source lines beside the stack", "C", ToggleSource()),
    _do("Show", "Heat: activity", "", SetHeat(heat_by="activity")),
    _do("Show", "Heat: CPU", "", SetHeat(heat_by="cpu")),
    _do("Show", "Heat: memory", "", SetHeat(heat_by="memory")),
    _ask("Building", "Pick rooms with the arrow keys", "P", "rooms"),
    _look("Building", "Turn left", "Q", "turn left"),
    _look("Building", "Turn right", "E", "turn right"),
    _look("Building", "Look from higher up", "R", "tilt up"),
    _look("Building", "Look from lower down", "V", "tilt down"),
    _look("Building", "Closer", "+ =", "closer"),
    _look("Building", "Farther away", "-", "farther"),
    _look("Building", "The whole building again", "Z", "whole"),
    *(_do("Building", f"Look at it: {look}", "", SetLook(look=look)) for look in get_args(FixedLook)),
    _do("Building", "All floors again", "", EnterFloor(floor=0)),
    *(_do("Building", f"Height: {row.title.lower()}", "", SetMeasure(measure=row.name)) for row in MEASURES),
    _do("Mark", "Bookmark this moment, or take it away", "B", e.AddBookmark()),
    _ask("Mark", "Bookmark with a note, or change it", "Shift+B", "note"),
    _ask("Mark", "Note on the stretch from the mark to here", "", "note on stretch"),
    _do("Mark", "Undo", "Ctrl+Z", e.Undo(), anytime=True),
    _do("Mark", "Redo", "Ctrl+Y Ctrl+Shift+Z", e.Undo(again=True)),
    _do("Mark", "Next bookmark", "N", e.GoToBookmark(by=1)),
    _do("Mark", "Previous bookmark", "Shift+N", e.GoToBookmark(by=-1)),
    _do("Mark", "Mark this moment to compare with", "M", e.Mark()),
    _do("Mark", "Forget the marked moment", "Shift+M", e.Mark(forget=True)),
    _do("Mark", "Sum up the stretch from the mark to here", "I", PickStretchTo(ends="mark")),
    _do("Mark", "Sum up what the timeline shows", "Shift+I", PickStretchTo(ends="visible")),
    _ask("Window", "Settings", "Ctrl+,", "settings", anytime=True),
    _ask("Window", "Dark or light", "Ctrl+T", "theme", anytime=True),
    *(
        _do("Window", f"Theme: {says.lower()}", "", e.ChangeSetting(name="theme", value=theme), anytime=True)
        for theme, says in own_named("theme").choices
    ),
    _do("Window", "Everything larger", "Ctrl++ Ctrl+=", e.Enlarge(steps=1), repeats=True, anytime=True),
    _do("Window", "Everything smaller", "Ctrl+-", e.Enlarge(steps=-1), repeats=True, anytime=True),
    _do("Window", "Everything as large as at first", "Ctrl+0", e.Enlarge(steps=0), anytime=True),
    *layout_commands(),
    _ask("Window", "Put the panels back", "", "layout"),
    _ask("Window", "Copy a link to this view", "", "link"),
    _ask("Window", "Another window on this session", "Ctrl+Shift+N", "another window"),
    _ask("Window", "Menu of what is here", "Shift+F10 Menu", "menu", anytime=True),
    _ask("Window", "To the next panel", "F6", "next panel"),
    _ask("Window", "To the previous panel", "Shift+F6", "previous panel"),
    _ask("Window", "Add Scope to the desktop's menu", "", "desktop", anytime=True),
    _ask("Window", "Take Scope out of the desktop's menu", "", "no desktop", anytime=True),
    _ask("Help", "Guide to this panel", "F1", "guide", anytime=True),
    _ask("Help", "The first five minutes", "", "first steps", anytime=True),
    _ask("Help", "Keys", "?", "keys", anytime=True),
    _ask("Help", "Crash reports", "", "crashes", anytime=True),
)


def all_commands() -> tuple[Command, ...]:
    """All of them, with one for each panel that there is now."""
    return COMMANDS + panel_commands()


def with_keys(settings: Mapping[str, Any]) -> tuple[Command, ...]:
    """All of them with the keys that they have been given."""
    return tuple(
        replace(command, keys=settings[name]) if (name := f"{KEYS}{command.title}") in settings else command
        for command in all_commands()
    )


def key_of(title: str, settings: Mapping[str, Any]) -> str:
    """The key of the command with this title, as a sentence has it; '' without one."""
    return next(shown_key(command) for command in with_keys(settings) if command.title == title).replace(" + ", "+")


def way_to(command: Command) -> str:
    """How a command is reached: its key, or its place in the menus."""
    return shown_key(command) or f"{command.menu} ▸ {command.title}"


def with_ways(text: str, settings: Mapping[str, Any]) -> str:
    """The text with the key of each command whose title stands in braces, or its place in the menus.

    >>> with_ways("{Undo} brings it back.", {}), with_ways("{Undo} brings it back.", {f"{KEYS}Undo": ()})
    ('Ctrl+Z brings it back.', 'Mark ▸ Undo brings it back.')

    Raises: KeyError for a command that there is not.
    """
    ways = {command.title: way_to(command).replace(" + ", "+") for command in with_keys(settings)}
    return _TITLE.sub(lambda mark: ways[mark[1]], text)


def hint(title: str, settings: Mapping[str, Any], words: str = "") -> str:
    """What a button says that does the command with this title: its words, and the key."""
    key = key_of(title, settings)
    return f"{words or title}  ({key})" if key else words or title


TRANSPORT = (
    "Start",
    "One event back, on the focused lane",
    "Play, pause or freeze",
    "One event on, on the focused lane",
    "End, following a live session",
)
"""The commands that the buttons of the transport do, from left to right."""


def with_letter(menu: Menu) -> str:
    """The menu's name with the letter that opens it with Alt, as Qt writes it: each has one of its own.

    >>> [with_letter(menu) for menu in MENUS]
    ['&Session', '&Move', '&Play', 'S&how', '&Building', 'M&ark', '&Window', 'H&elp']
    """
    taken: set[str] = set()
    for other in MENUS:
        at = next(at for at, letter in enumerate(other) if letter.casefold() not in taken)
        taken.add(other[at].casefold())
        if other == menu:
            break
    return f"{menu[:at]}&{menu[at:]}"


def matching(text: str, *, session_open: bool, settings: Mapping[str, Any] = NO_SETTINGS) -> list[Command]:
    """The commands that can be done now and hold all words, in any order; the title's beginning counts most."""
    words = text.casefold().split()
    fitting = [
        command
        for command in with_keys(settings)
        if (session_open or not command.needs_session)
        and all(word in f"{command.menu} {command.title}".casefold() for word in words)
    ]
    start = text.casefold().strip()
    return sorted(fitting, key=lambda command: not command.title.casefold().startswith(start))


def shown_key(command: Command) -> str:
    """The key as people read it: '←' for Left, '' without one."""
    if not command.keys:
        return ""
    signs = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Escape": "Esc", "Return": "Enter"}
    return " ".join(signs.get(part, part) for part in command.keys[0].replace("+", " + ").split())

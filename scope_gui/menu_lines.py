"""What stands in the menus beside titles and keys: ticks before what is on, lines between groups. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scope_gui.commands import Command
from scope_gui.layouts import LAYOUTS
from views.building.measures import MEASURES
from views.building.state import BuildingState, EnterFloor, SetLook, SetMeasure
from views.inspector.state import InspectorState, ToggleSource
from views.loop import events as e
from views.loop.choosing_lanes import RankLanes
from views.loop.state import Assigns
from views.registry import placed
from views.supervision.state import SetHeat, SupervisionState
from views.timeline.state import KeepOpen, PinLane, TimelineState, UnfoldMetrics


def _settled(name: str, assigns: Assigns) -> Any:
    """The value of a setting; of one that is not settled what the window shows."""
    return assigns.settings.get(name, getattr(assigns, name, None))


class MenuTick(NamedTuple):
    """When the commands that send such an event are ticked."""

    event: type[e.Event]
    is_on: Callable[[Any, Assigns], bool]


TICKS: tuple[MenuTick, ...] = (
    MenuTick(e.ChangeSetting, lambda event, now: _settled(event.name, now) == event.value),
    MenuTick(SetHeat, lambda event, now: now.of(SupervisionState).heat_by == event.heat_by),
    MenuTick(SetMeasure, lambda event, now: now.of(BuildingState).measure == event.measure),
    MenuTick(SetLook, lambda event, now: now.of(BuildingState).look == event.look),
    MenuTick(EnterFloor, lambda event, now: now.of(BuildingState).floor == event.floor),
    MenuTick(ToggleSource, lambda event, now: now.of(InspectorState).source_shown),
    MenuTick(RankLanes, lambda event, now: bool(now.lane_choice.ranked)),
    MenuTick(UnfoldMetrics, lambda event, now: now.of(TimelineState).all_metrics),
    MenuTick(KeepOpen, lambda event, now: now.focus_track_id in now.of(TimelineState).kept_open),
    MenuTick(PinLane, lambda event, now: now.focus_track_id in now.of(TimelineState).pinned),
    MenuTick(e.Play, lambda event, now: now.playing or now.following),
    MenuTick(e.AddBookmark, lambda event, now: any(one.time_ns == now.cursor_ns for one in now.bookmarks)),
)
"""Of what is switched on and off, and of what is one choice among several."""


def is_on(command: Command, assigns: Assigns) -> bool | None:
    """Whether a command is ticked; None for one that never is."""
    event = command.event
    row = next((row for row in TICKS if type(event) is row.event), None)
    return None if row is None else row.is_on(event, assigns)


BEGINNINGS: tuple[str, ...] = (
    *("Open a session", "Export what is seen", "What this recording cannot see", "Quit"),
    *("Finding 1", "One event on, on the focused lane", "Start", "To the cause", "Next call of the picked function"),
    *("Back to the last visited moment", "Lane above", "Play back, faster each time", "Speed as recorded"),
    *("Keep the lane open, or no more", "Only threads with a name", "Zoom in", "The last minute"),
    *("Pick nothing, end a search", "Heat: activity", "Turn left", "Closer", "All floors again"),
    *("Look at it: front", f"Height: {MEASURES[0].title.lower()}"),
    *("Undo", "Next bookmark", "Mark this moment to compare with"),
    *("Dark or light", "Everything larger", LAYOUTS[0].says, "Copy a link to this view", "Menu of what is here"),
    *("Add Scope to the desktop's menu", placed()[0].title, "Keys", "Crash reports"),
)
"""The titles of the commands that have a line above them in their menu."""


def begins_a_group(command: Command, before: Sequence[Command]) -> bool:
    """Whether a line stands above a command, after those of its menu; none stands above the first."""
    return command.title in BEGINNINGS and any(other.menu == command.menu for other in before)

"""What the building keeps in the window's state: what its height means. No Qt."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns
from views.loop.view_states import ViewState

Measure = Literal["calls", "time"]


class SetMeasure(Event, frozen=True, kw_only=True):
    """What the building's height means."""

    measure: Measure


class BuildingState(ViewState, frozen=True, kw_only=True):
    """`measure`: a room is as high as the calls of its function, or as their own time."""

    measure: Measure = "calls"

    def handle(self, event: Event, assigns: Assigns) -> BuildingState:
        """The state after this event."""
        match event:
            case SetMeasure(measure=measure) if measure != self.measure:
                return replace(self, measure=measure)
            case _:
                return self

"""What the supervision map keeps in the window's state: what its colour means. No Qt."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns
from views.loop.view_states import ViewState

Heat = Literal["activity", "cpu", "memory"]


class SetHeat(Event, frozen=True, kw_only=True):
    """What the supervision map's colour means."""

    heat_by: Heat


class SupervisionState(ViewState, frozen=True, kw_only=True):
    """`heat_by`: the figure that makes a process or thread hot."""

    heat_by: Heat = "activity"

    def handle(self, event: Event, assigns: Assigns) -> SupervisionState:
        """The state after this event."""
        match event:
            case SetHeat(heat_by=heat_by) if heat_by != self.heat_by:
                return replace(self, heat_by=heat_by)
            case _:
                return self

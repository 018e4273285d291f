"""What the building keeps in the window's state: what height and colour mean, where it is seen from, filters. No Qt."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns
from views.loop.view_states import ViewState

Look = Literal["front", "corner", "plan"]
QUIET = -1
"""The floor of the threads that are folded into one."""


class SetMeasure(Event, frozen=True, kw_only=True):
    """What the building's height means: a name of MEASURES."""

    measure: str


class SetLook(Event, frozen=True, kw_only=True):
    """From where the building is seen."""

    look: Look


class EnterFloor(Event, frozen=True, kw_only=True):
    """Shows one floor alone: that of a track id, or QUIET; 0: all floors again."""

    floor: int


class FilterRooms(Event, frozen=True, kw_only=True):
    """Shows only the rooms with this text in their function or module, and at least this high; None: as it is."""

    text: str | None = None
    least: int | None = None


class BuildingState(ViewState, frozen=True, kw_only=True):
    """`least` is a value of the measure, 0: all; `floor` as EnterFloor has it."""

    measure: str = "calls"
    look: Look = "corner"
    floor: int = 0
    text: str = ""
    least: int = 0

    def handle(self, event: Event, assigns: Assigns) -> BuildingState:
        """The state after this event."""
        match event:
            case SetMeasure(measure=measure) if measure != self.measure:
                return replace(self, measure=measure, least=0)
            case SetLook(look=look):
                after = replace(self, look=look)
            case EnterFloor(floor=floor):
                after = replace(self, floor=floor)
            case FilterRooms(text=text, least=least):
                after = replace(
                    self, text=self.text if text is None else text, least=self.least if least is None else least
                )
            case _:
                return self
        return self if after == self else after

"""What the inspector keeps in the window's state: whether source lines are shown. No Qt."""

from __future__ import annotations

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns
from views.loop.view_states import ViewState


class ToggleSource(Event, frozen=True, kw_only=True):
    """Shows the source line of each call on the stack, or no longer. Asked for anew in each session: it opens files."""


class InspectorState(ViewState, frozen=True, kw_only=True):
    """`source_shown`: the source line stands beside each call on the stack; never without a session."""

    source_shown: bool = False

    def handle(self, event: Event, assigns: Assigns) -> InspectorState:
        """The state after this event."""
        match event:
            case ToggleSource() if self.source_shown or assigns.session is not None:
                return replace(self, source_shown=not self.source_shown)
            case _:
                return self

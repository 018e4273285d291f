"""What the inspector keeps in the window's state: source lines shown or not, the facts of what is picked, the note that
is being written. No Qt.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns, Selection
from views.loop.view_states import ViewState


class ToggleSource(Event, frozen=True, kw_only=True):
    """Shows the source line of each call on the stack, or no longer. Asked for anew in each session: it opens files."""


class FactsFound(Event, frozen=True, kw_only=True):
    """What is known of the thing that was picked, beyond what the frame shows; a better answer replaces the last."""

    key: int
    about: Selection
    facts: msgspec.Struct


class WriteNote(Event, frozen=True, kw_only=True):
    """Has the note of the bookmark at an instant written where it stands; None: no more."""

    time_ns: int | None


class InspectorState(ViewState, frozen=True, kw_only=True):
    """`source_shown`: the source line stands beside each call on the stack; never without a session.

    `facts` (a struct of one of `views.inspector.pages.registry.PAGES`) are about `about`, which is what was picked when
    they were asked for. `note_ns`: the bookmark whose note is being written.
    """

    source_shown: bool = False
    about: Selection | None = None
    facts: msgspec.Struct | None = None
    note_ns: int | None = None

    def handle(self, event: Event, assigns: Assigns) -> InspectorState:
        """The state after this event."""
        match event:
            case ToggleSource() if self.source_shown or assigns.session is not None:
                return replace(self, source_shown=not self.source_shown)
            case FactsFound(key=key, about=about, facts=facts):
                is_wanted = assigns.session is not None and assigns.session.key == key and assigns.selection == about
                return replace(self, about=about, facts=facts) if is_wanted else self
            case WriteNote(time_ns=time_ns) if time_ns != self.note_ns:
                there = any(one.time_ns == time_ns for one in assigns.bookmarks)
                return replace(self, note_ns=time_ns if there else None)
            case _:
                return self

    def page_facts(self, selection: Selection | None) -> tuple[msgspec.Struct | None, bool]:
        """(facts to show, whether they are of what is picked): else of what was, a thing of the same kind."""
        if selection is None or self.about is None or self.about.kind != selection.kind:
            return None, True
        return self.facts, self.about == selection

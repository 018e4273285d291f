"""What the inspector keeps in the window's state: source lines shown or not, the facts of what is picked and of the
picked stretch, what of its call tree is open, the note that is being written. No Qt.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from views.inspector.figures import Path, StretchFigures, TreeFigures
from views.loop.events import Event
from views.loop.state import Assigns, Selection
from views.loop.stretch import PickStretch, PickStretchTo
from views.loop.view_states import ViewState


class ToggleSource(Event, frozen=True, kw_only=True):
    """Shows the source line of each call on the stack, or no longer. Asked for anew in each session: it opens files."""


class FactsFound(Event, frozen=True, kw_only=True):
    """What is known of the thing that was picked, beyond what the frame shows; a better answer replaces the last."""

    key: int
    about: Selection
    facts: msgspec.Struct


class ToggleCalls(Event, frozen=True, kw_only=True):
    """Shows what a line of the call tree called, or no longer."""

    path: Path


class SetByThread(Event, frozen=True, kw_only=True):
    """Shows a call tree for each thread, or one of all."""

    by_thread: bool


class StretchCounted(Event, frozen=True, kw_only=True):
    """What the picked stretch came to."""

    key: int
    figures: StretchFigures


class TreeCounted(Event, frozen=True, kw_only=True):
    """What is seen of the call tree of the picked stretch."""

    key: int
    figures: TreeFigures


class WriteNote(Event, frozen=True, kw_only=True):
    """Has the note of the bookmark at an instant written where it stands; None: no more."""

    time_ns: int | None


class InspectorState(ViewState, frozen=True, kw_only=True):
    """`source_shown`: the source line stands beside each call on the stack; never without a session.

    `facts` (a struct of one of `views.inspector.pages.registry.PAGES`) are about `about`, which is what was picked when
    they were asked for. `stretch` and `tree` are the last answers about a picked stretch; which one is in them.
    `toggled`: the lines of the tree that are open where they were not at first, or the other way. `note_ns`: the
    bookmark whose note is being written.
    """

    source_shown: bool = False
    about: Selection | None = None
    facts: msgspec.Struct | None = None
    stretch: StretchFigures | None = None
    tree: TreeFigures | None = None
    by_thread: bool = False
    toggled: frozenset[Path] = frozenset()
    note_ns: int | None = None

    def handle(self, event: Event, assigns: Assigns) -> InspectorState:
        """The state after this event."""
        match event:
            case ToggleSource() if self.source_shown or assigns.session is not None:
                return replace(self, source_shown=not self.source_shown)
            case FactsFound(key=key, about=about, facts=facts):
                is_wanted = _is_open(assigns, key) and assigns.selection == about
                return replace(self, about=about, facts=facts) if is_wanted else self
            case ToggleCalls(path=path):
                return replace(self, toggled=self.toggled ^ {path})
            case SetByThread(by_thread=by_thread) if by_thread != self.by_thread:
                return replace(self, by_thread=by_thread, toggled=frozenset())
            case PickStretch() | PickStretchTo() if self.toggled:
                return replace(self, toggled=frozenset())
            case StretchCounted(key=key, figures=stretch) if _is_open(assigns, key):
                return replace(self, stretch=stretch)
            case TreeCounted(key=key, figures=tree) if _is_open(assigns, key):
                return replace(self, tree=tree)
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


def _is_open(assigns: Assigns, key: int) -> bool:
    return assigns.session is not None and assigns.session.key == key

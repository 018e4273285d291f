"""What the inspector asks about what is picked, and who answers: facts that are read segment by segment. No Qt.

The question is in hand as long as the same thing is picked, however the cursor moves. Of a session that grows it is
asked anew once a second.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from capture.errors import ScopeError
from capture.named import named
from views.inspector.pages.registry import page_of
from views.inspector.state import FactsFound
from views.loop.events import Event
from views.loop.state import Assigns
from views.reading.questions import Asked

_log = logging.getLogger(__name__)

REVISIONS = 10
"""A session that grows is refreshed ten times a second."""


def wanted(assigns: Assigns) -> object:
    """What is picked, as far as it has a page that needs more than the frame; a thread's also says of which stretch."""
    page = page_of(assigns.selection)
    if assigns.session is None or page is None or not page.find:
        return None
    age = assigns.revision // REVISIONS if assigns.session.is_growing else assigns.session.live
    stretch_ns = assigns.visible_ns if page.of_stretch and not assigns.following else None
    return assigns.session.key, assigns.selection, age, stretch_ns


def find(asked: Asked) -> Iterator[Event]:
    """The facts of what is picked, one answer better than the other."""
    shown, session = asked.assigns, asked.source.session
    page = page_of(shown.selection)
    if session is None or page is None or shown.selection is None:
        return
    found: Iterator[Any] = named(page.find)(asked, shown.selection)
    try:
        for facts in found:
            yield FactsFound(key=asked.key, about=shown.selection, facts=facts)
    except (ScopeError, OSError) as problem:  # nobody has asked for it: what is lost is told where it is
        _log.warning("reading about what is picked failed: %s", problem)

"""What the inspector asks about what is picked, and who answers: facts that are read segment by segment. No Qt.

The question is in hand as long as the same thing is picked, however the cursor moves. Of a session that grows it is
asked anew once there is much more of it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from capture.errors import ScopeError
from capture.named import named
from dags.frame_parts import Frame
from views.inspector.pages.registry import page_of
from views.inspector.state import FactsFound, InspectorState
from views.loop.events import Event, Select
from views.loop.state import Assigns
from views.reading.questions import QUESTIONS, Asked, Stopped
from views.reading.source import Source

_log = logging.getLogger(__name__)

STRETCH_S = 0.2
"""So long the visible stretch has to stay before it is read about once more: it moves with every key."""
AGAIN_NS = 2_000_000_000
"""What takes long is counted again once there is so much more of the session, or a 16th of what there was."""


def wanted(assigns: Assigns) -> object:
    """What is picked, as far as it has a page that needs more than the frame, and of which stretch that is."""
    page = page_of(assigns.selection)
    if assigns.session is None or page is None or not page.find:
        return None
    is_picked = page.of_stretch == "picked" and assigns.stretch_ns is not None  # which does not grow
    age = growth_of(assigns) if assigns.session.is_growing and not is_picked else assigns.session.live
    visible_ns = None if assigns.following else assigns.visible_ns
    stretch_ns = {"": None, "visible": visible_ns, "picked": assigns.stretch_ns}[page.of_stretch]
    return assigns.session.key, assigns.selection, age, stretch_ns


def growth_of(assigns: Assigns) -> int:
    """Another number whenever there is enough more of a session to count it again."""
    length_ns = max(assigns.range_ns[1] - assigns.range_ns[0], 1)
    return length_ns // max(AGAIN_NS, 1 << max(length_ns.bit_length() - 5, 0))


def find(asked: Asked) -> Iterator[Event]:
    """The facts of what is picked, one answer better than the other; where they are known already, as far as the
    session was then, the best one alone: what is told must not go back to less each time that it is asked anew.
    """
    shown, session = asked.assigns, asked.source.session
    page = page_of(shown.selection)
    if session is None or page is None or shown.selection is None:
        return
    known, is_fresh = shown.of(InspectorState).page_facts(shown.selection)
    is_known = known is not None and is_fresh
    if page.of_stretch and is_known:
        asked.wait(STRETCH_S)
    found: Iterator[Any] = named(page.find)(asked, shown.selection)
    try:
        for facts in deque(found, maxlen=1) if is_known else found:
            yield FactsFound(key=asked.key, about=shown.selection, facts=facts)
    except (ScopeError, OSError) as problem:  # nobody has asked for it: what is lost is told where it is
        _log.warning("reading about what is picked failed: %s", problem)


def read_page(source: Source, assigns: Assigns, send: Callable[[Event], None]) -> None:
    """Reads the page of what is picked here and now, for pictures that nobody sees until they are whole."""
    [row] = (row for row in QUESTIONS if row.in_hand.endswith(f"{__name__}:wanted"))
    Asked(row, Select(selection=assigns.selection), assigns, send).answer(source, _no_frame)


def _no_frame(time_ns: int) -> Frame:
    raise Stopped

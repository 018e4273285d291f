"""The inspector's pages: a row for each kind of thing that can be picked. No Qt.

To add one: a row, a function that finds its facts, and one that makes sections of them. Facts are structs; the page is
chosen by them, so that an event that was picked can have the page of the call that it began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from capture.named import named
from dags.frame_parts import Frame
from views.inspector.sections import Section, as_old
from views.inspector.state import InspectorState
from views.loop.state import Kind, Selection


class Page(NamedTuple):
    """One page. `picked`: the kind of selection that asks for it, None: only facts lead to it.

    `find`: "module:name" of (Asked, Selection) -> Iterator[facts], '' where another row finds them. `facts`:
    "module:Struct" of them; `sections`: "module:name" of (facts, frame) -> sections. `of_stretch`: its facts are of the
    visible stretch, or of the picked one where there is one, and then they say of which.
    """

    name: str
    picked: Kind | None
    find: str
    facts: str
    sections: str
    of_stretch: Literal["", "visible", "picked"] = ""


PAGES: tuple[Page, ...] = (
    Page(
        "call",
        "call",
        "views.inspector.finding:call",
        "dags.analyses.call_facts:CallFacts",
        "views.inspector.pages.call:sections",
    ),
    Page(
        "value",
        "state",
        "views.inspector.finding:value",
        "dags.analyses.value_facts:ValueFacts",
        "views.inspector.pages.value:sections",
    ),
    Page(
        "thread",
        "track",
        "views.inspector.finding:thread",
        "dags.analyses.thread_facts:ThreadFacts",
        "views.inspector.pages.thread:sections",
        of_stretch="visible",
    ),
    Page(
        "process",
        "process",
        "views.inspector.finding:process",
        "dags.analyses.process_facts:ProcessFacts",
        "views.inspector.pages.process:sections",
    ),
    Page(
        "function",
        "site",
        "views.inspector.counting:function",
        "views.inspector.figures:FunctionFigures",
        "views.inspector.pages.function:sections",
        of_stretch="picked",
    ),
    Page(
        "exception",
        None,
        "",
        "dags.analyses.exception_facts:ExceptionFacts",
        "views.inspector.pages.exception:sections",
    ),
    Page(
        "event",
        "event",
        "views.inspector.finding:event",
        "dags.analyses.event_facts:EventFacts",
        "views.inspector.pages.event:sections",
    ),
)


def page_of(selection: Selection | None) -> Page | None:
    """The page that asks for what is picked."""
    return None if selection is None else next((page for page in PAGES if page.picked == selection.kind), None)


def page_sections(facts: msgspec.Struct, frame: Frame) -> Sequence[Section]:
    """The sections of the page that these facts are for."""
    for page in PAGES:
        if isinstance(facts, named(page.facts)):
            make: Callable[[Any, Frame], Sequence[Section]] = named(page.sections)
            return make(facts, frame)
    return ()


def page_at(
    frame: Frame, state: InspectorState, selection: Selection | None, stretch_ns: tuple[int, int] | None = None
) -> tuple[Section, ...]:
    """The page of what is picked, as far as its facts are known; that of what was picked before keeps its place until
    then.
    """
    facts, is_fresh = state.page_facts(selection)
    is_fresh = is_fresh and getattr(facts, "stretch_ns", stretch_ns) == stretch_ns
    sections = () if facts is None else page_sections(facts, frame)
    return tuple(sections if is_fresh else map(as_old, sections))

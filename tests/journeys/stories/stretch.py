"""A stretch of time picked by keys alone, what the inspector says of it, and of a function in it."""

from __future__ import annotations

from typing import Any

from tests.journeys.person import Person
from views.inspector.figures import FunctionFigures
from views.inspector.sections import Row, Section
from views.inspector.state import InspectorState
from views.inspector.view import InspectorView


def sum_up_a_stretch(person: Person) -> dict[str, Any]:
    """From the mark to the cursor: how many calls, which functions, who called whom; then one function of it."""
    person.wait_for_session()
    view = person.window.views["inspector"]
    assert isinstance(view, InspectorView)
    seen: dict[str, Any] = {}

    person.press("I")
    seen["without a mark"] = person.notice()
    person.press("Home", "M", "End", "I")
    person.expect(lambda: any(row.opens for row in _section(view, "tree").rows), "the tree is counted")
    seen["stretch"] = person.assigns.stretch_ns
    seen["calls"] = _said(view, "stretch", "calls")
    seen["by own"] = {row.label: row.figures[0] for row in _section(view, "functions by own").rows}
    seen["threads"] = {row.label: row.figures[0] for row in _section(view, "threads").rows}

    for _ in range(12):
        if view.hasFocus():
            break
        person.press("F6")
    row = next(row for row in _section(view, "tree").rows if row.opens is not None)
    person.expect(lambda: _walk_to(person, view, row), "a line of the tree that can be opened")
    lines = [len(_section(view, "tree").rows)]
    for key in ("Left", "Right") if row.is_open else ("Right", "Left"):
        person.press(key)
        person.expect(lambda: len(_section(view, "tree").rows) != lines[-1], f"{key} has closed or opened it")
        lines.append(len(_section(view, "tree").rows))
    seen["lines"] = lines

    person.press("Ctrl+K")
    person.type_text(person.given["function"])
    person.expect(lambda: _figures(person) is not None and person.is_at_rest(), "the function is counted")
    figures = _figures(person)
    assert figures is not None and figures.row is not None
    seen["function"] = [figures.row.calls, sum(figures.begun), figures.stretch_ns]
    seen["callers"] = [[row.label, row.figures[0]] for row in _section(view, "callers").rows]

    seen["escaped"] = []
    for _ in range(3):
        person.press("Escape")
        picked = person.assigns
        seen["escaped"].append([picked.selection is None, picked.stretch_ns is None])
    return seen


def _walk_to(person: Person, view: InspectorView, row: Row) -> bool:
    person.press("Down")
    spot = view.chosen()
    return spot is not None and spot.fold == row.opens


def _figures(person: Person) -> FunctionFigures | None:
    facts, is_fresh = person.assigns.of(InspectorState).page_facts(person.assigns.selection)
    return facts if isinstance(facts, FunctionFigures) and is_fresh and facts.begun else None


def _section(view: InspectorView, key: str) -> Section:
    return next((one for one in view.sections() if one.key == key), Section(key=key, title=""))


def _said(view: InspectorView, key: str, row: str) -> str:
    return "".join(piece.text for one in _section(view, key).rows if one.key == row for piece in one.pieces)


STORIES = {"stretch": sum_up_a_stretch}

"""What the window looks like, to be held against pictures that were made without one."""

from __future__ import annotations

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from tests.journeys.person import Person
from views import registry
from views.building.view import BuildingView
from views.drawing.legend import legend_height, signs_of
from views.drawing.picture import title_height
from views.inspector.view import InspectorView
from views.metrics.view import MetricsView
from views.supervision.view import SupervisionView
from views.timeline.view import TimelineView

VIEWS = registry.exported()


def rest(person: Person) -> None:
    """Waits until nothing more comes."""
    person.wait_for_session()
    person.window.views["timeline"].wait_until_loaded()
    person.window.views["metrics"].wait_until_loaded()
    QTest.qWait(50)
    person.expect(person.is_at_rest, "rest")


def page_size(part: QWidget) -> tuple[int, int, int]:
    """(width, height of the export that shows it in this size, where its own pixels begin in there)."""
    if not isinstance(part, TimelineView | BuildingView | SupervisionView | InspectorView | MetricsView):
        return part.width(), part.height(), 0
    above = title_height(part.width())
    return part.width(), above + part.height() + legend_height(signs_of(part), part.width()), above


def look(person: Person) -> dict[str, object]:
    """Takes what the window and each of its views look like; says how large they are."""
    rest(person)
    person.window.views["timeline"].setFocus()  # the frame around a button that has it is no part of what is recorded
    person.expect(person.window.views["timeline"].hasFocus, "the timeline has the keyboard")
    sizes: dict[str, object] = {}
    for name in ("window", *VIEWS):
        part: QWidget = person.window if name == "window" else person.window.views[name]
        if not part.isVisible():
            person.window.show_panel(name)
            person.window.views["timeline"].setFocus()
            QTest.qWait(50)  # what has come to the front is patched with the next display frame
            rest(person)
        part.grab().save(f"{name}.png")
        sizes[name] = page_size(part)
    return sizes


STORIES = {"look": look}

"""What a right click offers: by the keyboard where it is, by the mouse where it points, and nothing after a drag."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from tests.journeys.person import Person
from views.timeline.layout import OVERVIEW, RULER

RIGHT, NONE = Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier


def use_menus(person: Person) -> dict[str, Any]:
    """Picks the call at the cursor and its caller, marks a moment, copies a name; turns the building in between."""
    person.wait_for_session()
    window, timeline = person.window, person.window.views["timeline"]
    seen: dict[str, Any] = {}

    person.press("Shift+F10")
    seen["by key"] = _titles(_open_menu(person))
    _take(person, "Pick it")
    person.expect(lambda: _picked(person) == "call" and person.is_at_rest(), "the call at the cursor is picked")
    seen["called"] = person.assigns.selection.id if person.assigns.selection else 0

    person.press("Menu")
    _take(person, "Pick the caller")
    caller = person.given["caller"]
    person.expect(lambda: (s := person.assigns.selection) is not None and s.id == caller, "its caller is picked")

    person.press("Shift+F10")
    menu = _open_menu(person)
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    person.expect(lambda: QApplication.activePopupWidget() is None, "Escape closes the menu")
    seen["after escape"] = [
        person.assigns.selection.id if person.assigns.selection else 0,
        person.with_keyboard() is timeline,
    ]

    ruler = QPoint(timeline.gutter + 300, OVERVIEW + RULER // 2)
    _right_click(person, timeline, ruler)
    seen["on the ruler"] = _titles(_open_menu(person))
    _take(person, "Mark this moment to compare with")
    person.expect(lambda: person.assigns.marked_ns is not None and person.is_at_rest(), "the moment is marked")
    seen["marked"] = [person.assigns.marked_ns, person.assigns.cursor_ns]

    stage = window.building.stage
    middle, camera = stage.rect().center(), stage.camera
    QTest.mousePress(stage, RIGHT, NONE, middle)
    QTest.mouseMove(stage, middle + QPoint(60, 0))
    QTest.mouseRelease(stage, RIGHT, NONE, middle + QPoint(60, 0))
    QTest.qWait(50)
    seen["turned"] = [stage.camera != camera, QApplication.activePopupWidget() is None]

    name = QPoint(80, timeline.point_of(person.assigns.focus_track_id, 0, person.assigns.cursor_ns).y())
    _right_click(person, timeline, name)
    _take(person, "Copy its name")
    person.expect(lambda: person.notice().startswith("Copied: "), "what was copied is said")
    seen["copied"] = QGuiApplication.clipboard().text()
    return seen


def _picked(person: Person) -> str:
    return "" if person.assigns.selection is None else person.assigns.selection.kind


def _right_click(person: Person, widget: QWidget, at: QPoint) -> None:
    QTest.mouseClick(widget, RIGHT, NONE, at)


def _open_menu(person: Person) -> QMenu:
    """The menu that is open."""
    person.expect(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "a menu opens")
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def _titles(menu: QMenu) -> list[str]:
    return [action.text().replace("\t", " | ") for action in menu.actions() if action.text()]


def _take(person: Person, title: str) -> None:
    """Goes down to a line with the arrow keys, and takes it."""
    menu = _open_menu(person)
    for _ in menu.actions():
        QTest.keyClick(menu, Qt.Key.Key_Down)
        at = menu.activeAction()
        if at is not None and at.text().partition("\t")[0] == title:
            QTest.keyClick(menu, Qt.Key.Key_Return)
            person.expect(lambda: QApplication.activePopupWidget() is None, "the menu closes")
            person.expect(person.is_at_rest, f"rest after {title}")
            return
    raise AssertionError(f"no line {title} in {_titles(menu)}")


STORIES = {"menus": use_menus}

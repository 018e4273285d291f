"""Which panel F1 is about: the one with the keyboard, or the one that was pointed at since it came there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from scope_gui.dialogs.guide import GuideWindow
from scope_gui.window.meant_panel import MeantPanel, view_around
from tests.scope_gui.window.test_parts import Desk

# What the display of these tests cannot do.
pytestmark = pytest.mark.qt_log_ignore("requestActivate")


@pytest.fixture
def views(qtbot: QtBot) -> Iterator[dict[str, QLineEdit]]:
    """Two views beside one another in a window that is seen, the left one with the keyboard."""
    before = QCursor.pos()
    window = QWidget()
    qtbot.addWidget(window)
    made = {name: QLineEdit(window) for name in ("left", "right")}
    row = QHBoxLayout(window)
    for view in made.values():
        row.addWidget(view)
    window.resize(400, 100)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    made["left"].setFocus()
    qtbot.waitUntil(made["left"].hasFocus)
    yield made
    QCursor.setPos(before)


def point_at(view: QWidget) -> None:
    QCursor.setPos(view.mapToGlobal(view.rect().center()))


def test_the_newer_of_keyboard_and_pointer_counts(views: dict[str, QLineEdit], qtbot: QtBot) -> None:
    meant = MeantPanel(views["left"].window(), views)
    assert meant.view() == "left"
    point_at(views["right"])
    assert meant.view() == "right"
    views["right"].setFocus()
    views["left"].setFocus()
    assert meant.view() == "left"


def test_a_part_of_a_view_is_meant_as_the_view_and_what_is_in_none_as_none(views: dict[str, QLineEdit]) -> None:
    part = QWidget(views["right"])
    assert view_around(part, views) == "right"
    assert view_around(views["right"].window(), views) == view_around(None, views) == ""


@pytest.mark.parametrize(
    ("command", "page"),
    [("Go to a time", "finding"), ("Find anything", "finding"), ("Keys", "start"), ("Open a session", "recording")],
)
def test_a_dialog_that_holds_up_the_window_has_the_guide_too(desk: Desk, qtbot: QtBot, command: str, page: str) -> None:
    """A key of the window is none of a dialog's: without help there it would do nothing."""
    desk.window.activateWindow()
    qtbot.waitActive(desk.window)
    desk.window.do_titled(command)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QDialog)
    qtbot.waitUntil(lambda: dialog.focusWidget() is not None and dialog.focusWidget().hasFocus())
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_F1)
    guide = dialog.findChild(GuideWindow)
    assert guide is not None
    assert (guide.isVisible(), guide.page) == (True, page)
    qtbot.waitUntil(guide.line.hasFocus)  # it can be used, though the window cannot
    QTest.keyClick(guide.line, Qt.Key.Key_F1)
    qtbot.waitUntil(dialog.isActiveWindow)
    dialog.reject()
    qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None)

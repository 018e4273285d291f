"""The list of sessions on the welcome page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from scope_gui.window.recent_list import RecentList
from views.loop.events import Event, ForgetRecent, OpenSession
from views.loop.state import RecentSession

PATHS = ("/srv/a.scope", "/srv/b.scope")


def shown(owner: QWidget, sent: list[Event]) -> RecentList:
    made = RecentList(sent.append, owner)
    owner.show()
    made.show_sessions(PATHS, (), "#888888")
    return made


def test_enter_opens_and_delete_forgets_the_current_one(owner: QWidget, sent: list[Event]) -> None:
    made = shown(owner, sent)
    QTest.keyClick(made, Qt.Key.Key_Down)
    QTest.keyClick(made, Qt.Key.Key_Return)
    QTest.keyClick(made, Qt.Key.Key_Delete)
    assert sent == [OpenSession(path=PATHS[1]), ForgetRecent(path=PATHS[1])]


def test_what_they_hold_appears_without_moving_the_current_line(owner: QWidget, sent: list[Event]) -> None:
    made = shown(owner, sent)
    QTest.keyClick(made, Qt.Key.Key_Down)
    made.show_sessions(PATHS, (RecentSession(path=PATHS[0], problem="not there any more"),), "#888888")
    first, current = made.topLevelItem(0), made.currentItem()
    assert first is not None and first.text(1) == "not there any more"
    assert current is not None and current.text(0) == "b.scope"

"""The list of sessions on the welcome page."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from scope_gui.library import GONE
from scope_gui.window.recent_list import RecentList
from views.loop.events import Event
from views.loop.recording_events import ForgetRecent, OpenSession
from views.loop.state import RecentSession

PATHS = ("/srv/a.scope", "/srv/b.scope")
INK = {"muted": "#888888", "warning": "#995500"}


def shown(owner: QWidget, sent: list[Event]) -> RecentList:
    made = RecentList(sent.append, owner)
    owner.show()
    made.show_sessions(PATHS, (), **INK)
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
    made.show_sessions(PATHS, (RecentSession(path=PATHS[0], problem=GONE),), **INK)
    first, current = made.topLevelItem(0), made.currentItem()
    assert first is not None and first.text(1) == "not there any more"
    assert current is not None and current.text(0) == "b.scope"


def test_more_is_told_of_the_row_that_is_current_or_pointed_at(owner: QWidget, sent: list[Event]) -> None:
    made = shown(owner, sent)
    told: list[RecentSession | None] = []
    made.told.connect(told.append)
    rows = tuple(RecentSession(path=path, events=5, size_bytes=1) for path in PATHS)
    made.show_sessions(PATHS, rows, **INK)
    QTest.keyClick(made, Qt.Key.Key_Down)
    made.itemEntered.emit(made.topLevelItem(0), 0)
    QApplication.sendEvent(made, QEvent(QEvent.Type.Leave))
    assert told == [rows[0], rows[1], rows[0], rows[1]]


def test_what_is_gone_and_what_is_damaged_look_different(owner: QWidget, sent: list[Event]) -> None:
    made = shown(owner, sent)
    rows = (RecentSession(path=PATHS[0], problem=GONE), RecentSession(path=PATHS[1], damaged=True, size_bytes=1))
    made.show_sessions(PATHS, rows, **INK)
    gone, damaged = made.topLevelItem(0), made.topLevelItem(1)
    assert gone is not None
    assert damaged is not None
    assert (gone.text(1), gone.foreground(0).color().name()) == (GONE, INK["muted"])
    assert (damaged.text(2), damaged.foreground(2).color().name()) == ("damaged", INK["warning"])


def test_when_the_current_one_is_taken_off_the_next_one_is_current(owner: QWidget, sent: list[Event]) -> None:
    made = shown(owner, sent)
    made.show_sessions((PATHS[1], "/srv/c.scope"), (), **INK)
    made.show_sessions(("/srv/c.scope",), (), **INK)
    current = made.currentItem()
    assert current is not None
    assert current.text(0) == "c.scope"


def test_a_list_that_is_shown_again_begins_with_the_session_that_was_left_last(
    owner: QWidget, sent: list[Event]
) -> None:
    made = shown(owner, sent)
    made.show_sessions(("/srv/c.scope", *PATHS), (), **INK)
    made.begin()
    QTest.keyClick(made, Qt.Key.Key_Return)
    assert sent == [OpenSession(path="/srv/c.scope")]

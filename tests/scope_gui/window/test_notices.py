"""What is said floats: no panel moves when a sentence comes or goes, and none is lost at the window's edge."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from scope_gui.left_window import LeftWindow
from scope_gui.window.window import MainWindow
from tests.views.windows import opened
from views.loop.events import ChangeSetting, FindingsKnown, Tell
from views.loop.recording_events import Recover
from views.loop.state import Notice
from views.loop.store import Store
from views.reading.source import Source

LONG = Notice(
    "This session is damaged: " + "segment 12 cannot be read, and 1 204 events of it are lost. " * 6, serious=True
)


class Desk:
    """A window with a session open, and where its parts are."""

    def __init__(self, qtbot: QtBot, width: int = 1280, height: int = 800) -> None:
        self.store = Store(opened())
        self.window = MainWindow(self.store, Source())
        qtbot.addWidget(self.window)
        self.window.begin(LeftWindow())
        self.window.resize(width, height)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.place()
        self.qtbot = qtbot
        self.do()

    def do(self, *events: object) -> None:
        for event in events:
            self.store.send(event)  # type: ignore[arg-type]
        while self.store.has_waiting:
            self.store.fold()
        self.qtbot.wait(1)  # layouts that were put off are made

    def places(self) -> dict[str, QRect]:
        parts: dict[str, QWidget] = {**self.window.views, "header": self.window.header, "strip": self.window.strip}
        parts |= {"bar": self.window.bar, "transport": self.window.transport, "pages": self.window.pages}
        return {
            name: QRect(part.mapTo(self.window, part.rect().topLeft()), part.size()) for name, part in parts.items()
        }


@pytest.mark.parametrize("size", [(1600, 900), (1280, 800), (900, 600)])
def test_nothing_moves_when_something_is_said_or_found(qtbot: QtBot, size: tuple[int, int]) -> None:
    desk = Desk(qtbot, *size)
    before = desk.places()
    for notice in (Notice("Copied."), LONG, Notice("It can be recovered.", serious=True, offer="recover")):
        desk.do(Tell(notice=notice))
        notices = desk.window.notices
        assert notices.isVisible()
        assert desk.places() == before
        assert desk.window.rect().contains(notices.geometry())
        assert notices.geometry().bottom() < before["bar"].top()
        assert notices.sentence.height() >= notices.sentence.heightForWidth(notices.sentence.width())
    desk.do(FindingsKnown(key=7, findings=()))
    assert desk.places() == before
    desk.do(Tell(notice=None))
    assert desk.window.notices.isHidden()
    assert desk.places() == before


def test_it_stays_above_the_bar_when_the_window_is_sized_anew(qtbot: QtBot) -> None:
    desk = Desk(qtbot)
    desk.do(Tell(notice=LONG))
    desk.window.resize(900, 640)
    notices = desk.window.notices
    desk.qtbot.waitUntil(lambda: notices.geometry().bottom() < desk.places()["bar"].top())
    desk.do(Tell(notice=Notice("Copied.")))
    assert abs(notices.geometry().center().x() - desk.window.width() // 2) <= 1


def test_what_stays_covers_no_lane_where_there_is_a_column_beside_them(qtbot: QtBot) -> None:
    desk = Desk(qtbot)
    desk.do(Tell(notice=LONG))
    notices, places = desk.window.notices, desk.places()
    assert places["inspector"].contains(notices.geometry())
    assert not places["timeline"].intersects(notices.geometry())
    desk.window.resizeDocks([desk.window.docks["inspector"]], [480], Qt.Orientation.Horizontal)
    desk.qtbot.waitUntil(lambda: desk.places()["inspector"].contains(notices.geometry()))
    desk.window.show_panel("metrics")
    desk.qtbot.waitUntil(lambda: desk.places()["metrics"].contains(notices.geometry()))
    desk.window.panels.use("timeline")
    desk.qtbot.waitUntil(lambda: abs(notices.geometry().center().x() - desk.window.width() // 2) <= 1)


def test_what_can_be_done_next_is_said_with_the_keys_as_they_are_set(qtbot: QtBot) -> None:
    desk = Desk(qtbot)
    desk.do(Tell(notice=Notice("Gone.", hint="{Undo} brings it back.")))
    assert desk.window.notices.sentence.text() == "Gone. Ctrl+Z brings it back."
    desk.do(ChangeSetting(name="keys.Undo", value=("Ctrl+Shift+U",)))
    assert desk.window.notices.sentence.text() == "Gone. Ctrl+Shift+U brings it back."


def test_what_can_be_done_about_it_is_done_by_its_button(qtbot: QtBot) -> None:
    desk = Desk(qtbot)
    sent: list[object] = []
    desk.store.effects.append(lambda event, before, after: sent.append(event))
    desk.do(Tell(notice=Notice("Nobody records it any more.", serious=True, offer="recover", path="/srv/a.scope")))
    desk.window.notices.offer_button.click()
    desk.do()
    assert sent[-2:] == [Tell(notice=None), Recover(path="/srv/a.scope")]

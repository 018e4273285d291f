"""A right click without movement opens the menu of what is there, Shift+F10 that of the keyboard; a drag turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from capture.session.session import Session
from dags.frame.reader import FrameReader
from scope_gui.left_window import LeftWindow
from scope_gui.window.context_menus import menu_heading
from scope_gui.window.window import MainWindow
from tests.sessions import build_session
from views.drawing.pointing import HasThings
from views.loop.events import FrameReady
from views.loop.state import Assigns
from views.loop.store import Store
from views.loop.thing import Thing
from views.loop.update import handle_event
from views.reading.opening import session_opened
from views.reading.source import Source
from views.timeline.layout import OVERVIEW, RULER
from views.timeline.state import TimelineState
from views.timeline.view import TimelineView

RIGHT = Qt.MouseButton.RightButton


class Desk:
    """A window that shows a session at its middle."""

    def __init__(self, session: Session, qtbot: QtBot) -> None:
        source = Source(session)
        middle_ns = (session.start_ns + session.end_ns) // 2
        assigns = handle_event(Assigns(), session_opened(session, source.names, 1, at_ns=middle_ns))
        frame = FrameReader(session).at(middle_ns)
        self.store = Store(handle_event(assigns, FrameReady(key=1, time_ns=middle_ns, frame=frame)))
        self.window = MainWindow(self.store, source)
        qtbot.addWidget(self.window)
        self.window.begin(LeftWindow())
        self.window.resize(1280, 800)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.place()
        self.rest()

    def rest(self) -> None:
        while self.store.has_waiting:
            self.store.fold()
        self.store.fold()
        self.window.views["timeline"].wait_until_loaded()
        self.window.views["metrics"].wait_until_loaded()
        self.window.views["timeline"].grab()

    def menu(self, widget: QWidget, at: QPointF | QPoint) -> list[str]:
        """The titles of what a right click there offers; closes it again."""
        point = at.toPoint() if isinstance(at, QPointF) else at
        QTest.mouseClick(widget, RIGHT, Qt.KeyboardModifier.NoModifier, point)
        menu = self.window.menus.menu
        return [] if menu is None or not menu.isVisible() else self.titles(menu)

    def titles(self, menu: QMenu) -> list[str]:
        said = [action.text().partition("\t")[0] for action in menu.actions() if action.text()]
        menu.close()
        return said

    def choose(self, title: str) -> None:
        """Does a line of the menu that was opened last, or of one within it."""
        menu = self.window.menus.menu
        assert menu is not None
        menus = [menu, *menu.findChildren(QMenu)]
        lines = [action for one in menus for action in one.actions() if action.text().partition("\t")[0] == title]
        assert lines and lines[0].isEnabled(), title
        lines[0].trigger()
        self.rest()


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("SCOPE_3D", "off")
    with Session.open(build_session(tmp_path / "orders.scope", events=900, tracks=3, segments=3).path) as session:
        made = Desk(session, qtbot)
        yield made
        made.window.views["timeline"].shut()
        made.window.views["metrics"].shut()
        made.window.building.shut()


def test_a_right_click_says_what_can_be_done_with_what_is_there(desk: Desk) -> None:
    timeline = desk.window.views["timeline"]
    ruler = QPoint(timeline.gutter + 200, OVERVIEW + RULER // 2)
    lines = desk.menu(timeline, ruler)
    assert lines[0].startswith("Moment ")
    assert {"Go there", "Mark this moment to compare with", "Copy the time"} <= set(lines)
    desk.choose("Mark this moment to compare with")
    assert (
        desk.store.assigns.marked_ns
        == desk.store.assigns.cursor_ns
        == timeline.pointing().time_at(ruler.x(), ruler.y())
    )

    track = desk.store.assigns.lanes[1].track_id
    lane = timeline.point_of(track, 0, desk.store.assigns.cursor_ns)
    name = QPoint(60, lane.y())
    assert desk.menu(timeline, name)[0].startswith("Thread ")
    desk.choose("Pin the lane to the top, or no more")
    assert track in desk.store.assigns.of(TimelineState).pinned
    desk.menu(timeline, name)
    desk.choose("Copy its name")
    assert QGuiApplication.clipboard().text() == desk.window.source.names.track(track)
    assert desk.store.assigns.notice is not None
    assert desk.store.assigns.notice.text.startswith("Copied: ")


def test_what_cannot_be_done_is_grey_and_its_tip_says_why(desk: Desk) -> None:
    timeline = desk.window.views["timeline"]
    desk.menu(timeline, QPoint(timeline.gutter + 200, OVERVIEW + RULER // 2))
    menu = desk.window.menus.menu
    assert menu is not None
    [grey] = [action for action in menu.actions() if action.text() == "Forget the marked moment\tShift + M"]
    assert not grey.isEnabled()
    assert grey.statusTip() == grey.toolTip() == "No moment is marked to compare with."
    assert menu.toolTipsVisible()


def test_a_drag_with_the_right_button_turns_the_building_and_opens_nothing(desk: Desk) -> None:
    stage = desk.window.building.stage
    before, middle = stage.camera, stage.rect().center()
    QTest.mousePress(stage, RIGHT, Qt.KeyboardModifier.NoModifier, middle)
    QTest.mouseMove(stage, middle + QPoint(40, 0))
    QTest.mouseRelease(stage, RIGHT, Qt.KeyboardModifier.NoModifier, middle + QPoint(40, 0))
    assert desk.window.menus.menu is None
    turned = stage.camera
    lines = desk.menu(stage, QPoint(stage.width() // 2, 3))
    assert "The whole building again" in lines or any(line.startswith("Building") for line in lines)
    assert stage.camera == turned != before


def test_the_keyboard_has_the_menu_of_where_it_is(desk: Desk) -> None:
    timeline = desk.window.views["timeline"]
    assert isinstance(timeline, TimelineView)
    timeline.setFocus()
    assert desk.window.focusWidget() is timeline
    desk.window.menus.ask_here()
    menu = desk.window.menus.menu
    assert menu is not None
    assert menu.isVisible()
    focus = desk.store.assigns.focus_track_id
    assert any(desk.window.source.names.track(focus) in line for line in desk.titles(menu))


def test_every_panel_and_the_transport_tell_of_things(desk: Desk) -> None:
    told = {type(part).__name__ for part in desk.window.menus.parts()}
    assert told >= {"TimelineView", "Stage", "RowList", "InspectorView", "MetricsView", "ScrubTrack", "RecentList"}


def test_each_panel_says_what_is_under_a_point_of_it(desk: Desk) -> None:
    window, kinds = desk.window, dict[str, list[str]]()
    for name in window.views:
        window.show_panel(name)
        desk.rest()
    for name, part in {type(part).__name__: part for part in window.menus.parts()}.items():
        assert isinstance(part, HasThings)
        seen = {
            thing.kind for x in range(0, 400, 20) for y in range(0, 240, 4) for thing in part.things_at(QPointF(x, y))
        }
        kinds[name] = sorted(seen)
    assert kinds["Stage"] == ["building", "room", "thread"]
    assert "process" in kinds["RowList"]
    assert kinds["InspectorView"] == ["inspector", "row"]
    assert kinds["ScrubTrack"] == ["moment"]
    assert {"metric", "moment"} == set(kinds["MetricsView"])
    assert {"call", "moment", "process", "thread"} <= set(kinds["TimelineView"])


def test_names_from_a_recording_are_plain_text() -> None:
    assert menu_heading(Thing(kind="call", name="a\u202eb\n" + "c" * 100)).startswith(
        "Call a\N{REPLACEMENT CHARACTER}b"
    )
    assert len(menu_heading(Thing(kind="call", name="c" * 500))) < 80

"""The building as a widget: pictures by content, picking, legend."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from dags.frame.reader import FrameReader
from tests.views.frames import ALL, SECOND_NS, built_session, call, frame, showing, track
from tests.views.pictures import click, near, picture
from views.building.legend import colour_words, height_words
from views.building.projection import Camera
from views.building.state import BuildingState, SetMeasure
from views.building.view import BuildingView
from views.drawing.theme import DARK, LIGHT, heat_colour
from views.loop.events import Event, Select
from views.loop.state import Assigns, Selection
from views.reading.source import Source

BY_TIME = (BuildingState(measure="time"),)
AT = frame(SECOND_NS, tracks=[track(2, stack=[call(1, "main", 10, site_id=1), call(2, "put", 500, site_id=2)])])


def made(qtbot: QtBot, assigns: Assigns, source: Source | None = None) -> tuple[BuildingView, list[Event]]:
    sent: list[Event] = []
    view = BuildingView(sent.append, source or Source())
    qtbot.addWidget(view)
    picture(view, 700, 480)
    view.patch(assigns, ALL)
    return view, sent


def test_a_cold_room_is_blue_in_both_themes(qtbot: QtBot) -> None:
    for theme in ("dark", "light"):
        view, _ = made(qtbot, showing(AT, theme=theme, views=BY_TIME))
        image = picture(view, 700, 480)
        assert near(image, heat_colour(theme, 0.0), 12) > 300
        assert near(image, (DARK if theme == "dark" else LIGHT).panel, 4) > 100_000


def test_a_click_on_a_room_selects_its_function_on_its_thread(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    place = view.stage.place_of(2, 2)
    assert place is not None
    click(view.stage, place)
    click(view.stage, QPoint(3, 3))
    assert sent == [Select(selection=Selection("site", 2, 2)), Select(selection=None)]


def test_a_drag_moves_the_building_and_selects_nothing(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT))
    before = view.stage.place_of(2, 2)
    QTest.mousePress(view.stage, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(300, 200))
    QTest.mouseMove(view.stage, QPoint(360, 200))
    QTest.mouseRelease(view.stage, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(360, 200))
    after = view.stage.place_of(2, 2)
    assert before is not None
    assert after is not None
    assert (round(after.x() - before.x()), sent) == (60, [])
    view.stage.look_from(Camera())
    assert view.stage.place_of(2, 2) == before


def test_the_legend_says_quantity_unit_and_stretch(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    words = view.stage.accessibleDescription().replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert words.startswith("Height: own time in the last 1 s, highest")
    assert "Colour: calls per second in the last 100 ms" in words
    buttons = {button.text(): button for button in view.findChildren(QToolButton)}
    buttons["Calls"].click()
    assert sent == [SetMeasure(measure="calls")]


def test_a_real_session_fills_the_building(qtbot: QtBot, tmp_path: Path) -> None:
    session, source = built_session(tmp_path, tracks=5)
    with session:
        at = FrameReader(session).at(session.end_ns)
        view, _ = made(qtbot, showing(at), source)
        image = picture(view, 700, 480)
        plan = view.stage._plan
        assert plan is not None
        assert len(plan.floors) >= 5
        assert len(plan) >= 40
        assert near(image, heat_colour("dark", float(plan.heat.max())), 40) > 300
        assert height_words(plan) in view.stage.accessibleDescription()
        assert colour_words(plan) in view.stage.accessibleDescription()
        middle = view.stage.place_of(int(plan.track_id[0]), int(plan.site_id[0]))
        assert middle is not None
        assert view.stage.room_at(QPointF(middle)) is not None


def test_without_a_session_or_calls_a_sentence_stands_there(qtbot: QtBot) -> None:
    view, _ = made(qtbot, Assigns())
    assert view.stage._instead == "No session is open"
    view.patch(showing(frame(SECOND_NS)), ALL)
    assert "Nothing recorded ran" in view.stage._instead
    assert near(picture(view, 700, 480), DARK.muted, 60) > 30


def test_with_the_keyboard_one_goes_from_room_to_room_and_out_again(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    stage, left = view.stage, []
    stage.left.connect(lambda: left.append(True))
    view.show()
    view.activateWindow()
    stage.go_in()
    assert sent == [Select(selection=Selection("site", 2, 2))]
    view.patch(showing(AT, views=BY_TIME, selection=Selection("site", 2, 2)), {"selection"})
    QTest.keyClick(stage, Qt.Key.Key_Left)
    assert sent[-1] == Select(selection=Selection("site", 1, 2))
    QTest.keyClick(stage, Qt.Key.Key_Escape)
    assert left == [True]
    assert len(sent) == 2


def test_keys_turn_and_tilt_the_building_and_bring_the_first_look_back(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    first = view.stage.place_of(2, 2)
    for how in ("turn left", "tilt up", "closer"):
        before = view.stage.place_of(2, 2)
        view.stage.look(how)
        assert view.stage.place_of(2, 2) != before
    view.stage.look("whole")
    assert view.stage.place_of(2, 2) == first
    assert sent == []

"""The building as a widget: pictures by content, picking, legend."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from PySide6.QtCore import QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from dags.frame.reader import FrameReader
from tests.views.frames import ALL, SECOND_NS, built_session, call, frame, showing, track
from tests.views.pictures import click, contrast, near, picture
from views.building.cards import card_of
from views.building.fading import FADE_MS
from views.building.legend import colour_words, height_words
from views.building.projection import Camera
from views.building.room_painter import Picture
from views.building.scene_plan import tile_colour
from views.building.state import BuildingState, EnterFloor, FilterRooms, SetLook, SetMeasure
from views.building.view import BuildingView
from views.drawing.heat import step_colours
from views.drawing.theme import DARK, LIGHT, colours
from views.loop.events import Event, Select
from views.loop.state import Assigns, Selection, Theme
from views.reading.source import Source
from views.supervision.state import SetHeat
from views.words.heat_steps import STEPS

BY_TIME = (BuildingState(measure="time"),)
STACK = [call(1, "main", 10, site_id=1), call(2, "put", 500, site_id=2)]
AT = frame(SECOND_NS, tracks=[track(2, stack=STACK)])
OTHER = [call(3, "main", 10, site_id=1), call(4, "put", 500, site_id=2)]
TWO = frame(SECOND_NS, tracks=[track(2, stack=STACK), track(3, stack=OTHER)])


def made(qtbot: QtBot, assigns: Assigns, source: Source | None = None) -> tuple[BuildingView, list[Event]]:
    sent: list[Event] = []
    view = BuildingView(sent.append, source or Source())
    qtbot.addWidget(view)
    picture(view, 700, 480)
    view.patch(assigns, ALL)
    return view, sent


def floors(view: BuildingView) -> list[str]:
    assert view.stage.plan is not None
    return [floor.name for floor in view.stage.plan.floors]


def test_a_room_has_the_colour_of_its_step_in_both_themes(qtbot: QtBot) -> None:
    for theme in ("dark", "light"):
        view, _ = made(qtbot, showing(AT, theme=theme, views=BY_TIME))
        image = picture(view, 700, 480)
        assert near(image, step_colours(theme)[0], 3) > 300  # blue: no call has begun
        assert near(image, step_colours(theme)[3], 3) < 100  # red only in the legend
        assert near(image, (DARK if theme == "dark" else LIGHT).panel, 4) > 60_000


class Card(QObject):
    """Draws at once, and remembers the sizes that it was asked for."""

    ready = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.latest: Picture | None = None
        self.sizes: list[tuple[int, int]] = []

    def draw(self, wanted: Picture) -> None:
        self.latest = wanted
        self.sizes.append((wanted.width, wanted.height))

    def close(self) -> None:
        self.latest = None


def test_a_stage_without_height_asks_no_card_for_a_picture_and_is_drawn_as_it_is(qtbot: QtBot) -> None:
    view, _ = made(qtbot, showing(TWO))
    card = Card()
    view.stage.use(card)
    assert card.sizes == [(700, view.stage.height())] != [(700, 0)]
    view.stage.resize(700, 0)
    assert len(card.sizes) == 1
    assert view.stage.is_drawn
    picture(view, 700, 300)
    assert card.sizes[-1] == (700, view.stage.height()) != (700, 0)


def test_a_click_on_a_room_selects_its_function_on_its_thread(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    for look in ("corner", "front", "plan"):
        view.patch(showing(AT, views=(BuildingState(measure="time", look=look),)), {"building"})
        place = view.stage.place_of(2, 2)
        assert place is not None
        sent.clear()
        click(view.stage, place)
        click(view.stage, QPoint(620, 4))
        assert sent == [Select(selection=Selection("site", 2, 2)), Select(selection=None)], look


def test_a_click_on_a_card_selects_its_thread(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(TWO, views=BY_TIME))
    plan = view.stage.plan
    assert plan is not None
    card = card_of(view.stage._view(plan), view.stage._regions().cards, 1)
    click(view.stage, card.center())
    assert sent == [Select(selection=Selection("track", 3, 3))]


def test_a_double_click_enters_a_floor_and_escape_leaves_it(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(TWO, views=BY_TIME))
    view.show()
    stage = view.stage
    place = stage.place_of(3, 2)
    assert place is not None
    QTest.mouseDClick(stage, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place.toPoint())
    assert EnterFloor(floor=3) in sent
    view.patch(showing(TWO, views=(BuildingState(measure="time", floor=3),)), {"building"})
    assert floors(view) == ["worker-3"]
    QTest.keyClick(stage, Qt.Key.Key_Escape)
    assert sent[-1] == EnterFloor(floor=0)
    view.patch(showing(TWO, views=BY_TIME), {"building"})
    assert floors(view) == ["worker-2", "worker-3"]


def test_a_fixed_view_comes_within_moments_and_at_once_where_no_motion_is_wanted(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, _ = made(qtbot, showing(AT, views=BY_TIME))
    view.show()
    moves: list[bool] = []
    for wanted in (True, False):
        monkeypatch.setattr("views.building.fading.wants_motion", lambda *_, wanted=wanted: wanted)
        view.patch(showing(AT, views=(BuildingState(measure="time", look="front"),)), {"building"})
        moves.append(not view.stage.is_drawn)
        qtbot.waitUntil(lambda: view.stage.is_drawn, timeout=5_000)
        view.patch(showing(AT, views=BY_TIME), {"building"})
        qtbot.waitUntil(lambda: view.stage.is_drawn, timeout=5_000)
    assert moves == [True, False]
    assert FADE_MS == 150


def test_a_line_of_the_column_is_its_room(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    view.show()
    stage = view.stage
    plan = stage.plan
    assert plan is not None
    [line] = [line for line in stage._lines(plan) if plan.site_id[line.place] == 2]
    column = stage._regions().column
    assert column is not None
    click(stage, QPointF(column[0] + 40, line.y))
    assert sent == [Select(selection=Selection("site", 2, 2))]
    before = picture(view, 700, 480)
    QTest.mouseMove(stage, QPoint(5, 5))
    QTest.mouseMove(stage, QPoint(int(column[0]) + 41, int(line.y)))
    assert stage._hovered == line.place
    assert picture(view, 700, 480) != before  # marked, here and in the house


def test_texts_can_be_read_on_what_they_stand_on() -> None:
    for theme in get_args(Theme):
        shown = colours(theme)
        grounds = [tile_colour(theme, step) for step in range(len(STEPS))]
        assert min(contrast(shown.text, ground) for ground in grounds) >= 4.7
        words = (shown.text, shown.muted, shown.warning)
        assert min(contrast(word, shown.panel) for word in words) >= 4.7
        assert contrast(shown.text, shown.selected) >= 4.7  # nothing else is written on what is picked


def test_a_drag_moves_the_building_and_selects_nothing(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
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


def test_the_legend_says_quantity_unit_scale_and_stretch(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, views=BY_TIME))
    words = view.stage.accessibleDescription().replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert words.startswith("Height: own time in the last 1 s, linear, full height 1.2 s")
    assert "Colour: calls per second in the same stretch: cold < 10 /s" in words
    view.patch(showing(AT, views=(BuildingState(measure="time", look="plan"),)), {"building"})
    assert view.stage.accessibleDescription().startswith("Area: own time in the last")
    buttons = {button.text(): button for button in view.findChildren(QToolButton)}
    for title, event in (
        ("Calls", SetMeasure(measure="calls")),
        ("by CPU", SetHeat(heat_by="cpu")),
        ("plan", SetLook(look="plan")),
    ):
        buttons[title].click()
        assert sent[-1] == event


def test_the_filter_row_filters_by_thread_text_and_size(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(TWO, views=BY_TIME))
    controls = view.controls
    QTest.keyClicks(controls.text, "pu")
    assert sent[-1] == FilterRooms(text="pu")
    for button, at, event in ((controls.floor, 1, EnterFloor(floor=3)), (controls.least, 2, FilterRooms(least=10**7))):
        button.menu().actions()[at].trigger()
        assert sent[-1] == event
    view.patch(showing(TWO, views=(BuildingState(measure="time", text="nothing like it"),)), {"building"})
    assert controls.count.text() == "0 of 4 rooms"
    assert view.stage._instead.startswith("No room passes the filter; “all threads”")
    assert controls.text.text() == "nothing like it"


def test_the_row_is_24_pixels_high_and_two_of_them_where_it_is_narrow(qtbot: QtBot) -> None:
    view, _ = made(qtbot, showing(AT, views=BY_TIME))
    assert [controls_height(view, width) for width in (1150, 420)] == [24, 50]


def test_a_low_building_keeps_its_room_and_the_filters_give_way(qtbot: QtBot) -> None:
    view, _ = made(qtbot, showing(AT, views=BY_TIME))
    assert [controls_height(view, 420, high) for high in (300, 90, 300)] == [50, 24, 50]
    assert controls_height(view, 420, 90) == 24
    assert view.stage.height() >= 60
    assert not view.controls.text.isVisibleTo(view)
    assert controls_height(view, 1150, 90) == 24
    assert view.controls.text.isVisibleTo(view)


def controls_height(view: BuildingView, width: int, height: int = 300) -> int:
    picture(view, width, height)
    return view.controls.height()


def test_a_real_session_fills_the_building_and_its_trend_is_that_of_the_visible_stretch(
    qtbot: QtBot, tmp_path: Path
) -> None:
    session, source = built_session(tmp_path, tracks=5)
    with session:
        at = FrameReader(session).at(session.end_ns)
        view, _ = made(qtbot, showing(at, visible_ns=(session.start_ns, session.end_ns)), source)
        view.wait_until_loaded()
        assert not view.is_loading
        image = picture(view, 700, 480)
        plan = view.stage.plan
        assert plan is not None
        assert len(plan.floors) >= 5
        assert len(plan) >= 40
        for step in set(plan.step.tolist()):
            assert near(image, step_colours("dark")[step], 3) > 50
        assert height_words(plan) in view.stage.accessibleDescription()
        assert colour_words(plan) in view.stage.accessibleDescription()
        middle = view.stage.place_of(int(plan.track_id[0]), int(plan.site_id[0]))
        assert middle is not None
        assert view.stage.room_at(QPointF(middle)) is not None
        view.shut()


def test_without_a_session_or_calls_a_sentence_stands_there(qtbot: QtBot) -> None:
    view, _ = made(qtbot, Assigns())
    assert view.stage._instead == "No session is open"
    view.patch(showing(frame(SECOND_NS)), ALL)
    assert "No call began" in view.stage._instead
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

"""Tables, trees and charts of the inspector: what is pressed where, by mouse and by keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.views.frames import ALL, frame, showing
from tests.views.inspector.pages.test_function import FIGURES, MS, ROW
from tests.views.pictures import click, near, picture
from views.drawing.theme import DARK, colours
from views.inspector.figures import StretchFigures, ThreadFigures, TreeFigures, TreeRow
from views.inspector.pages.function import sections
from views.inspector.pages.stretch import stretch_sections
from views.inspector.scene import PageSetter
from views.inspector.scene_page import Page, Spot
from views.inspector.sections import Form, Row, Section
from views.inspector.state import InspectorState, ToggleCalls
from views.inspector.view import InspectorView
from views.loop.events import Event, GoToCall, Select
from views.loop.state import Selection
from views.reading.source import Source

STRETCH = (100 * MS, 700 * MS)
SUMMARY = StretchFigures(
    stretch_ns=STRETCH,
    calls=1_200,
    cut=1,
    errors=3,
    functions=9,
    by_own=(ROW,),
    by_total=(ROW,),
    threads=(ThreadFigures(2, "worker-1", 800, 300 * MS, 100 * MS),),
    exceptions=(),
    written=(("orders.Stock.units", 5),),
    moved=(("rss_bytes", 2.0**20, 2.0**21),),
)


def line(path: tuple[int, ...], *, has_more: bool = True, is_open: bool = False) -> TreeRow:
    name = f"function_{path[-1]}"
    figures = {"calls": 3, "total_ns": 400 * MS, "own_ns": 100 * MS, "errors": 0}
    return TreeRow(
        path=path,
        level=len(path) - 2,
        site_id=path[-1],
        name=name,
        thread="",
        has_more=has_more,
        is_open=is_open,
        **figures,
    )


TREE = TreeFigures(
    stretch_ns=STRETCH,
    by_thread=False,
    toggled=frozenset(),
    rows=(line((0, 1), is_open=True), line((0, 1, 2)), line((0, 1, 3), has_more=False)),
    left_out=0,
    total_ns=400 * MS,
)
OWN = InspectorState(stretch=SUMMARY, tree=TREE)


def page(found: tuple[Section, ...], width: float = 380) -> Page:
    return PageSetter(colours("dark"), width).page(found, {})


@pytest.fixture
def shown(qtbot: QtBot) -> tuple[InspectorView, list[Event]]:
    sent: list[Event] = []
    view = InspectorView(sent.append, Source())
    qtbot.addWidget(view)
    view.resize(380, 900)
    view.show()
    view.patch(showing(frame(MS), stretch_ns=STRETCH, views=(OWN,)), ALL)
    view.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=10_000)
    return view, sent


def go_down_to(view: InspectorView, text: str) -> Spot:
    for _ in range(len(view.spots())):
        QTest.keyClick(view, Qt.Key.Key_Down)
        spot = view.chosen()
        assert spot is not None
        if spot.text == text and spot.fold is not None:
            return spot
    raise AssertionError(f"{text} was not reached")


def is_claimed(view: InspectorView, key: Qt.Key) -> bool:
    asked = QKeyEvent(QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier)
    asked.ignore()
    QApplication.sendEvent(view, asked)
    return asked.isAccepted()


def test_a_tree_is_opened_closed_and_followed_by_keys(shown: tuple[InspectorView, list[Event]]) -> None:
    view, sent = shown
    assert not is_claimed(view, Qt.Key.Key_Right)
    root = go_down_to(view, "function_1")
    assert (root.is_open, root.level) == (True, 0)
    assert is_claimed(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert sent == [], "it is open"
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert sent == [ToggleCalls(path=(0, 1, 2))]
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.chosen() == root
    QTest.keyClick(view, Qt.Key.Key_Left)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert sent[1:] == [ToggleCalls(path=(0, 1)), Select(selection=Selection("site", 1))]


def test_the_triangle_opens_and_the_name_leads_on(shown: tuple[InspectorView, list[Event]]) -> None:
    view, sent = shown
    top = view.verticalScrollBar().value()
    for text in ("open function_2", "function_2", "function_3"):
        spot = next(spot for spot in view.spots() if spot.text == text)
        click(view.viewport(), spot.box.center().toPoint() if top == 0 else spot.box.center())
    assert sent == [
        ToggleCalls(path=(0, 1, 2)),
        Select(selection=Selection("site", 2)),
        Select(selection=Selection("site", 3)),
    ]
    assert not [spot for spot in view.spots() if spot.text == "open function_3"]


def test_bars_are_pressed_over_the_whole_height_and_say_what_they_are(qtbot: QtBot) -> None:
    sent: list[Event] = []
    view = InspectorView(sent.append, Source())
    qtbot.addWidget(view)
    view.resize(380, 1_000)
    picked = Selection("site", 7)
    state = InspectorState(about=picked, facts=FIGURES)
    view.patch(showing(frame(500 * MS), selection=picked, views=(state,)), ALL)
    view.show()
    [low, empty, high] = [spot for spot in view.spots() if spot.group == "chart durations"]
    assert low.box.height() == empty.box.height() == high.box.height() >= 40
    assert view.told_at(high.box.center()).replace("\N{NARROW NO-BREAK SPACE}", " ") == "100 calls took 4 ms to 8 ms"
    click(view.viewport(), empty.box.center())
    assert sent == []
    click(view.viewport(), QPointF(high.box.center().x(), high.box.top() + 2))
    assert sent == [GoToCall(which="next", site_id=7, lasting_ns=(4 * MS, 8 * MS), stays=True)]
    image = picture(view, 380, 1_000)
    heights = []
    for spot in (low, empty, high):
        heights.append(near(image.copy(spot.box.adjusted(4, 0, -4, 0).toRect()), DARK.accent))
    assert heights[0] > heights[2] > heights[1] == 0


def test_where_there_is_no_room_the_first_columns_go_and_names_stay() -> None:
    found = tuple(one for one in stretch_sections(STRETCH, OWN) if one.key == "functions by own")
    wide, narrow = page(found, 420), page(found, 250)
    for heads, shown in ((["total", "own", "calls"], wide), (["total"], narrow)):
        assert [words.text for words in shown.words if words.text in heads] == heads
    name = next(words for words in narrow.words if words.text == "Store.put")
    assert name.box.width() >= 100
    assert not [words for words in narrow.words if words.text == "1 200"]


def test_what_a_fact_leads_to_goes_below_where_it_would_lie_on_the_words() -> None:
    for width in (420.0, 230.0):
        shown = page(sections(FIGURES, frame(0)), width)
        said = next(words for words in shown.words if words.text.startswith("1\N{NARROW NO-BREAK SPACE}200"))
        links = [words for words in shown.words if words.text in ("previous", "next")][:2]
        assert (links[0].box.top() > said.box.top()) is (width < 300)
        assert all(not said.box.intersects(link.box) for link in links)


def test_a_sentence_that_stands_alone_is_read_to_its_end() -> None:
    said = "not captured: no attributes were watched when this was recorded"
    forms: tuple[Form, ...] = ("entries", "facts")
    for form in forms:
        found = page((Section(key="state", title="State", rows=(Row(key="words", label=said),), form=form),), 230)
        lines = [words for words in found.words if words.text != "State"]
        assert " ".join(words.text for words in lines) == said
        assert len(lines) > 1
        assert not [words for words in lines if words.is_cut()]

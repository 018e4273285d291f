"""The supervision map as a widget: what it paints and what it sends."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from tests.views.frames import ALL, SECOND_NS, frame, process, showing, track
from tests.views.pictures import click, near, picture
from views.drawing.theme import DARK, LIGHT
from views.loop.events import Event, Select, ToggleFold
from views.loop.state import Assigns, Selection
from views.reading.source import Source
from views.supervision.scene import ROW_PX
from views.supervision.state import SetHeat, SupervisionState
from views.supervision.view import SupervisionView


def made(qtbot: QtBot, assigns: Assigns) -> tuple[SupervisionView, list[Event]]:
    sent: list[Event] = []
    view = SupervisionView(sent.append, Source())
    qtbot.addWidget(view)
    view.patch(assigns, ALL)
    view.resize(360, 400)
    return view, sent


AT = frame(
    SECOND_NS,
    processes=[process(1, heat=1.0, cpu_percent=97.0), process(2, name="child", tier="observe")],
    tracks=[track(1, kind="process"), track(2), track(9, kind="process", process_id=2)],
)


def test_a_hot_process_is_red_and_says_its_figure_in_both_themes(qtbot: QtBot) -> None:
    for theme, shown in (("dark", DARK), ("light", LIGHT)):
        view, _ = made(qtbot, showing(AT, theme=theme, views=(SupervisionState(heat_by="cpu"),)))
        image = picture(view, 360, 400)
        assert near(image, shown.hot) > 50
        assert near(image, shown.panel, 4) > 20_000


def test_without_a_session_a_sentence_stands_there(qtbot: QtBot) -> None:
    view, _ = made(qtbot, Assigns())
    assert view.rows.accessibleDescription() == "No session is open"
    assert near(picture(view, 360, 400), DARK.hot) == 0


def test_pressing_a_row_selects_its_process_or_thread(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT))
    picture(view, 360, 400)
    click(view.rows.viewport(), QPoint(150, int(ROW_PX * 0.5)))
    click(view.rows.viewport(), QPoint(150, int(ROW_PX * 1.5)))
    click(view.rows.viewport(), QPoint(150, int(ROW_PX * 8.5)))
    assert sent == [
        Select(selection=Selection("process", 1, 1)),
        Select(selection=Selection("track", 2, 2)),
    ]


def test_pressing_the_sign_or_return_folds_a_process(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT, selection=Selection("process", 1, 1)))
    picture(view, 360, 400)
    click(view.rows.viewport(), QPoint(10, int(ROW_PX * 0.5)))
    QTest.keyClick(view.rows, Qt.Key.Key_Return)
    assert sent == [ToggleFold(track_id=1), ToggleFold(track_id=1)]


def test_the_meaning_of_the_colour_can_be_chosen_and_is_said(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT))
    buttons = {button.text(): button for button in view.findChildren(QToolButton)}
    buttons["Memory"].click()
    assert sent == [SetHeat(heat_by="memory")]
    view.patch(showing(AT, views=(SupervisionState(heat_by="memory"),)), {"supervision"})
    assert buttons["Memory"].isChecked()
    assert view.rows.row_at(5.0) is not None
    assert "MiB" in view.rows.row_at(5.0).figure  # type: ignore[union-attr]


def test_patching_sends_nothing_and_scrolls_over_many_rows(qtbot: QtBot) -> None:
    many = frame(SECOND_NS, tracks=[track(1, kind="process"), *(track(n) for n in range(2, 300))])
    view, sent = made(qtbot, showing(many))
    picture(view, 360, 400)
    bar = view.rows.verticalScrollBar()
    assert bar.maximum() > 290 * ROW_PX - 400
    bar.setValue(bar.maximum())
    last = view.rows.row_at(view.rows.viewport().height() - 5)
    assert last is not None
    assert last.name == "worker-299"
    assert sent == []


def test_the_keyboard_walks_through_the_rows_and_folds(qtbot: QtBot) -> None:
    view, sent = made(qtbot, showing(AT))
    QTest.keyClick(view.rows, Qt.Key.Key_Down)
    assert sent == [Select(selection=Selection("process", 1, 1))]
    view.patch(showing(AT, selection=Selection("process", 1, 1)), ALL)
    QTest.keyClick(view.rows, Qt.Key.Key_Down)
    assert sent[-1] == Select(selection=Selection("track", 2, 2))
    view.patch(showing(AT, selection=Selection("track", 2, 2)), ALL)
    QTest.keyClick(view.rows, Qt.Key.Key_Up)
    assert sent[-1] == Select(selection=Selection("process", 1, 1))
    view.patch(showing(AT, selection=Selection("process", 2, 9)), ALL)
    QTest.keyClick(view.rows, Qt.Key.Key_Down)
    assert sent[-1] == Select(selection=Selection("process", 2, 9))
    view.patch(showing(AT, selection=Selection("process", 1, 1)), ALL)
    QTest.keyClick(view.rows, Qt.Key.Key_Return)
    assert sent[4:] == [ToggleFold(track_id=1)]

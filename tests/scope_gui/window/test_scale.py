"""The whole window larger and smaller: what is written grows, nothing is cut, and what is pressed is what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from scope_gui.window.window import MainWindow
from tests.dags.frame.test_reader import seal, story
from tests.scope_gui.window.test_parts import Desk
from tests.views.pictures import click
from views.drawing.theme import dress
from views.loop import events as e
from views.loop.state import SCALES, Selection, Theme
from views.timeline.view import TimelineView

LOW = (1280, 800)


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    seal(tmp_path / "story.scope", story()).close()
    made = Desk(qtbot, tmp_path / "story.scope", monkeypatch)
    made.window.resize(*LOW)
    made.do(e.Tell(notice=None))
    yield made
    made.window.close()
    made.effects.stop()
    dress("dark", 100)


def at_scale(desk: Desk, scale: int) -> MainWindow:
    desk.do(e.ChangeSetting(name="scale", value=scale))
    desk.window.lay_out()
    for _ in range(3):  # what fits into a row is known once the row is laid out
        QApplication.processEvents()
        desk.do()
    return desk.window


def words(window: MainWindow) -> list[QLabel | QAbstractButton]:
    """Labels and buttons in sight that say something in one line."""
    parts: list[QWidget] = [*window.findChildren(QLabel), *window.findChildren(QAbstractButton)]
    shown = [part for part in parts if part.isVisible() and part.visibleRegion().isEmpty() is False]
    return [part for part in shown if isinstance(part, QLabel | QAbstractButton) and part.text()]


@pytest.mark.parametrize("scale", [scale for scale in SCALES if scale <= 150])
def test_in_a_small_window_nothing_that_is_written_is_cut(desk: Desk, scale: int) -> None:
    window = at_scale(desk, scale)
    assert (window.width(), window.height()) == LOW
    seen = words(window)
    assert len(seen) >= 8
    for part in seen:
        assert part.height() >= part.fontMetrics().height(), (scale, part.text(), part.height())
        if isinstance(part, QAbstractButton) or (not part.wordWrap() and part.textFormat() != Qt.TextFormat.RichText):
            assert part.width() >= part.fontMetrics().horizontalAdvance(part.text()), (scale, part.text())
        corner = part.mapTo(window, QPoint(part.width(), part.height()))
        assert corner.x() <= LOW[0] + 1, (scale, part.text())
        assert corner.y() <= LOW[1] + 1, (scale, part.text())


@pytest.mark.parametrize("scale", [scale for scale in SCALES if scale > 150])
def test_the_largest_scale_fits_a_small_screen_and_leaves_the_lanes_their_room(desk: Desk, scale: int) -> None:
    window = at_scale(desk, scale)
    assert (window.width(), window.height()) == LOW
    assert window.docks["timeline"].width() >= LOW[0] / 2
    assert window.views["timeline"].lanes_width() * scale / 100 >= 300
    bar = window.transport
    shown = [part for part in bar.children() if isinstance(part, QWidget) and part.isVisible()]
    assert bar.clock in shown
    assert all(part.x() + part.width() <= bar.width() + 1 for part in shown)


def test_fonts_of_labels_follow_the_scale_there_and_back_in_every_theme(desk: Desk) -> None:
    """Seen or not, and with or without a style sheet of their own."""
    labels = desk.window.findChildren(QLabel)
    points = [label.font().pointSizeF() for label in labels]
    assert len(set(points)) > 3
    for scale in (150, 80, 100):
        at_scale(desk, scale)
        for theme in get_args(Theme):
            desk.do(e.SetTheme(theme=theme))
            if theme == "light":
                desk.show_only("supervision")
            found = [label.font().pointSizeF() for label in labels]
            assert found == pytest.approx([one * scale / 100 for one in points], abs=0.51), (scale, theme)


@pytest.mark.parametrize("scale", [80, 100, 150])
def test_a_click_on_a_lane_picks_what_is_painted_there(desk: Desk, scale: int) -> None:
    window = at_scale(desk, scale)
    timeline = window.views["timeline"]
    assert isinstance(timeline, TimelineView)
    timeline.wait_until_loaded()
    spans = [row for row in timeline.shown().spans if row["end_ns"] <= desk.store.assigns.range_ns[1]]
    span = max(spans, key=lambda row: int(row["end_ns"]) - int(row["start_ns"]))
    middle_ns = (int(span["start_ns"]) + int(span["end_ns"])) // 2
    desk.do(e.Select(selection=Selection("track", int(span["track_id"]), int(span["track_id"]))))
    place = timeline.point_of(int(span["track_id"]), int(span["depth"]), middle_ns)
    click(timeline, QPoint(timeline.px(place.x()), timeline.px(place.y())))
    desk.do()
    assert desk.store.assigns.selection == Selection("call", int(span["call_id"]), int(span["track_id"]))

"""Painted views at a scale: what they measure, paint and are pointed at is in units."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.views.pictures import picture
from views.drawing.scaled import ScaledScrollArea, ScaledWidget

BAR = (0, 40, 60, 10)
"""Left, top, width, height of what is painted. Units: units."""


class Bars(ScaledWidget):
    """A bar on black, which keeps where it was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[QPointF] = []
        self.resized = 0

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = self.painter()
        painter.fillRect(self.rect(), QColor("#000000"))
        painter.fillRect(*BAR, QColor("#ff0000"))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.pressed.append(event.position())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self.resized += 1


class Rows(ScaledScrollArea):
    """The same in an area that scrolls."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(ScaledScrollArea.Shape.NoFrame)
        self.pressed: list[QPointF] = []
        self.resized = 0

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = self.viewport().painter()
        painter.fillRect(self.viewport().rect(), QColor("#000000"))
        painter.fillRect(*BAR, QColor("#ff0000"))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.pressed.append(event.position())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self.resized += 1


def target(view: Bars | Rows) -> QWidget:
    """The widget that a pointer is over."""
    return view.viewport() if isinstance(view, Rows) else view


@pytest.mark.parametrize("kind", [Bars, Rows])
@pytest.mark.parametrize("scale", [80, 100, 125, 150, 200])
def test_a_view_paints_and_is_pointed_at_in_units(qtbot: QtBot, kind: type[Bars] | type[Rows], scale: int) -> None:
    view = kind()
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.take_scale(scale)
    image = picture(view, 300, 200)
    seen = view.viewport() if isinstance(view, Rows) else view
    assert (seen.width(), seen.height()) == (-(-300 * 100 // scale), -(-200 * 100 // scale))
    _, top, _, height = (length * scale // 100 for length in BAR)
    for y, colour in ((top + 1, "#ff0000"), (top + height - 2, "#ff0000"), (top - 2, "#000000")):
        assert image.pixelColor(5, y).name() == colour, y
    assert image.pixelColor(299, 199).name() == "#000000"  # nothing is left unpainted at the far edges
    QTest.mousePress(target(view), Qt.MouseButton.LeftButton, pos=QPoint(120, 60))
    assert view.pressed == [QPointF(120, 60) * 100 / scale]


@pytest.mark.parametrize("kind", [Bars, Rows])
def test_another_scale_is_another_size(qtbot: QtBot, kind: type[Bars] | type[Rows]) -> None:
    view = kind()
    qtbot.addWidget(view)
    picture(view, 300, 200)
    before = view.resized
    view.take_scale(150)
    assert view.resized == before + 1
    view.take_scale(150)
    assert view.resized == before + 1
    assert view.size().width() == 300  # to Qt it is as large as it was

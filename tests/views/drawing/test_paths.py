"""Arrays as Qt's polygons and paths."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainterPath

from views.drawing.paths import path_of, polygon_of


def test_a_polygon_has_the_points_in_order() -> None:
    polygon = polygon_of(np.array([1.0, 2.5, -3.0]), np.array([0.0, 4.0, 1e-9]))
    assert polygon.toList() == [QPointF(1.0, 0.0), QPointF(2.5, 4.0), QPointF(-3.0, 1e-9)]
    assert polygon_of(np.empty(0), np.empty(0)).isEmpty()


def test_a_path_is_what_moving_and_drawing_lines_would_have_made() -> None:
    squares = np.array([[(0, 0), (10, 0), (10, 10), (0, 10)], [(20, 0), (30, 0), (30, 10), (20, 10)]], np.float64)
    wanted = QPainterPath()
    wanted.setFillRule(Qt.FillRule.WindingFill)
    for square in squares.tolist():
        wanted.moveTo(*square[0])
        for corner in [*square[1:], square[0]]:
            wanted.lineTo(*corner)
    made = path_of(squares)
    assert made == wanted
    assert made.contains(QPointF(25, 5))
    assert not made.contains(QPointF(15, 5))
    made.lineTo(5.0, 5.0)
    made.closeSubpath()
    assert made.elementCount() == wanted.elementCount() + 2


def test_no_polygons_are_an_empty_path() -> None:
    assert path_of(np.empty((0, 4, 2))).isEmpty()

"""A change of what is recorded is a line over all lanes, and in the overview."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QImage, QPainter

from views.drawing.theme import colours
from views.loop.state import Theme
from views.timeline.layout import TOP
from views.timeline.overlay import Moving, paint_moving

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_change_of_what_is_recorded_is_seen_where_it_was(theme: Theme) -> None:
    moving = Moving((0, 1_000), (0, 1_000), 0, None, (), 800, 300, None, [500])
    image = QImage(moving.width, moving.height, QImage.Format.Format_RGB32)
    image.fill(QColor("#010203"))
    painter = QPainter(image)
    paint_moving(painter, moving, theme)
    painter.end()
    wanted = QColor(colours(theme).muted).rgb()
    x = round(moving.x(500))
    seen = [image.pixel(x, y) == wanted for y in range(TOP, moving.height)]
    assert len(seen) / 4 < sum(seen) < len(seen)
    assert any(image.pixel(moving.small_x(500), y) == wanted for y in range(TOP))
    assert not any(image.pixel(x + 9, y) == wanted for y in range(TOP, moving.height))

"""The icon: one drawing, sharp at every size."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from scope_gui.desktop.icon import ICON_PX, icon, icon_png


@pytest.mark.parametrize("size", [16, 32, 48])
def test_bars_and_cursor_have_sharp_edges_at_small_sizes(size: int) -> None:
    """Along the column left of the cursor: whole bars of one colour each, nothing half way between bar and tile."""
    image = QImage.fromData(icon_png(size) or b"")
    column = [image.pixelColor(size * 30 // 64, y).name() for y in range(size)]
    bars = {column[size * at // 64] for at in (24, 36, 48)}
    assert len(bars) == 3
    for bar in bars:
        assert column.count(bar) == size * 8 // 64
    assert {image.pixelColor(size * 38 // 64, size * y // 64).name() for y in (20, 30, 40, 48)} == {"#ffffff"}


def test_windows_get_every_size(qtbot: QtBot) -> None:
    assert sorted(size.width() for size in icon().availableSizes()) == list(ICON_PX)

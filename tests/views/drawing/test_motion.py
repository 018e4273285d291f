"""What may move by itself: as it was settled, else as the desktop's style has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from views.drawing.motion import still, wants_motion
from views.loop.state import Motion


class Styled(QWidget):
    """A widget whose style has things move for so long."""

    style_ms = 0

    def style(self) -> Any:
        return SimpleNamespace(styleHint=lambda *_: self.style_ms)


def test_what_was_settled_comes_before_the_style(qtbot: QtBot) -> None:
    view = Styled()
    qtbot.addWidget(view)
    view.show()
    for style_ms in (0, 200):
        view.style_ms = style_ms
        assert [wants_motion(view, motion) for motion in get_args(Motion)] == [style_ms > 0, True, False]


def test_what_nobody_sees_does_not_move(qtbot: QtBot) -> None:
    view = QWidget()
    qtbot.addWidget(view)
    assert not wants_motion(view, "full")
    view.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    view.show()
    assert not wants_motion(view, "full")


def test_panels_and_the_text_cursor_are_still_as_long_as_that_is_settled(qtbot: QtBot) -> None:
    window, hints = QMainWindow(), QApplication.styleHints()
    qtbot.addWidget(window)
    still(window, "reduced")
    assert (window.isAnimated(), hints.cursorFlashTime()) == (False, 0)
    still(window, "system")
    assert window.isAnimated()
    assert hints.cursorFlashTime() > 0

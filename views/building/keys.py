"""Keys that are the stage's own while it has the keyboard, and the frame that says so."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter

from views.building.layout import Toward
from views.drawing.keyboard import paint_focus_frame
from views.loop.state import Theme

KEY_WORDS = "Arrows: rooms · Esc: back"
TOWARD: dict[int, Toward] = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
}


def is_own(event: QKeyEvent) -> bool:
    """Whether a key is the stage's while it has the keyboard."""
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    return plain and (event.key() in TOWARD or event.key() == Qt.Key.Key_Escape)


def paint_focus(painter: QPainter, area: QRectF, theme: Theme) -> None:
    """A frame; what the keys do inside it stands in the legend (KEY_WORDS)."""
    paint_focus_frame(painter, area, theme)

"""Keys that are a view's own while it has the keyboard, and the frame that says which view has it.

The window's commands are shortcuts, and a shortcut comes before the widget: a view that wants an arrow for itself has
to claim it when Qt asks (ShortcutOverride).
"""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen

from views.drawing.theme import colours
from views.loop.state import Theme

CHOOSING = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter})
SIDEWAYS = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right})
PRESSING = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter})


def claimed(event: QEvent, own: Collection[int]) -> bool:
    """Takes one of these keys, pressed without others, away from the window; False when it is none of them."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    if not plain or event.key() not in own:
        return False
    event.accept()
    return True


def paint_focus_frame(painter: QPainter, area: QRectF, theme: Theme) -> None:
    """A frame around what has the keyboard."""
    painter.setPen(QPen(QColor(colours(theme).accent), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(area.adjusted(1, 1, -1, -1))

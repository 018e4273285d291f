"""Whether something may move by itself: every animation asks here."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMainWindow, QStyle, QWidget

from views.loop.state import Motion

_FLASH_MS = 1_000
"""Of the text cursor, on and off, where the desktop does not say."""


def wants_motion(widget: QWidget, motion: Motion) -> bool:
    """Whether a widget is seen, and may change gradually: as the person has settled it, else as the desktop's style has
    it (0 ms where motion is to be reduced).
    """
    is_seen = widget.isVisible() and not widget.window().testAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    if not is_seen or motion != "system":
        return is_seen and motion == "full"
    return widget.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, widget) > 0


def still(window: QMainWindow, motion: Motion) -> None:
    """What Qt moves by itself, panels and text cursor, as it was settled."""
    window.setAnimated(motion != "reduced")
    hints = QApplication.styleHints()
    if motion == "reduced":
        hints.setCursorFlashTime(0)
    elif hints.cursorFlashTime() == 0:
        hints.setCursorFlashTime(_FLASH_MS)

"""What a widget looks like, and clicks on it, for tests of views."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget


def picture(widget: QWidget, width: int, height: int) -> QImage:
    """The widget as it looks at that size."""
    widget.resize(width, height)
    widget.ensurePolished()
    return widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def pixels(image: QImage) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red, green and blue. Shape: (height, width, 3)."""
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return raw[:, : image.width(), 2::-1].copy()


def near(image: QImage, colour: str | QColor, tolerance: int = 24) -> int:
    """How many pixels are about of that colour."""
    wanted = QColor(colour)
    away = np.abs(pixels(image).astype(int) - np.array([wanted.red(), wanted.green(), wanted.blue()]))
    return int((away.max(axis=2) <= tolerance).sum())


def click(widget: QWidget, at: QPointF | QPoint) -> None:
    """Presses and lets go of the left button there."""
    point = at.toPoint() if isinstance(at, QPointF) else at
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)


def contrast(first: str, second: str) -> float:
    """How well one colour is told from another, 1 to 21. Source: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [value / 255 for value in bytes.fromhex(colour[1:])]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)

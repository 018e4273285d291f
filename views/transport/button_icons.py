"""The five buttons' pictures, painted: the fonts of many systems lack the characters for them."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap, QPolygonF

from views.drawing.theme import qcolor

Sign = Literal["start", "back", "play", "pause", "on", "end"]
SIZE_PX = 16
_SCALE = 3  # painted larger, so that they stay sharp on dense screens


def button_icon(sign: Sign, colour: str, faded: str) -> QIcon:
    """The picture of a button, with one for when it is disabled."""
    made = QIcon()
    made.addPixmap(_painted(sign, colour), QIcon.Mode.Normal)
    made.addPixmap(_painted(sign, faded), QIcon.Mode.Disabled)
    return made


def _painted(sign: Sign, colour: str) -> QPixmap:
    pixmap = QPixmap(SIZE_PX * _SCALE, SIZE_PX * _SCALE)
    pixmap.setDevicePixelRatio(_SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(qcolor(colour))
    for x, width in {"start": ((2, 2),), "end": ((12, 2),), "back": ((11, 2),), "on": ((3, 2),)}.get(sign, ()):
        painter.drawRect(QRectF(x, 3, width, 10))
    if sign == "pause":
        painter.drawRect(QRectF(4, 3, 3, 10))
        painter.drawRect(QRectF(9, 3, 3, 10))
    tip = {"start": (5, 13), "back": (2, 9), "play": (13, 4), "on": (14, 7), "end": (11, 3)}.get(sign)
    if tip is not None:
        painter.drawPolygon(QPolygonF([QPointF(tip[0], 8), QPointF(tip[1], 3), QPointF(tip[1], 13)]))
    painter.end()
    return pixmap

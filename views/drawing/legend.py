"""What the signs of a picture mean: samples and words in a row that wraps, below a view that is shown on its own.

A view says which signs it uses (`legend()`); where they are placed and how they are painted is the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QPainter, QPen, QPolygonF

from views.drawing.theme import colours, qcolor, text_font
from views.loop.state import Theme

FONT_POINTS = 8.5
LINE_PX = 20.0
PAD_PX = 8.0
SAMPLE_PX = 14.0
_GAP_PX = 18.0
_TO_WORDS_PX = 6.0
_MIDDLE = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

Look = Literal["block", "hatch", "line", "dashes", "flag", "edge", "struck", "underlined"]


class Sign(msgspec.Struct, frozen=True):
    """A sample and what it means; without a look the words stand alone."""

    words: str
    look: Look | None = None
    colour: str = ""


@runtime_checkable
class HasLegend(Protocol):
    """A view whose signs need words when it is shown on its own; others paint their legend themselves."""

    def legend(self) -> tuple[Sign, ...]:
        """The signs in it, with those of the theme in force."""


def signs_of(view: object) -> tuple[Sign, ...]:
    """The signs of a view, none of one that needs no legend."""
    return view.legend() if isinstance(view, HasLegend) else ()


def fitting(signs: Sequence[Sign], width: float, height: float) -> tuple[Sign, ...]:
    """The signs for a picture of that size: in one that is small, the first ones, in a quarter of its height."""
    lines = max(1, int((height / 4 - PAD_PX) / LINE_PX))
    return tuple(sign for sign, (_, line) in zip(signs, _placed(signs, width), strict=True) if line < lines)


def legend_height(signs: Sequence[Sign], width: float) -> int:
    """How high the legend is at that width; 0 without signs."""
    places = _placed(signs, width)
    return round((places[-1][1] + 1) * LINE_PX + PAD_PX) if places else 0


def paint_signs(painter: QPainter, signs: Sequence[Sign], area: QRectF, theme: Theme) -> None:
    """Paints the legend into an area as high as `legend_height` says."""
    shown = colours(theme)
    painter.fillRect(area, qcolor(shown.window))
    if not signs:
        return
    painter.setPen(qcolor(shown.line))
    painter.drawLine(area.topLeft(), area.topRight())
    painter.setFont(text_font(FONT_POINTS))
    for sign, (x, line) in zip(signs, _placed(signs, area.width()), strict=True):
        top = area.top() + PAD_PX / 2 + line * LINE_PX
        box = QRectF(area.left() + x, top + LINE_PX / 2 - 5, SAMPLE_PX, 10)
        left = box.left()
        if sign.look is not None:
            _paint_sample(painter, sign, box)
            left = box.right() + _TO_WORDS_PX
        painter.setPen(qcolor(shown.muted))
        painter.drawText(QRectF(round(left), top, area.right() - left, LINE_PX), _MIDDLE, sign.words)


def _placed(signs: Sequence[Sign], width: float) -> list[tuple[float, int]]:
    """(x, line) of each sign: as many on a line as fit, at least one."""
    metrics, places = QFontMetricsF(text_font(FONT_POINTS)), []
    x, line = PAD_PX, 0
    for sign in signs:
        sample = SAMPLE_PX + _TO_WORDS_PX if sign.look is not None else 0.0
        wide = sample + metrics.horizontalAdvance(sign.words)
        if x > PAD_PX and x + wide > width - PAD_PX:
            x, line = PAD_PX, line + 1
        places.append((x, line))
        x += wide + _GAP_PX
    return places


def _paint_sample(painter: QPainter, sign: Sign, box: QRectF) -> None:
    colour = qcolor(sign.colour)
    middle = box.center()
    painter.save()
    match sign.look:
        case "block":
            painter.fillRect(box, colour)
        case "hatch":
            painter.fillRect(box, qcolor(sign.colour, 60))
            painter.fillRect(box, QBrush(colour, Qt.BrushStyle.BDiagPattern))
        case "edge":
            painter.fillRect(QRectF(box.left(), middle.y() - 1.5, box.width(), 3), colour)
        case "line" | "dashes":
            style = Qt.PenStyle.DashLine if sign.look == "dashes" else Qt.PenStyle.SolidLine
            painter.setPen(QPen(colour, 1.5, style))
            painter.drawLine(QPointF(box.left(), middle.y()), QPointF(box.right(), middle.y()))
        case "flag":
            x, y = box.left() + 2, box.top()
            corners = ((0, 0), (9, 0), (6, 4), (9, 8), (0, 8))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(QPolygonF([QPointF(x + dx, y + dy) for dx, dy in corners]))
            painter.fillRect(QRectF(x, y, 1, box.height()), colour)
        case "struck" | "underlined":
            font = text_font(FONT_POINTS)
            font.setStrikeOut(sign.look == "struck")
            font.setUnderline(sign.look == "underlined")
            painter.fillRect(box.adjusted(-2, -3, 2, 3), qcolor(sign.colour, 46))
            painter.setFont(font)
            painter.setPen(colour)
            painter.drawText(box.adjusted(-2, -4, 2, 4), int(Qt.AlignmentFlag.AlignCenter), "12")
    painter.restore()

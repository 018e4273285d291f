"""The building's legend: which quantity the height is, on which scale, over which stretch; what colours stand for."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from views.building.layout import House
from views.building.regions import PAD_PX, Area
from views.drawing.heat import step_colours
from views.drawing.theme import colours, text_font
from views.loop.state import Theme
from views.words.figures import duration_text
from views.words.heat_steps import STEPS

FONT_POINTS = 8.5
SWATCH_PX = 8.0
GAP_PX = 14.0
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


def area_words(plan: House) -> str:
    """What the areas of one floor from above are: quantity, stretch."""
    return f"Area: {plan.measure.says} in the last {duration_text(plan.span_ns)}"


def height_words(plan: House) -> str:
    """What the height is: quantity, stretch, scale."""
    span = duration_text(plan.span_ns)
    said = f"Height: {plan.measure.says} in the last {span}, linear, full height {plan.measure.text(plan.full)}"
    return f"{said} ({plan.measure.note})" if plan.measure.note else said


def colour_words(plan: House) -> str:
    """What the colour is, step by step."""
    steps = ", ".join(f"{step} {words}" for step, words in zip(STEPS, plan.tint.scale.words(), strict=True))
    return f"Colour: {plan.tint.scale.title} in the same stretch: {steps}"


def paint_legend(painter: QPainter, plan: House, area: Area, theme: Theme, *, instead: str = "") -> None:
    """Paints it along the bottom: the steps to the right, the words, or those `instead`, as far as there is room."""
    left, top, width, height = area
    font = text_font(FONT_POINTS)
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    words = plan.tint.scale.words()
    x = left + width - PAD_PX - sum(math.ceil(metrics.horizontalAdvance(word)) for word in words)
    x -= len(words) * (SWATCH_PX + 5) + (len(words) - 1) * GAP_PX
    steps_left = max(x, left + PAD_PX)
    x = steps_left
    for colour, word in zip(step_colours(theme), words, strict=True):
        painter.fillRect(QRectF(round(x), round(top + (height - SWATCH_PX) / 2), SWATCH_PX, SWATCH_PX), colour)
        wide = math.ceil(metrics.horizontalAdvance(word))
        painter.setPen(QColor(colours(theme).muted))
        painter.drawText(QRectF(round(x) + SWATCH_PX + 5, top, wide + 1, height), _LEFT, word)
        x += SWATCH_PX + 5 + wide + GAP_PX
    room = steps_left - left - PAD_PX - GAP_PX
    if room > 60:
        said = metrics.elidedText(instead or height_words(plan), Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left + PAD_PX, top, room, height), _LEFT, said)

"""The building's legend: which quantity the height is, in which unit and up to what; what the colours stand for."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter

from views.building.layout import HOT_PER_SECOND, Building
from views.drawing.heat import heat_scale
from views.drawing.theme import colours, text_font
from views.loop.state import Theme
from views.words.figures import count_text, duration_text, short_count

BAR_PX = 150.0


def height_words(plan: Building) -> str:
    """What the height is: quantity, stretch, scale and the highest value with its unit."""
    span = duration_text(plan.window_ns)
    crowd = f" · without {count_text(plan.left_out)} ended threads" if plan.left_out else ""
    if plan.measure == "time":
        return f"Height: own time in the last {span}, highest {duration_text(plan.top)}{crowd}"
    return f"Height: calls in the last {span}, by powers of ten, highest {short_count(plan.top)} calls{crowd}"


def colour_words(plan: Building) -> str:
    """What the colour is."""
    return f"Colour: calls per second in the last {duration_text(plan.window_ns // 10)}"


def paint_legend(painter: QPainter, plan: Building, theme: Theme, width: float, bottom: float) -> None:
    """Paints the legend along the bottom: words to the left, the scale to the right or below them."""
    shown, font = colours(theme), text_font()
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    line = metrics.height() + 2
    top = bottom - 2 * line - 8
    painter.setPen(QColor(shown.muted))
    words = QRectF(12, top, max(width - BAR_PX - 48, 60), line)
    for at, text in enumerate((height_words(plan), colour_words(plan))):
        painter.drawText(
            words.translated(0, at * line),
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            metrics.elidedText(text, Qt.TextElideMode.ElideRight, words.width()),
        )
    bar = QRectF(width - BAR_PX - 16, top + 4, BAR_PX, line - 8)
    gradient = QLinearGradient(bar.left(), 0, bar.right(), 0)
    scale = heat_scale(theme)
    for at, colour in enumerate(scale):
        gradient.setColorAt(at / (len(scale) - 1), colour)
    painter.fillRect(bar, gradient)
    below = QRectF(bar.left(), bar.bottom() + 2, bar.width(), line)
    painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), "0")
    painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), short_count(HOT_PER_SECOND**0.5))
    painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), f"{short_count(HOT_PER_SECOND)} /s")

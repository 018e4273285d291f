"""Paints the rows of the supervision map: heat as a bar behind the figure, a spark line, the state as a sign."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from views.drawing.heat import faded, level_colour
from views.drawing.legend import Sign
from views.drawing.theme import Colours, colours, text_font
from views.loop.state import Theme
from views.supervision.layout import SupervisionRow

ROW_PX = 38.0
INDENT_PX = 12.0
RIGHT_PX = 76.0  # the column of figures and, below them, of spark lines
FIGURE_PX = 18.0
FOLD_PX = 16.0
HEAT_ALPHA, GROUND_ALPHA = 0.3, 0.12  # the figure is written over both
STRIP_PX = 3.0

_SIGNS = {"running": "●", "waiting": "◌", "stopped": "◌", "ended": "■"}
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def paint_rows(
    painter: QPainter,
    rows: Sequence[SupervisionRow],
    shown: Colours,
    width: float,
    *,
    first: int = 0,
    selected: int | None = None,
) -> None:
    """Paints rows from the painter's origin down; `first` is the number of the topmost, for the striping."""
    for at, row in enumerate(rows):
        box = QRectF(0, at * ROW_PX, width, ROW_PX)
        if row.track_id == selected:
            painter.fillRect(box, QColor(shown.selected))
        elif (first + at) % 2:
            painter.fillRect(box, QColor(shown.raised))
        _paint_row(painter, row, box, shown)


def signs(theme: Theme) -> tuple[Sign, ...]:
    """What levels and states look like."""
    shown = colours(theme)
    levels = (("cold", shown.cold), ("healthy", shown.healthy), ("warm", shown.warning), ("hot", shown.hot))
    return (
        *(Sign(word, "block", colour) for word, colour in levels),
        Sign("not captured", "hatch", shown.muted),
        *(Sign(f"{sign} {word}") for word, sign in _SIGNS.items()),
    )


def fold_box(row: SupervisionRow) -> QRectF:
    """Where a row's fold sign is, from the row's own corner."""
    return QRectF(4 + row.depth * INDENT_PX, 0, FOLD_PX, ROW_PX)


def _paint_row(painter: QPainter, row: SupervisionRow, box: QRectF, shown: Colours) -> None:
    text, quiet = QColor(shown.text), QColor(shown.muted)
    colour = level_colour(row.level, shown)
    left = box.left() + 4 + row.depth * INDENT_PX
    if row.children:
        _paint_fold(painter, QPointF(left + FOLD_PX / 2, box.center().y()), text, folded=row.folded)
    left += FOLD_PX
    painter.fillRect(QRectF(left, box.top() + 5, 4, box.height() - 10), colour)
    left += 10
    figure = QRectF(box.right() - RIGHT_PX - 8, box.top() + 3, RIGHT_PX, FIGURE_PX)
    right = figure.left() - 8
    if row.spark:
        _paint_spark(painter, row, QRectF(figure.left(), figure.bottom() + 2, RIGHT_PX, ROW_PX - FIGURE_PX - 8), shown)
    font = painter.font()
    bold = painter.font()
    bold.setBold(row.is_process)
    painter.setFont(bold)
    painter.setPen(text if row.status != "ended" else quiet)
    detail = detail_of(row)
    top = QRectF(left, box.top() + 2, max(right - left, 0), box.height() / 2 - 1)
    top.moveTop(top.top() if detail else box.center().y() - top.height() / 2)
    metrics = QFontMetricsF(bold)
    painter.drawText(top, _LEFT, metrics.elidedText(name_of(row), Qt.TextElideMode.ElideMiddle, top.width()))
    painter.setFont(font)
    painter.setPen(quiet)
    below = top.translated(0, box.height() / 2 - 2)
    painter.drawText(below, _LEFT, QFontMetricsF(font).elidedText(detail, Qt.TextElideMode.ElideRight, below.width()))
    if row.figure:
        _paint_figure(painter, row, figure, shown)


def name_of(row: SupervisionRow) -> str:
    """The first line: what it does, as a sign, and its name."""
    return f"{_SIGNS[row.status]} {row.name}"


def detail_of(row: SupervisionRow) -> str:
    """The second line."""
    return f"{row.children} inside · {row.detail}" if row.folded and row.children else row.detail


def _paint_figure(painter: QPainter, row: SupervisionRow, box: QRectF, shown: Colours) -> None:
    colour, font = level_colour(row.level, shown), painter.font()
    if row.heat is None:
        painter.fillRect(box, QBrush(faded(colour, 0.35), Qt.BrushStyle.BDiagPattern))
        painter.setPen(QColor(shown.muted))
        painter.setFont(text_font(8))  # words, where there is no figure, are longer than any figure
    else:
        bar = QRectF(box.left(), box.top(), box.width() * row.heat, box.height())
        painter.fillRect(box, QColor(shown.panel))
        painter.fillRect(box, faded(colour, GROUND_ALPHA))
        painter.fillRect(bar, faded(colour, HEAT_ALPHA))
        painter.fillRect(bar.adjusted(0, bar.height() - STRIP_PX, 0, 0), colour)
        painter.setPen(QColor(shown.text))
    painter.drawText(box.adjusted(0, 0, -4, 0), _RIGHT, row.figure)
    painter.setFont(font)


def _paint_spark(painter: QPainter, row: SupervisionRow, box: QRectF, shown: Colours) -> None:
    colour = level_colour("cold" if row.level == "unknown" else row.level, shown)
    step = box.width() / len(row.spark)
    tops = [box.bottom() - value**0.5 * (box.height() - 1) for value in row.spark]
    line = [QPointF(box.left() + (at + 0.5) * step, top) for at, top in enumerate(tops)]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(faded(colour, 0.25))
    painter.drawPolygon(QPolygonF([QPointF(line[0].x(), box.bottom()), *line, QPointF(line[-1].x(), box.bottom())]))
    painter.setPen(QPen(colour, 1.2))
    painter.drawPolyline(QPolygonF(line))
    painter.restore()


def _paint_fold(painter: QPainter, centre: QPointF, colour: QColor, *, folded: bool) -> None:
    ends = [(-3, -5), (4, 0), (-3, 5)] if folded else [(-5, -3), (5, -3), (0, 4)]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([centre + QPointF(x, y) for x, y in ends]))
    painter.restore()

"""Paints the metrics strip: a row per metric, its value at the cursor in the gutter, its line over the visible time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from dags.analyses.lod import Array
from views.drawing.paths import polygon_of
from views.drawing.theme import Colours, colours, number_font, qcolor, text_font
from views.drawing.time_scale import px_from_ns
from views.loop.state import Theme
from views.metrics.layout import GUTTER, VALUE_PX, MetricLine, columns, row_tops
from views.words.plain_text import plain

FONT_POINTS = 8.5
PEAK_PX = 3.0
TWO_ENDS_PX, END_PX = 48, 16
_NOTHING = "Nothing is sampled here: CPU and memory are those of a program while it is recorded"
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight)


def paint_lines(
    painter: QPainter, lines: Sequence[MetricLine], visible_ns: tuple[int, int], size: tuple[int, int], theme: Theme
) -> None:
    """Everything that stays while the cursor moves."""
    shown = colours(theme)
    width = size[0] - GUTTER
    painter.fillRect(0, 0, *size, qcolor(shown.panel))
    painter.fillRect(0, 0, GUTTER, size[1], qcolor(shown.window))
    painter.setFont(text_font(FONT_POINTS))
    for line, (top, height) in zip(lines, row_tops(lines, size[1]), strict=True):
        area = QRectF(GUTTER, top, width, height)
        paint_line(painter, line, visible_ns, area, theme=theme, scale=(0.0, line.top()))
        _paint_top(painter, line.text(line.top()), QRectF(GUTTER, top + 1, width - 6, 14), shown)
        painter.setPen(qcolor(shown.muted))
        room = GUTTER - VALUE_PX - 8
        title = painter.fontMetrics().elidedText(plain(line.title, 60), Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(8, top, room, height), _MIDDLE, title)
        painter.setPen(qcolor(shown.line))
        painter.drawLine(0, top + height - 1, size[0], top + height - 1)
    painter.setPen(qcolor(shown.line))
    painter.drawLine(GUTTER - 1, 0, GUTTER - 1, size[1])
    if not lines:
        painter.setPen(qcolor(shown.muted))
        painter.setFont(text_font())
        area = QRectF(GUTTER, 0, width, size[1]).adjusted(8, 0, -8, 0)
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        painter.drawText(area, flags, _NOTHING)


def paint_line(
    painter: QPainter,
    line: MetricLine,
    visible_ns: tuple[int, int],
    area: QRectF,
    *,
    theme: Theme,
    scale: tuple[float, float] | None = None,
) -> None:
    """One metric over the visible time. `scale`: what lies at the foot and at the top; None: from the least to the most
    that is visible, and both are written at the right, each at its end where there is room for two lines.
    """
    shown, left = colours(theme), area.left()
    low, high = columns(line, visible_ns, max(1, int(area.width())))
    known = np.flatnonzero(np.isfinite(high))
    bounds = scale or line.bounds(visible_ns)
    if len(known) and bounds is not None:
        foot, tall = area.bottom() - 3, max(8.0, area.height() - 8)
        per = tall / max(bounds[1] - bounds[0], 1e-9)
        for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):  # no line leads over where there is none
            x, y = corners(left + part, np.round(foot - (high[part] - bounds[0]) * per))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(qcolor(shown.accent, 46))
            painter.drawPolygon(polygon_of(np.append(x, [x[-1], x[0]]), np.append(y, [foot, foot])))
            painter.setPen(qcolor(shown.accent))
            painter.drawPolyline(polygon_of(x, y))
        tops, feet = foot - (high - bounds[0]) * per, foot - (low - bounds[0]) * per
        some = known[(feet[known] - tops[known]) > 1]
        painter.drawLines([QLineF(left + x + 0.5, feet[x], left + x + 0.5, tops[x]) for x in some.tolist()])
        peak = line.peak(visible_ns)
        if scale is None and peak is not None and bounds[1] > bounds[0]:
            peak_x = left + px_from_ns(peak[0], visible_ns, round(area.width()))
            if peak_x - left >= PEAK_PX:  # else it lies before what is visible
                _paint_peak(painter, QPointF(peak_x, float(foot - (peak[1] - bounds[0]) * per)), shown)
    if scale is None and bounds is not None:
        written = QRectF(left, area.top() + 2, area.width() - 6, area.height() - 4)
        if area.height() < TWO_ENDS_PX or bounds[0] == bounds[1]:
            _paint_top(painter, line.between_text(bounds), written, shown)
            return
        for value, top in ((bounds[1], written.top()), (bounds[0], written.bottom() - END_PX)):
            _paint_top(painter, line.text(value), QRectF(left, top, written.width(), END_PX), shown)


def corners(x: Array, y: Array) -> tuple[Array, Array]:
    """The same line without the points in the middle of a level stretch: most of a line of rare samples.

    >>> [part.tolist() for part in corners(np.arange(4), np.array([5, 5, 5, 9]))]
    [[0, 2, 3], [5, 5, 9]]
    """
    level = y[1:] == y[:-1]
    kept = np.ones(len(y), np.bool_)
    kept[1:-1] = ~(level[:-1] & level[1:])
    return x[kept], y[kept]


def paint_cursor(
    painter: QPainter, lines: Sequence[MetricLine], at: tuple[int, float], size: tuple[int, int], theme: Theme
) -> None:
    """The cursor at (instant, x), and what every metric had there."""
    shown, (cursor_ns, x) = colours(theme), at
    painter.setFont(number_font(FONT_POINTS))
    painter.setPen(qcolor(shown.text))
    for line, (top, height) in zip(lines, row_tops(lines, size[1]), strict=True):
        value = line.at(cursor_ns)
        painter.drawText(QRectF(8, top, GUTTER - 16, height), _MIDDLE | _RIGHT, line.text_at(cursor_ns))
        if value is not None and x >= GUTTER:
            y = top + height - 3 - value * _tall(height) / line.top()
            painter.setBrush(qcolor(shown.cursor))
            painter.drawEllipse(QPointF(x, y), 2.5, 2.5)
    if x >= GUTTER:
        painter.setPen(QPen(qcolor(shown.cursor), 1))
        painter.drawLine(QPointF(round(x), 0), QPointF(round(x), size[1]))


def _paint_top(painter: QPainter, text: str, area: QRectF, shown: Colours) -> None:
    """What the upper end of the scale stands for, on a ground of its own: the line may run behind it."""
    width = painter.fontMetrics().horizontalAdvance(text) + 6
    painter.fillRect(QRectF(area.right() - width + 3, area.top(), width, area.height()), qcolor(shown.panel, 200))
    painter.setPen(qcolor(shown.muted))
    painter.drawText(area, _RIGHT | _MIDDLE, text)


def _paint_peak(painter: QPainter, at: QPointF, shown: Colours) -> None:
    """A dot where the line is at its highest."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(qcolor(shown.panel), 1))
    painter.setBrush(qcolor(shown.text))
    painter.drawEllipse(at, PEAK_PX, PEAK_PX)
    painter.restore()


def _tall(height: int) -> int:
    """How high a line can get."""
    return max(8, height - 8)

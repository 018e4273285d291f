"""Paints the gutter: what each lane is, and at the cursor what it does, how hot it is and at what rate."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPolygonF

from views.drawing.heat import faded, level_colour
from views.drawing.theme import Colours, colours, number_font, qcolor, text_font
from views.loop.state import Theme
from views.metrics.layout import MetricLine
from views.supervision.layout import SupervisionRow
from views.timeline.lanes import END_PX, METRIC, Ends, Lane
from views.timeline.layout import TOP, gutter_of
from views.words.elision import Part, cut_where_alike
from views.words.figures import count_text
from views.words.plain_text import plain

FONT_POINTS = 8.5
BAR, NARROW_BAR, BAR_HEIGHT = 46, 14, 12
FIGURE_PX = 58
TWO_LINES, SECOND_LINE = 40, 19
SIGN_X, NAME_X = 6, 24
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Gutter:
    """All that the gutter depends on. `rows` are the threads and processes at the cursor, by track. `top_px`: how much
    of it lanes cover that lie over the others.
    """

    width: int
    height: int
    lanes: Sequence[Lane]
    theme: Theme
    cursor_ns: int
    visible_ns: tuple[int, int]
    focus_track_id: int = 0
    rows: Mapping[int, SupervisionRow] = field(default_factory=dict)
    metrics: Mapping[str, MetricLine] = field(default_factory=dict)
    all_metrics: bool = False
    ends: Ends = Ends()  # noqa: RUF009 - it cannot be changed
    top_px: int = 0


def paint_gutter(painter: QPainter, gutter: Gutter) -> None:
    """The names of the lanes, and what is known of each at the cursor."""
    shown, wide = colours(gutter.theme), gutter_of(gutter.width)
    painter.save()
    painter.setClipRect(0, TOP, wide, gutter.height - TOP)
    painter.fillRect(0, TOP, wide, gutter.height - TOP, qcolor(shown.window))
    painter.translate(0, TOP)
    for lane in gutter.lanes:
        painter.setFont(text_font(FONT_POINTS))
        if lane.shape == "metric":
            _paint_metric(painter, gutter, lane, shown)
        else:
            _paint_lane(painter, gutter, lane, shown)
    _paint_ends(painter, gutter, wide, shown)
    painter.fillRect(wide - 1, 0, 1, gutter.height - TOP, qcolor(shown.line))
    painter.restore()


def ends_words(ends: Ends) -> tuple[str, str]:
    """What the strips at the upper and at the lower end say; '' where there is none.

    >>> ends_words(Ends(3, 0, 12)), ends_words(Ends())
    (('▲ 3 threads above', '12 hidden · click shows all'), ('', ''))
    """
    above = f"▲ {_threads(ends.above)} above" if ends.above else ""
    below = f"▼ {_threads(ends.below)} below" if ends.below else ""
    out = f"{count_text(ends.left_out)} hidden" if ends.left_out else ""
    return above, " · ".join(part for part in (below, out, "click shows all" if out and not below else "") if part)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count_text(count)} threads"


def _paint_ends(painter: QPainter, gutter: Gutter, wide: int, shown: Colours) -> None:
    """How many threads are not seen, at the ends where they would be."""
    painter.setFont(text_font(FONT_POINTS))
    bottom = gutter.height - TOP - END_PX
    for words, y in zip(ends_words(gutter.ends), (gutter.top_px, bottom), strict=True):
        if words:
            painter.fillRect(0, y, wide, END_PX, qcolor(shown.raised))
            painter.fillRect(0, y + END_PX - 1 if y != bottom else y, wide, 1, qcolor(shown.line))
            painter.setPen(qcolor(shown.muted))
            painter.drawText(QRectF(SIGN_X + 2, y, wide - SIGN_X - 8, END_PX), _MIDDLE, words)


def _paint_metric(painter: QPainter, gutter: Gutter, lane: Lane, shown: Colours) -> None:
    line, wide = gutter.metrics.get(lane.metric), gutter_of(gutter.width)
    painter.fillRect(0, lane.y, wide, lane.height, qcolor(shown.window))
    line_px = lane.height if lane.height < TWO_LINES else METRIC
    is_first = lane.track_id == -1
    if is_first:
        _paint_triangle(painter, QPointF(SIGN_X + 5, lane.y + line_px / 2), shown, down=gutter.all_metrics)
    painter.setPen(qcolor(shown.muted))
    painter.drawText(QRectF(NAME_X, lane.y, wide - NAME_X, line_px), _MIDDLE, plain(lane.name, 60))
    name = painter.fontMetrics().horizontalAdvance(plain(lane.name, 60)) + 8
    if line is not None:
        said, is_growing = line.slope_text(gutter.visible_ns)
        numbers, value = number_font(FONT_POINTS), line.text_at(gutter.cursor_ns)
        left, top = NAME_X + name + QFontMetricsF(numbers).horizontalAdvance(value) + 8, lane.y
        if left + painter.fontMetrics().horizontalAdvance(said) > wide - 8:
            if lane.height >= TWO_LINES:
                left, top = NAME_X, lane.y + SECOND_LINE
            else:  # the sign alone says which way it goes
                said = said[-1:]
        painter.setPen(qcolor(shown.warning if is_growing else shown.muted))
        painter.drawText(QRectF(left, top, wide - 8 - left, line_px), _RIGHT, said)
        painter.setFont(numbers)
        painter.setPen(qcolor(shown.text))
        painter.drawText(QRectF(NAME_X + name, lane.y, wide - NAME_X - name, line_px), _MIDDLE, value)
    painter.fillRect(0, lane.y + lane.height - 1, wide, 1, qcolor(shown.line, 150))


def _paint_lane(painter: QPainter, gutter: Gutter, lane: Lane, shown: Colours) -> None:
    wide = gutter_of(gutter.width)
    row = gutter.rows.get(lane.track_id)
    is_focus = gutter.focus_track_id in lane.track_ids
    back = shown.selected if is_focus else shown.raised if lane.shape == "head" else shown.window
    painter.fillRect(0, lane.y, wide, lane.height - 1, qcolor(back))
    if is_focus:
        painter.fillRect(0, lane.y, 3, lane.height - 1, qcolor(shown.accent))
    line_px = min(lane.height, 24 if lane.shape != "head" else lane.height)
    middle = lane.y + line_px / 2
    _paint_sign(painter, QPointF(SIGN_X + 5, middle), lane, row, shown)
    figure_x = wide - FIGURE_PX - 8
    bar_px = BAR if wide >= 220 else NARROW_BAR
    name_end: float = wide - 8
    if row is not None and lane.shape != "head" and not lane.members:
        name_end = figure_x - bar_px - 10
    elif row is not None and lane.shape == "head":
        name_end = wide - 16 - QFontMetricsF(number_font(FONT_POINTS)).horizontalAdvance(row.figure)
    painter.setPen(qcolor(shown.text if is_focus or lane.shape == "head" or _is_awake(row) else shown.muted))
    painter.setFont(text_font(FONT_POINTS, bold=is_focus or lane.shape == "head"))
    area = QRectF(NAME_X, lane.y, max(name_end - NAME_X, 0), line_px)
    name = name_that_fits(plain(lane.name, 200), lane.telling, area.width(), painter.font().toString())
    painter.drawText(area, _MIDDLE, name)
    painter.setFont(text_font(FONT_POINTS))
    if row is not None and not lane.members:
        if lane.shape != "head" and row.heat is not None:
            _paint_bar(painter, QRectF(figure_x - bar_px - 4, middle - BAR_HEIGHT / 2, bar_px, BAR_HEIGHT), row, shown)
        painter.setFont(number_font(FONT_POINTS))
        painter.setPen(qcolor(shown.text if row.heat else shown.muted))
        words = row.figure if row.status != "ended" else "ended"
        painter.drawText(QRectF(NAME_X, lane.y, wide - NAME_X - 8, line_px), _RIGHT, words)
        painter.setFont(text_font(FONT_POINTS))
        if lane.height >= TWO_LINES and row.detail and lane.shape != "head":
            painter.setPen(qcolor(shown.muted))
            below = QRectF(NAME_X, lane.y + SECOND_LINE, wide - NAME_X - 8, 18)
            said = QFontMetricsF(painter.font()).elidedText(row.detail, Qt.TextElideMode.ElideRight, below.width())
            painter.drawText(below, _MIDDLE, said)
    painter.fillRect(0, lane.y + lane.height - 1, wide, 1, qcolor(shown.line, 150))


@functools.lru_cache(maxsize=4_096)
def name_that_fits(name: str, telling: Part, room: float, font: str) -> str:
    """The name in a font, as `QFont.toString` says it, cut where it is like those of other threads. Units: px."""
    metrics = QFontMetricsF(_font_of(font))
    return cut_where_alike(name, telling, lambda text: metrics.horizontalAdvance(text) <= room)


def _font_of(description: str) -> QFont:
    font = QFont()
    font.fromString(description)
    return font


def _is_awake(row: SupervisionRow | None) -> bool:
    return row is not None and row.status != "ended" and bool(row.heat)


def _paint_sign(painter: QPainter, centre: QPointF, lane: Lane, row: SupervisionRow | None, shown: Colours) -> None:
    """A triangle on what can be folded; on a thread what it does: a dot running, a ring waiting, a square ended."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if lane.shape == "head" or lane.kept_open:
        _paint_triangle(painter, centre, shown, down=not lane.folded)
    elif lane.stays:
        _paint_pin(painter, centre, shown)
    elif row is not None and not lane.members:
        colour = qcolor(shown.healthy if row.status == "running" else shown.muted)
        painter.setPen(colour)
        painter.setBrush(colour if row.status in ("running", "ended") else Qt.BrushStyle.NoBrush)
        if row.status == "ended":
            painter.drawRect(QRectF(centre.x() - 2.5, centre.y() - 2.5, 5, 5))
        else:
            painter.drawEllipse(centre, 3.0, 3.0)
    painter.restore()


def _paint_triangle(painter: QPainter, centre: QPointF, shown: Colours, *, down: bool) -> None:
    sides = ((-4, -2), (4, -2), (0, 3)) if down else ((-2, -4), (3, 0), (-2, 4))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(qcolor(shown.muted))
    painter.drawPolygon(QPolygonF([centre + QPointF(dx, dy) for dx, dy in sides]))
    painter.restore()


def _paint_pin(painter: QPainter, centre: QPointF, shown: Colours) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(qcolor(shown.accent))
    painter.drawEllipse(centre + QPointF(0, -2), 3.0, 3.0)
    painter.fillRect(QRectF(centre.x() - 0.5, centre.y(), 1, 5), qcolor(shown.accent))


def _paint_bar(painter: QPainter, box: QRectF, row: SupervisionRow, shown: Colours) -> None:
    colour = level_colour(row.level, shown)
    painter.fillRect(box, faded(colour, 0.12))
    painter.fillRect(QRectF(box.left(), box.top(), box.width() * (row.heat or 0.0), box.height()), faded(colour, 0.75))

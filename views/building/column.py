"""The column right of the house: the largest rooms by name, each with a leader to its floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from views.building.layout import House
from views.building.projection import Projection
from views.building.regions import Area
from views.drawing.heat import faded, step_colours
from views.drawing.theme import colours, number_font, text_font
from views.loop.state import Theme

LINE_PX = 18.0
HEAD_PX = 18.0
SWATCH_PX = 7.0
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class RoomLine(NamedTuple):
    """One line: which room it names, and its middle. Units: px."""

    place: int
    y: float


def column_lines(plan: House, view: Projection, area: Area) -> tuple[RoomLine, ...]:
    """The largest rooms, each as near to its floor as the others let it be; as many as there is room for."""
    _, top, _, height = area
    most = max(int((height - HEAD_PX) / LINE_PX), 0)
    rooms = plan.largest()[:most]
    wanted = sorted(
        (view.at(0.0, 0.5, float(plan.level[place]) + 0.35)[1], -int(plan.value[place]), place) for place in rooms
    )
    ys = spread([y for y, _, _ in wanted], top + HEAD_PX + LINE_PX / 2, top + height - LINE_PX / 2)
    return tuple(RoomLine(place, y) for (_, _, place), y in zip(wanted, ys, strict=True))


def spread(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Ascending places as near to those wanted as LINE_PX between them and both ends allow.

    >>> spread([10, 12, 60], 0, 100), spread([95, 99], 0, 100), spread([0, 0], 0, 100)
    ([10, 28.0, 60], [82.0, 100], [0, 18.0])
    """
    found: list[float] = []
    for y in wanted:
        found.append(max(y, low, found[-1] + LINE_PX if found else low))
    limit = high
    for at in range(len(found) - 1, -1, -1):
        found[at] = min(found[at], limit)
        limit = found[at] - LINE_PX
    return found


def line_at(lines: Sequence[RoomLine], area: Area, point: QPointF) -> int | None:
    """The room whose line is there."""
    if not area[0] - 8 <= point.x() <= area[0] + area[2]:
        return None
    return next((line.place for line in lines if abs(point.y() - line.y) <= LINE_PX / 2), None)


def paint_column(
    painter: QPainter,
    plan: House,
    view: Projection | None,
    lines: Sequence[RoomLine],
    area: Area,
    *,
    theme: Theme,
    marked: set[int],
) -> None:
    """Paints the head, the lines and, with a view, their leaders; those of `marked` rooms go through to the room."""
    if not lines:
        return
    shown = colours(theme)
    left, top, width, _ = area
    head = QRectF(left, top - 4, width - 10, HEAD_PX)
    painter.setFont(text_font(8.5))
    painter.setPen(QColor(shown.muted))
    painter.drawText(head, _LEFT, "Largest rooms")
    painter.drawText(head, _RIGHT, plan.measure.title.lower())
    for line in lines:
        if view is not None:
            _paint_leader(painter, plan, view, line, left=left, theme=theme, is_marked=line.place in marked)
        _paint_line(painter, plan, line, area, theme, is_marked=line.place in marked)


def _paint_leader(
    painter: QPainter, plan: House, view: Projection, line: RoomLine, *, left: float, theme: Theme, is_marked: bool
) -> None:
    shown = colours(theme)
    wall = max(view.at(plan.width, 1.0, 0.0)[0], view.at(plan.width, 0.0, 0.0)[0])
    x, y, z, wide, deep, high = (float(value) for value in plan.box[line.place])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if is_marked:
        painter.setPen(QPen(QColor(shown.text), 1.0))
        room = QPointF(*view.at(x + wide, y + deep / 2, z + high * 0.6))
        painter.drawPolyline([room, QPointF(max(wall, room.x()) + 6, room.y()), QPointF(left - 4, line.y)])
        return
    painter.setPen(QPen(faded(shown.muted, 0.7), 1.0, Qt.PenStyle.DotLine))
    _, floor_y = view.at(0.0, 0.5, z + 0.35)
    if wall < left:
        painter.drawPolyline([QPointF(wall + 2, floor_y), QPointF(wall + 8, floor_y), QPointF(left - 4, line.y)])


def _paint_line(painter: QPainter, plan: House, line: RoomLine, area: Area, theme: Theme, *, is_marked: bool) -> None:
    shown = colours(theme)
    left, _, width, _ = area
    box = QRectF(left, round(line.y - LINE_PX / 2), width - 10, LINE_PX)
    if is_marked:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(shown.selected))
        painter.drawRoundedRect(box.adjusted(-2, 0, 4, 0), 3, 3)
    swatch = QRectF(left + 2, round(line.y - SWATCH_PX / 2), SWATCH_PX, SWATCH_PX)
    painter.fillRect(swatch, step_colours(theme)[int(plan.step[line.place])])
    value = plan.measure.figure(int(plan.value[line.place]))
    digits, font = number_font(), text_font()
    painter.setPen(QColor(shown.text))
    painter.setFont(digits)
    painter.drawText(box, _RIGHT, value)
    room = box.adjusted(SWATCH_PX + 9, 0, -math.ceil(QFontMetricsF(digits).horizontalAdvance(value)) - 8, 0)
    painter.setFont(font)
    name = QFontMetricsF(font).elidedText(plan.name(line.place), Qt.TextElideMode.ElideMiddle, room.width())
    painter.drawText(room, _LEFT, name)

"""Paints one floor from above. Names stand in rooms here: on a ground on which they can be read, and nowhere else."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from views.building.layout import House
from views.building.measures import Float64
from views.building.treemap import GAP_PX
from views.drawing.heat import step_colours
from views.drawing.theme import colours, mixed, text_font
from views.loop.state import Theme

GROUND = 0.3
EDGE_PX = 3.0
LEAST_PX = (44.0, 18.0)
FONT_POINTS = 8.5


def tile_colour(theme: Theme, step: int) -> str:
    """The ground of a room of that step: its colour, so much of it that text can be read on it."""
    return mixed(colours(theme).panel, colours(theme).heat[step], GROUND)


def paint_plan(
    painter: QPainter, plan: House, rooms: tuple[int, ...], tiles: Float64, theme: Theme, *, marked: dict[int, float]
) -> None:
    """Paints the rooms of `treemap.plan_of_floor`; `marked`: how wide an outline some of them have. Units: px."""
    shown, scale = colours(theme), step_colours(theme)
    painter.setFont(text_font(FONT_POINTS))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for place, (left, top, width, height) in zip(rooms, tiles.tolist(), strict=True):
        box = QRectF(left, top, max(width - GAP_PX, 0.5), max(height - GAP_PX, 0.5))
        step = int(plan.step[place])
        painter.fillRect(box, QColor(tile_colour(theme, step)))
        painter.fillRect(QRectF(box.left(), box.top(), box.width(), min(EDGE_PX, box.height())), scale[step])
        if width >= LEAST_PX[0] and height >= LEAST_PX[1]:
            _paint_words(painter, plan, place, box.adjusted(5, EDGE_PX, -4, 0), shown.text)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for place, outline in marked.items():
        if place in rooms:
            left, top, width, height = tiles[rooms.index(place)].tolist()
            painter.setPen(QPen(QColor(shown.text), outline))
            painter.drawRect(QRectF(left, top, max(width - GAP_PX, 1.0), max(height - GAP_PX, 1.0)))


def _paint_words(painter: QPainter, plan: House, place: int, box: QRectF, colour: str) -> None:
    """The function, and below it the value where there is room."""
    metrics = QFontMetricsF(painter.font())
    painter.setPen(QColor(colour))
    texts = [plan.name(place)]
    if box.height() >= 2 * metrics.height():
        texts.append(plan.measure.text(int(plan.value[place])))
    top = box.top() + 1
    for text in texts:
        line = QRectF(box.left(), top, box.width(), metrics.height())
        said = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), said)
        top += metrics.height()

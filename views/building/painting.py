"""Paints the house as it is seen from a side: walls, rooms, what is marked, cards, the column of largest rooms."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from views.building.cards import paint_cards
from views.building.column import column_lines, paint_column
from views.building.layout import House
from views.building.projection import Projection
from views.building.regions import Regions
from views.building.scene_painted import paint_rooms
from views.building.shell import outline_of, paint_before, paint_behind
from views.drawing.paths import path_of
from views.drawing.theme import colours
from views.loop.state import Theme

PICKED_PX, HOVERED_PX = 2.2, 1.4


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands out: places of rooms and of floors in the house's arrays."""

    picked: int | None = None
    hovered: int | None = None
    floor: int | None = None
    hovered_floor: int | None = None


def paint_house(
    painter: QPainter,
    plan: House,
    view: Projection,
    places: Regions,
    *,
    theme: Theme,
    marked: Marked,
    image: QImage | None = None,
) -> None:
    """All but the legend. `image`: floors and rooms as a graphics card has drawn them, else they are painted."""
    shown = colours(theme)
    paint_behind(painter, plan, view, theme)
    if image is not None:
        painter.drawImage(0, 0, image)
    else:
        paint_rooms(painter, plan, view, theme)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if marked.floor is not None:
        painter.setPen(QPen(QColor(shown.accent), 1.6))
        painter.drawConvexPolygon(outline_of(view, plan, marked.floor))
    paint_before(painter, plan, view, theme)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rooms = {marked.hovered: HOVERED_PX} | {marked.picked: PICKED_PX}
    for place, width in rooms.items():
        if place is not None:
            painter.setPen(QPen(QColor(shown.text), width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(path_of(view.faces(plan)[place]))
    paint_cards(painter, plan, view, places.cards, theme, picked=marked.floor, hovered=marked.hovered_floor)
    if places.column is not None:
        lines = column_lines(plan, view, places.column)
        seen = {place for place in rooms if place is not None}
        paint_column(painter, plan, view, lines, places.column, theme=theme, marked=seen)

"""The house around the rooms: ground and shadow, walls behind them, posts, roof and the scale's lines before them."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from views.building.layout import FULL, ROOM_Y, House
from views.building.measures import Float64
from views.building.projection import Projection
from views.building.scene_painted import slab_depth
from views.drawing.heat import faded
from views.drawing.theme import colours, is_dark, mixed, text_font
from views.loop.state import Theme
from views.words.plain_text import plain

SHADOW_PX = 7.0
LEAST_GAUGE_PX = 7.0
NAME_PX = 16.0
LEAST_NAME_PX = 22.0
LEAST_LETTERS = 5  # of a name that is cut, the sign for that included
FONT_POINTS = 8.5


def paint_behind(painter: QPainter, plan: House, view: Projection, theme: Theme) -> None:
    """What is seen behind rooms: the ground's shadow, the back wall and the side wall."""
    shown, floors = colours(theme), float(len(plan.floors))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    thick = slab_depth(view)
    ground = view.level((0.0, plan.width), 0.0)
    ground[:2, 1] += thick
    dark = QColor("#000000") if is_dark(theme) else QColor(shown.text)
    for part, opacity in ((1.0, 0.14), (0.5, 0.16)):
        painter.setBrush(faded(dark, opacity if is_dark(theme) else opacity * 0.6))
        painter.drawConvexPolygon(
            _polygon(ground + np.array([SHADOW_PX * part * (1 if view.sideways >= 0 else -1), SHADOW_PX * part]))
        )
    back, side = mixed(shown.panel, shown.raised, 0.55), mixed(shown.panel, shown.raised, 0.9)
    if view.upwards > 0 or view.sideways:
        painter.setBrush(QColor(back))
        painter.drawConvexPolygon(_wall(view, ((0.0, 1.0), (plan.width, 1.0)), floors))
        end = plan.width if view.sideways >= 0 else 0.0
        painter.setBrush(QColor(side))
        painter.drawConvexPolygon(_wall(view, ((end, 0.0), (end, 1.0)), floors))
    else:
        painter.setBrush(QColor(back))
        painter.drawConvexPolygon(_wall(view, ((0.0, 0.0), (plan.width, 0.0)), floors))


def paint_before(painter: QPainter, plan: House, view: Projection, theme: Theme) -> None:
    """What is seen before rooms: posts, roof, lit edges, thirds of the scale, what is not known, the names of wings."""
    shown, floors = colours(theme), float(len(plan.floors))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    far, near = (
        QPen(QColor(mixed(shown.line, shown.text, 0.1)), 1.0),
        QPen(QColor(mixed(shown.line, shown.text, 0.3)), 1.4),
    )
    painter.setPen(far)
    painter.drawPolygon(_polygon(view.level((0.0, plan.width), floors)))
    for x, y, pen in ((0.0, 1.0, far), (plan.width, 1.0, far), (0.0, 0.0, near), (plan.width, 0.0, near)):
        painter.setPen(pen)
        painter.drawLine(QPointF(*view.at(x, y, 0.0)), QPointF(*view.at(x, y, floors)))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(QColor(mixed(shown.line, shown.text, 0.22)), 1.0))
    for level, floor in enumerate(plan.floors):
        painter.drawLine(QPointF(*view.at(0.0, 0.0, level)), QPointF(*view.at(plan.width, 0.0, level)))
        if not floor.known:
            painter.save()
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(faded(shown.gap, 0.6), Qt.BrushStyle.BDiagPattern))
            painter.drawConvexPolygon(outline_of(view, plan, level))
            painter.restore()
    _paint_gauge(painter, plan, view, theme)
    _paint_wing_names(painter, plan, view, theme)


def _paint_gauge(painter: QPainter, plan: House, view: Projection, theme: Theme) -> None:
    """Dotted lines at a third and two thirds of the full height, where the rooms' fronts are."""
    if view.storey * FULL / 3 < LEAST_GAUGE_PX:
        return
    painter.setPen(QPen(faded(colours(theme).text, 0.22), 1.0, Qt.PenStyle.DotLine))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for level in range(len(plan.floors)):
        for third in (1, 2):
            z = level + FULL * third / 3
            painter.drawLine(QPointF(*view.at(0.0, ROOM_Y, z)), QPointF(*view.at(plan.width, ROOM_Y, z)))


def _paint_wing_names(painter: QPainter, plan: House, view: Projection, theme: Theme) -> None:
    """The modules' names below their wings, each as far as it fits."""
    font = text_font(FONT_POINTS)
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    painter.setPen(QColor(colours(theme).muted))
    for at, wing in enumerate(plan.wings):
        left, y = view.at(wing.x, 0.0, 0.0)
        follows = plan.wings[at + 1].x if at + 1 < len(plan.wings) else plan.width
        wide = (follows - wing.x) * view.slot - 4
        if wide < LEAST_NAME_PX:
            continue
        name = short_module(wing.module)
        text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, wide)
        if len(text) < min(len(name), LEAST_LETTERS):  # two letters and a dot name nothing
            continue
        box = QRectF(round(left), round(y + slab_depth(view) + 2), wide, NAME_PX)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)


def short_module(module: str) -> str:
    """The part of a module's name that tells it apart.

    >>> short_module("orders.fraud"), short_module("/srv/orders.py"), short_module("")
    ('fraud', 'orders', 'no module')
    """
    last = module.replace("\\\\", "/").rpartition("/")[2].removesuffix(".py").rpartition(".")[2]
    return plain(last, 60) or "no module"


def outline_of(view: Projection, plan: House, level: int) -> QPolygonF:
    """A floor's edge, for one that is picked."""
    return _polygon(view.level((0.0, plan.width), level))


def _wall(view: Projection, ends: tuple[tuple[float, float], tuple[float, float]], high: float) -> QPolygonF:
    (x0, y0), (x1, y1) = ends
    corners = ((x0, y0, 0.0), (x1, y1, 0.0), (x1, y1, high), (x0, y0, high))
    return QPolygonF([QPointF(*view.at(*corner)) for corner in corners])


def _polygon(corners: Float64) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in corners.tolist()])

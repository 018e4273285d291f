"""Paints the building with QPainter, in parallel projection: needs no OpenGL and looks the same everywhere.

Rooms of one row never cover each other (see projection), so each row is painted as a few paths, one per face and
colour; 10 000 rooms one by one would take three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyqtgraph import arrayToQPath
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from dags.analyses.recent_calls import Int64
from views.building.layout import Building
from views.building.projection import Float64, Projection, painting_order
from views.figures import duration_text, short_count
from views.heat import STEPS, darker, faded, heat_scale
from views.state import Theme
from views.theme import colours, text_font

SMOOTH_ROOMS = 3_000
FLAT_PX = 10.0  # below that many pixels per room its side is not seen
MAX_NAMES = 8
LABEL_PX = 150.0
_SHADE = (0.5, 0.28, 0.0)


def paint_building(
    painter: QPainter,
    plan: Building,
    view: Projection,
    theme: Theme,
    *,
    names: Sequence[str] = (),
    selected: int | None = None,
    hovered: int | None = None,
    focus_track: int | None = None,
) -> None:
    """Paints floors, rooms and labels. names: one per room; selected, hovered: places in the plan's arrays."""
    order = painting_order(plan)
    faces = view.faces(plan)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, len(plan) <= SMOOTH_ROOMS)
    step = np.minimum((plan.heat * STEPS).astype(np.int64), STEPS - 1)
    level = np.rint(plan.box[:, 2] / max(plan.storey, 1e-6)).astype(np.int64)[order]
    starts = np.searchsorted(level, np.arange(len(plan.floors) + 1))
    for at, floor in enumerate(plan.floors):
        _paint_slab(painter, view.slab(plan, floor.z), theme, known=floor.known, picked=floor.track_id == focus_track)
        on_floor = order[starts[at] : starts[at + 1]]
        cuts = np.flatnonzero(np.diff(plan.box[on_floor, 1])) + 1
        for row in np.split(on_floor, cuts):
            _paint_row(painter, faces[row], step[row], theme, first_face=0 if view.scale > FLAT_PX else 1)
        for place, width in ((selected, 2.4), (hovered, 1.4)):
            if place is not None and len(on_floor) and place in on_floor:
                _paint_outline(painter, faces[place], theme, width)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _paint_floor_names(painter, plan, view, theme)
    if names:
        picked = [place for place in (hovered, selected) if place is not None]
        _paint_room_names(painter, plan, faces, theme, names=names, first=picked)


def room_words(plan: Building, place: int, name: str) -> str:
    """A room in words: its function, quantity and unit."""
    value = int(plan.value[place])
    said = f"{short_count(value)} calls" if plan.measure == "calls" else f"{duration_text(value)} own time"
    return f"{name} · {said}"


def _paint_slab(painter: QPainter, corners: Float64, theme: Theme, *, known: bool, picked: bool) -> None:
    shown = colours(theme)
    polygon = QPolygonF([QPointF(x, y) for x, y in corners])
    painter.setPen(QPen(QColor(shown.accent if picked else shown.line), 1.6 if picked else 1.0))
    painter.setBrush(faded(shown.raised, 0.85))
    painter.drawConvexPolygon(polygon)
    if not known:  # events are missing here: the rooms say too little
        painter.setBrush(faded(shown.gap, 0.5))
        brush = painter.brush()
        brush.setStyle(Qt.BrushStyle.BDiagPattern)
        painter.setBrush(brush)
        painter.drawConvexPolygon(polygon)


def _paint_row(painter: QPainter, faces: Float64, steps: Int64, theme: Theme, *, first_face: int) -> None:
    scale = heat_scale(theme)
    painter.setPen(Qt.PenStyle.NoPen)
    for step in np.unique(steps):
        of_colour = faces[steps == step]
        for face in range(first_face, len(_SHADE)):
            painter.fillPath(_path(of_colour[:, face]), darker(scale[int(step)], theme, _SHADE[face]))


def _path(polygons: Float64) -> QPainterPath:
    """Polygons of four corners as one path. Shape: (n, 4, 2)."""
    closed = np.concatenate([polygons, polygons[:, :1]], axis=1)
    connect = np.tile(np.array([1, 1, 1, 1, 0], np.int32), len(polygons))
    path: QPainterPath = arrayToQPath(closed[..., 0].ravel(), closed[..., 1].ravel(), connect)
    path.setFillRule(Qt.FillRule.WindingFill)
    return path


def _paint_outline(painter: QPainter, faces: Float64, theme: Theme, width: float) -> None:
    painter.setPen(QPen(QColor(colours(theme).text), width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(_path(faces))


def _paint_floor_names(painter: QPainter, plan: Building, view: Projection, theme: Theme) -> None:
    """Names at the left end of the floors; where floors are closer than a line of text, only some."""
    shown, font = colours(theme), text_font()
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    last = float("inf")
    for floor in plan.floors:
        corner = view.slab(plan, floor.z)[0]
        if last - corner[1] < metrics.height() * 1.05:
            continue
        last = corner[1]
        words = floor.name if floor.known else f"{floor.name} · not captured"
        text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, LABEL_PX)
        box = QRectF(corner[0] - LABEL_PX - 8, corner[1] - metrics.height() / 2, LABEL_PX, metrics.height())
        painter.setPen(QColor(shown.text if floor.calls else shown.muted))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)


def _paint_room_names(
    painter: QPainter, plan: Building, faces: Float64, theme: Theme, *, names: Sequence[str], first: Sequence[int]
) -> None:
    """The names of the picked rooms, and of the highest one of each of the busiest functions, where there is place."""
    shown, font = colours(theme), text_font()
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    taken: list[QRectF] = []
    left = float(faces[:, 1, :, 0].min(initial=0))
    highest = np.argsort(-plan.value, kind="stable")
    _, newest = np.unique(plan.site_id[highest], return_index=True)
    named = [int(at) for at in highest[np.sort(newest)][:MAX_NAMES] if plan.value[at] > 0]
    for place in [*first, *named]:
        text = metrics.elidedText(room_words(plan, place, names[place]), Qt.TextElideMode.ElideMiddle, 320)
        centre, top = faces[place, 2, :, 0].mean(), faces[place, 2, :, 1].min()
        width = metrics.horizontalAdvance(text) + 10
        box = QRectF(max(centre - width / 2, left), top - metrics.height() - 7, width, metrics.height() + 3)
        if any(box.intersects(other) for other in taken):
            continue
        taken.append(box)
        painter.setPen(QPen(QColor(shown.line), 1))
        painter.setBrush(faded(shown.panel, 0.95 if place in first else 0.85))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(shown.text if place in first else shown.muted))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)

"""What is written and drawn over the rooms, whoever has drawn those: names, outlines, what is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from views.building.layout import Building
from views.building.projection import Float64, Projection
from views.drawing.heat import faded
from views.drawing.paths import path_of
from views.drawing.theme import colours, text_font
from views.loop.state import Theme
from views.words.figures import duration_text, short_count

LABEL_PX = 150.0
MIN_LABEL_PX = 40.0
MAX_NAMES = 8
PX_PER_NAME = 110  # of the picture's height: in a small one names would cover what they name
MIN_NAMED = 0.05  # of the highest room; below that a name says nothing


def paint_labels(
    painter: QPainter,
    plan: Building,
    view: Projection,
    theme: Theme,
    *,
    selected: int | None = None,
    hovered: int | None = None,
    focus_track: int | None = None,
) -> None:
    """Paints everything that is not a floor or a room. selected, hovered: places in the plan's arrays."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for floor in plan.floors:
        if not floor.known or floor.track_id == focus_track:
            slab = view.slab(plan, floor.z)
            _paint_floor(painter, slab, theme, known=floor.known, picked=floor.track_id == focus_track)
    faces = view.faces(plan)
    for place, width in ((selected, 2.4), (hovered, 1.4)):
        if place is not None:
            _paint_outline(painter, faces[place], theme, width)
    _paint_floor_names(painter, plan, view, theme)
    picked = [place for place in (hovered, selected) if place is not None]
    _paint_room_names(painter, plan, view, theme, faces=faces, first=picked)


def room_words(plan: Building, place: int) -> str:
    """A room in words: its function, quantity and unit."""
    value = int(plan.value[place])
    said = f"{short_count(value)} calls" if plan.measure == "calls" else f"{duration_text(value)} own time"
    return f"{plan.name(place)} · {said}"


def _paint_floor(painter: QPainter, corners: Float64, theme: Theme, *, known: bool, picked: bool) -> None:
    """Frames a picked floor; hatches one of which events are missing, as its rooms say too little."""
    shown = colours(theme)
    painter.setPen(QPen(QColor(shown.accent), 1.6) if picked else QPen(Qt.PenStyle.NoPen))
    painter.setBrush(Qt.BrushStyle.NoBrush if known else QBrush(faded(shown.gap, 0.6), Qt.BrushStyle.BDiagPattern))
    painter.drawConvexPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))


def _paint_outline(painter: QPainter, faces: Float64, theme: Theme, width: float) -> None:
    painter.setPen(QPen(QColor(colours(theme).text), width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path_of(faces))


def _paint_floor_names(painter: QPainter, plan: Building, view: Projection, theme: Theme) -> None:
    """Names at the left end of the floors; where floors are closer than a line of text, only some.

    Of many floors of several processes it is the processes' names, at their lowest floors.
    """
    shown, font = colours(theme), text_font()
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    last, named = float("inf"), ""
    is_dense = plan.storey * view.scale * math.cos(view.pitch) < metrics.height() * 0.9
    by_process = is_dense and len({floor.process for floor in plan.floors}) > 1
    for floor in plan.floors:
        if by_process and floor.process == named:
            continue
        slab = view.slab(plan, floor.z)
        corner = slab[slab[:, 0].argmin()]
        if last - corner[1] < metrics.height() * 0.9:
            continue
        last, named = corner[1], floor.process
        words = floor.process if by_process else floor.name if floor.known else f"{floor.name} · not captured"
        room = min(max(float(corner[0]) - 16, MIN_LABEL_PX), LABEL_PX)
        text = metrics.elidedText(words, Qt.TextElideMode.ElideLeft, room)
        wide = math.ceil(metrics.horizontalAdvance(text))  # whole pixels: letters look the same on every floor
        at = QPointF(round(corner[0] - 8 - wide), round(corner[1] - metrics.height() / 2 + metrics.ascent()))
        painter.setPen(QColor(shown.text if floor.calls else shown.muted))
        painter.drawText(at, text)


def floor_named_at(plan: Building, view: Projection, point: QPointF) -> str:
    """The whole name of the floor whose name is nearest to a point, '' where none is near."""
    found = ""
    for floor in plan.floors:
        slab = view.slab(plan, floor.z)
        x, y = slab[slab[:, 0].argmin()]
        if x - LABEL_PX - 8 <= point.x() <= x and abs(point.y() - y) < 8:
            words = (floor.process, floor.name, "" if floor.known else "not captured")
            found = " · ".join(word for word in words if word)
    return found


def _paint_room_names(
    painter: QPainter, plan: Building, view: Projection, theme: Theme, *, faces: Float64, first: Sequence[int]
) -> None:
    """The names of the picked rooms, and of the highest one of each of the busiest functions, where there is place."""
    shown, font = colours(theme), text_font()
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    taken: list[QRectF] = []
    left = float(view.slab(plan, 0.0)[:, 0].min())
    right = float(painter.clipBoundingRect().right() if painter.hasClipping() else painter.window().right()) - 4
    highest = np.argsort(-plan.value, kind="stable")
    _, newest = np.unique(plan.site_id[highest], return_index=True)
    names = min(MAX_NAMES, max(1, int(painter.clipBoundingRect().height()) // PX_PER_NAME))
    named = [int(at) for at in highest[np.sort(newest)][:names] if plan.value[at] > plan.top * MIN_NAMED]
    for place in [*first, *named]:
        text = metrics.elidedText(room_words(plan, place), Qt.TextElideMode.ElideMiddle, 320)
        centre, top = faces[place, 2, :, 0].mean(), faces[place, 2, :, 1].min()
        width = metrics.horizontalAdvance(text) + 10
        at = min(max(centre - width / 2, left), right - width)
        box = QRectF(at, top - metrics.height() - 7, width, metrics.height() + 3)
        if any(box.intersects(other) for other in taken):
            continue
        taken.append(box)
        painter.setPen(QPen(QColor(shown.line), 1))
        painter.setBrush(faded(shown.panel, 0.95 if place in first else 0.85))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(shown.text if place in first else shown.muted))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)

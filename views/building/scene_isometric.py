"""Paints the building with QPainter, in parallel projection: needs no OpenGL and looks the same everywhere.

Rooms of one group never cover each other (see projection), so each group is painted as a few paths, one per face and
colour; one by one, thousands of rooms would take several times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from dags.analyses.recent_calls import Int64
from views.building.layout import MAX_HEIGHT, ROOM_WIDTH, Building
from views.building.projection import Float64, Projection, floors_are_apart, is_straight, nearness
from views.drawing.heat import STEPS, darker, faded, heat_scale
from views.drawing.paths import path_of
from views.drawing.theme import colours
from views.loop.state import Theme

SMOOTH_ROOMS = 3_000
FLAT_PX = 10.0  # below that many pixels per room its side is not seen
_SHADE = (0.5, 0.28, 0.0)


def paint_rooms(painter: QPainter, plan: Building, view: Projection, theme: Theme) -> None:
    """Paints floors and rooms."""
    faces, near = view.faces(plan), nearness(plan, view.yaw)
    if view.scale <= FLAT_PX and not is_straight(plan, view.yaw):
        near = np.zeros_like(near)  # which of two dots hides the other is not seen, and groups would be very many
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, len(plan) <= SMOOTH_ROOMS)
    step = np.minimum((plan.heat * STEPS).astype(np.int64), STEPS - 1)
    first_face = 0 if view.scale > FLAT_PX else 1
    seen = _in_sight(faces, painter, view.scale * (plan.room_width + ROOM_WIDTH + MAX_HEIGHT))
    for floors, rooms in _stories(plan, view, near):
        for at in floors:
            _paint_slab(painter, view.slab(plan, plan.floors[at].z), theme)
        shown = rooms[seen[rooms]]
        cuts = np.flatnonzero(np.diff(near[shown])) + 1
        for group in np.split(shown, cuts):
            _paint_group(painter, faces[group], step[group], theme, first_face=first_face)


def _stories(plan: Building, view: Projection, near: Int64) -> Iterator[tuple[Sequence[int], Int64]]:
    """What can be painted together, from the bottom up: floors, and their rooms from the farthest group on.

    Where no floor reaches into the one above, that is all of them: a few dozen paths instead of that many per floor.
    """
    if floors_are_apart(plan, view):
        yield range(len(plan.floors)), np.lexsort((plan.box[:, 0], -near))
        return
    order = np.lexsort((plan.box[:, 0], -near, plan.box[:, 2]))
    level = np.rint(plan.box[:, 2] / max(plan.storey, 1e-6)).astype(np.int64)[order]
    starts = np.searchsorted(level, np.arange(len(plan.floors) + 1))
    for at in range(len(plan.floors)):
        yield (at,), order[starts[at] : starts[at + 1]]


def _in_sight(faces: Float64, painter: QPainter, margin: float) -> npt.NDArray[np.bool_]:
    """Which rooms may touch what is painted on: by one corner, and how far from it a room can reach."""
    area, corner = painter.window(), faces[:, 2, 0]
    across = (corner[:, 0] >= area.left() - margin) & (corner[:, 0] <= area.right() + margin)
    seen: npt.NDArray[np.bool_] = across & (corner[:, 1] >= area.top() - margin)
    return seen & (corner[:, 1] <= area.bottom() + margin)


def _paint_slab(painter: QPainter, corners: Float64, theme: Theme) -> None:
    shown = colours(theme)
    painter.setPen(QPen(QColor(shown.line), 1.0))
    painter.setBrush(faded(shown.raised, 0.85))
    painter.drawConvexPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))


def _paint_group(painter: QPainter, faces: Float64, steps: Int64, theme: Theme, *, first_face: int) -> None:
    scale = heat_scale(theme)
    painter.setPen(Qt.PenStyle.NoPen)
    for step in np.unique(steps):
        of_colour = faces[steps == step]
        for face in range(first_face, len(_SHADE)):
            painter.fillPath(path_of(of_colour[:, face]), darker(scale[int(step)], theme, _SHADE[face]))

"""Paints floors and rooms with QPainter: needs no OpenGL and looks the same everywhere.

On one floor no side or roof covers a front, and none reaches beyond the next room (`projection`): so each floor is
painted as a few paths, sides, then roofs, then fronts, one per colour. One by one, thousands of rooms would take
several times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from dags.analyses.recent_calls import Int64
from views.building.layout import House
from views.building.measures import Float64
from views.building.projection import Projection
from views.building.steady import Wing
from views.drawing.heat import darker, step_colours
from views.drawing.paths import path_of, polygon_of
from views.drawing.span_colours import module_colour
from views.drawing.theme import colours, mixed
from views.loop.state import Theme

SMOOTH_ROOMS = 3_000
FLAT_PX = 4.0  # sides narrower than that are not seen
LEAST_TOP_PX = 0.5
SIDE, TOP, FRONT = 0, 1, 2
SHADE = (0.42, 0.0, 0.2)
TINTED = 0.24
SLAB_PX = 4.0
TILE_Y = 0.06


def paint_rooms(painter: QPainter, plan: House, view: Projection, theme: Theme) -> None:
    """Paints floors and rooms, from the ground up."""
    faces = view.faces(plan)
    seen = _in_sight(faces, painter)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, len(plan) <= SMOOTH_ROOMS)
    painter.setPen(Qt.PenStyle.NoPen)
    starts = np.searchsorted(plan.level, np.arange(len(plan.floors) + 1))
    wings = [QColor(wing_colour(theme, wing)) for wing in plan.wings]
    shades = [[darker(colour, theme, shade) for colour in step_colours(theme)] for shade in SHADE]
    for level in range(len(plan.floors)):
        _paint_floor(painter, plan, view, theme, level=level, wings=wings)
        rooms = np.arange(starts[level], starts[level + 1])
        _paint_group(painter, faces, plan.step, rooms[seen[rooms]], shades)


def floor_colour(theme: Theme) -> str:
    """The corridors of a floor."""
    shown = colours(theme)
    return mixed(shown.raised, shown.line, 0.35)


def wing_colour(theme: Theme, wing: Wing) -> str:
    """A module's part of the floors: its hue, so little of it that it is no heat."""
    return mixed(floor_colour(theme), module_colour(theme, wing.file or wing.module), TINTED)


def slab_depth(view: Projection) -> float:
    """How high the front of a slab is. Units: px."""
    return min(SLAB_PX, max(view.storey * 0.14, 1.0))


def _in_sight(faces: Float64, painter: QPainter) -> npt.NDArray[np.bool_]:
    """Which rooms may touch what is painted on: by three corners, of which one is the farthest away."""
    area = painter.window()
    near, far = faces[:, FRONT, 0], faces[:, TOP, 2]
    low, high = np.minimum(near, far), np.maximum(near, far)
    wide = faces[:, FRONT, 1, 0] - near[:, 0]
    across = (high[:, 0] + wide >= area.left()) & (low[:, 0] - wide <= area.right())
    seen: npt.NDArray[np.bool_] = across & (high[:, 1] >= area.top()) & (low[:, 1] <= area.bottom())
    return seen


def _paint_floor(
    painter: QPainter, plan: House, view: Projection, theme: Theme, *, level: int, wings: Sequence[QColor]
) -> None:
    """A slab, and on it the wings."""
    ground, whole = QColor(floor_colour(theme)), view.level((0.0, plan.width), level)
    down = np.array([0.0, slab_depth(view)])
    (left, right, far_right, far_left), side = whole, 0 if view.sideways >= 0 else 1
    ends = ((right, far_right), (left, far_left))[side]
    _fill(painter, np.array([*ends, ends[1] + down, ends[0] + down]), darker(ground, theme, SHADE[SIDE]))
    _fill(painter, whole, ground)
    if view.upwards > 0:
        for wing, colour in zip(plan.wings, wings, strict=True):
            _fill(painter, view.level((wing.x, wing.x + wing.width), level, (TILE_Y, 1 - TILE_Y)), colour)
    _fill(painter, np.array([left, right, right + down, left + down]), darker(ground, theme, SHADE[FRONT]))


def _fill(painter: QPainter, corners: Float64, colour: QColor) -> None:
    """One polygon; as a path it would take several times as long."""
    painter.setBrush(colour)
    painter.drawConvexPolygon(polygon_of(corners[:, 0], corners[:, 1]))


def _paint_group(
    painter: QPainter, faces: Float64, step: Int64, rooms: Int64, shades: Sequence[Sequence[QColor]]
) -> None:
    """The rooms of one floor. Fronts are rectangles, which are painted several times as fast as paths."""
    if not len(rooms):
        return
    wide, high = np.ptp(faces[rooms[0], SIDE, :, 0]), np.ptp(faces[rooms[0], TOP, :, 1])
    of_step = [(at, rooms[step[rooms] == at]) for at in np.unique(step[rooms]).tolist()]
    for face, is_seen in ((SIDE, wide >= FLAT_PX), (TOP, high >= LEAST_TOP_PX)):
        for at, of_colour in of_step if is_seen else ():
            painter.fillPath(path_of(faces[of_colour, face]), shades[face][at])
    for at, of_colour in of_step:
        painter.setBrush(shades[FRONT][at])
        low, size = faces[of_colour, FRONT, 3], faces[of_colour, FRONT, 1] - faces[of_colour, FRONT, 3]
        painter.drawRects([QRectF(*box) for box in np.concatenate([low, size], axis=1).tolist()])

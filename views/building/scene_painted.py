"""Paints floors and rooms with QPainter: needs no OpenGL and looks the same everywhere.

On one floor no side or roof covers a front, and none reaches beyond the next room (`projection`): so each floor is
painted as a few paths, sides, then roofs, then fronts, one per colour. One by one, thousands of rooms would take
several times as long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter

from dags.analyses.recent_calls import Int64
from views.building.layout import House
from views.building.measures import Float64
from views.building.projection import Projection
from views.building.steady import Wing
from views.drawing.heat import darker, step_colours
from views.drawing.paths import path_of
from views.drawing.span_colours import module_colour
from views.drawing.theme import colours, mixed
from views.loop.state import Theme

SMOOTH_ROOMS = 3_000
FLAT_PX = 4.0  # sides narrower than that are not seen
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
    for level in range(len(plan.floors)):
        _paint_floor(painter, plan, view, theme, level)
        rooms = np.arange(starts[level], starts[level + 1])
        _paint_group(painter, faces, plan.step, rooms[seen[rooms]], theme)


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
    """Which rooms may touch what is painted on."""
    area = painter.window()
    low, high = faces.min(axis=(1, 2)), faces.max(axis=(1, 2))
    across = (high[:, 0] >= area.left()) & (low[:, 0] <= area.right())
    seen: npt.NDArray[np.bool_] = across & (high[:, 1] >= area.top()) & (low[:, 1] <= area.bottom())
    return seen


def _paint_floor(painter: QPainter, plan: House, view: Projection, theme: Theme, level: int) -> None:
    """A slab, and on it the wings."""
    ground, whole = QColor(floor_colour(theme)), view.level((0.0, plan.width), level)
    down = np.array([0.0, slab_depth(view)])
    (left, right, far_right, far_left), side = whole, 0 if view.sideways >= 0 else 1
    ends = np.array([(right, far_right), (left, far_left)])[side]
    painter.fillPath(path_of(np.array([[*ends, ends[1] + down, ends[0] + down]])), darker(ground, theme, SHADE[SIDE]))
    painter.fillPath(path_of(whole[None]), ground)
    for wing in plan.wings:
        part = view.level((wing.x, wing.x + wing.width), level, (TILE_Y, 1 - TILE_Y))
        painter.fillPath(path_of(part[None]), QColor(wing_colour(theme, wing)))
    front = np.array([[left, right, right + down, left + down]])
    painter.fillPath(path_of(front), darker(ground, theme, SHADE[FRONT]))


def _paint_group(painter: QPainter, faces: Float64, step: Int64, rooms: Int64, theme: Theme) -> None:
    if not len(rooms):
        return
    scale = step_colours(theme)
    wide, high = np.ptp(faces[rooms[0], SIDE, :, 0]), np.ptp(faces[rooms[0], TOP, :, 1])
    of_step = [(at, rooms[step[rooms] == at]) for at in np.unique(step[rooms]).tolist()]
    for face in (SIDE, TOP, FRONT):
        if (face == SIDE and wide < FLAT_PX) or (face == TOP and high < 0.5):
            continue
        for at, of_colour in of_step:
            painter.fillPath(path_of(faces[of_colour, face]), darker(scale[at], theme, SHADE[face]))

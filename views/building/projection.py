"""From the building's plan units to the screen, parallel, seen from above and from any side. No Qt.

across =  x cos(yaw) - y sin(yaw)               to the right
depth  =  x sin(yaw) + y cos(yaw)               away from the viewer
down   = -z cos(pitch) - depth sin(pitch)       downwards, as screens count
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from views.building.layout import MAX_HEIGHT, ROOM_WIDTH, Building

Float64 = npt.NDArray[np.float64]

LEAST_PITCH, PITCH, MOST_PITCH = math.radians(8), math.radians(27), math.radians(80)
MARGIN_PX = 18.0
LEAST_ZOOM, MOST_ZOOM = 0.5, 40.0
_GAP = (1 - ROOM_WIDTH) / ROOM_WIDTH
STEP = math.radians(10)
Look = Literal["turn left", "turn right", "tilt up", "tilt down", "closer", "farther", "whole"]


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """How the building is looked at; zoom 1 with no shift shows all of it."""

    yaw: float = math.radians(14)
    pitch: float = PITCH
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def turned(self, by: float, tilted_by: float = 0.0) -> Camera:
        """Turned around the vertical, and tilted: always seen from above."""
        yaw = math.remainder(self.yaw + by, math.tau)
        return msgspec.structs.replace(self, yaw=yaw, pitch=max(LEAST_PITCH, min(MOST_PITCH, self.pitch + tilted_by)))

    def closer(self, factor: float, away_x: float = 0.0, away_y: float = 0.0) -> Camera:
        """That much larger around a point, given from the middle of the picture."""
        zoom = max(LEAST_ZOOM, min(MOST_ZOOM, self.zoom * factor))
        factor = zoom / self.zoom
        x, y = away_x - (away_x - self.shift_x) * factor, away_y - (away_y - self.shift_y) * factor
        return msgspec.structs.replace(self, zoom=zoom, shift_x=x, shift_y=y)

    def looking(self, how: Look) -> Camera:
        """After one press of a key: turned, tilted or closer by a step, or as at first."""
        match how:
            case "turn left" | "turn right":
                return self.turned(STEP if how == "turn left" else -STEP)
            case "tilt up" | "tilt down":
                return self.turned(0.0, STEP / 2 if how == "tilt up" else -STEP / 2)
            case "closer" | "farther":
                return self.closer(1.25 if how == "closer" else 0.8)
            case "whole":
                return Camera()


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Plan units to pixels: scale, and where the plan's origin lies. `yaw` and `pitch` as the camera's."""

    yaw: float
    pitch: float
    scale: float
    origin_x: float
    origin_y: float

    def points(self, x: Float64, y: Float64, z: Float64) -> Float64:
        """Pixels of points. Shape: (..., 2)."""
        sin, cos = math.sin(self.yaw), math.cos(self.yaw)
        across = x * cos - y * sin
        down = -z * math.cos(self.pitch) - (x * sin + y * cos) * math.sin(self.pitch)
        return np.stack([self.origin_x + self.scale * across, self.origin_y + self.scale * down], axis=-1)

    def faces(self, plan: Building) -> Float64:
        """The three faces of every room that can be seen: side, front, top.

        Shape: (n, 3, 4, 2), pixels; the corners in order around each face.
        """
        x0, y0, z0 = (plan.box[:, at].astype(np.float64) for at in range(3))
        x1, y1, z1 = x0 + plan.room_width, y0 + ROOM_WIDTH, z0 + plan.box[:, 3]
        side = x0 if math.sin(self.yaw) > 0 else x1
        front = y0 if math.cos(self.yaw) > 0 else y1
        corners = (
            ((side, y0, z0), (side, y1, z0), (side, y1, z1), (side, y0, z1)),
            ((x0, front, z0), (x1, front, z0), (x1, front, z1), (x0, front, z1)),
            ((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)),
        )
        return np.stack([np.stack([self.points(*at) for at in face], axis=1) for face in corners], axis=1)

    def slab(self, plan: Building, z: float) -> Float64:
        """The four corners of a floor, in order around it. Shape: (4, 2)."""
        x = np.array([0.0, plan.width, plan.width, 0.0])
        y = np.array([0.0, 0.0, plan.rows, plan.rows])
        return self.points(x, y, np.full(4, z))


def projection(plan: Building, camera: Camera, area: tuple[float, float, float, float]) -> Projection:
    """The projection that shows the building as the camera says. area: left, top, width and height in pixels."""
    left, top, width, height = area
    unit = Projection(yaw=camera.yaw, pitch=camera.pitch, scale=1.0, origin_x=0.0, origin_y=0.0)
    highest = max((floor.z for floor in plan.floors), default=0.0)
    ends = np.concatenate([unit.slab(plan, 0.0), unit.slab(plan, highest + plan.storey * 0.6)])
    low, size = ends.min(axis=0), np.maximum(np.ptp(ends, axis=0), 1e-6)
    room = (max(width - 2 * MARGIN_PX, 1.0), max(height - 2 * MARGIN_PX, 1.0))
    scale = min(room[0] / size[0], room[1] / size[1], 90.0) * camera.zoom
    return Projection(
        yaw=camera.yaw,
        pitch=camera.pitch,
        scale=float(scale),
        origin_x=float(left + width / 2 - (low[0] + size[0] / 2) * scale + camera.shift_x),
        origin_y=float(top + height / 2 - (low[1] + size[1] / 2) * scale + camera.shift_y),
    )


def floors_are_apart(plan: Building, view: Projection) -> bool:
    """Whether no room, however high, is seen before or behind the floor above: then floors can be painted in any order.

    The farthest part of a floor is seen tan(pitch) times its depth higher than its near edge, plus the room itself.
    """
    sin, cos = abs(math.sin(view.yaw)), abs(math.cos(view.yaw))
    deep = min(plan.rows / max(cos, 1e-9), plan.width / max(sin, 1e-9))
    return plan.storey > MAX_HEIGHT + deep * math.tan(view.pitch)


def room_under(faces: Float64, x: float, y: float) -> int | None:
    """Which room is seen at a pixel: of those that cover it the one painted last. faces: as `Projection.faces`."""
    if not len(faces):
        return None
    following = np.roll(faces, -1, axis=2)
    edge_x, edge_y = following[..., 0] - faces[..., 0], following[..., 1] - faces[..., 1]
    turn = edge_x * (y - faces[..., 1]) - edge_y * (x - faces[..., 0])
    inside = np.logical_or((turn >= 0).all(axis=2), (turn <= 0).all(axis=2))
    found = np.flatnonzero(np.any(inside, axis=1))
    return int(found[-1]) if len(found) else None


def painting_order(plan: Building, yaw: float) -> npt.NDArray[np.int64]:
    """The rooms from the one painted first: floors from the ground up, on each the farthest group first."""
    order: npt.NDArray[np.int64] = np.lexsort((plan.box[:, 0], -nearness(plan, yaw), plan.box[:, 2]))
    return order


def is_straight(plan: Building, yaw: float) -> bool:
    """Whether it is seen so much from the front, or the back, that rooms of one row do not cover each other."""
    return abs(math.sin(yaw)) <= _GAP * plan.slot_width * abs(math.cos(yaw))


def nearness(plan: Building, yaw: float) -> npt.NDArray[np.int64]:
    """Which group of its floor each room is in, the nearest the smallest; rooms of one group never cover each other.

    Seen about straight, rows are such groups, or columns; in between it is the diagonals across the line of sight: a
    room can only be covered by one that is nearer in both directions.
    """
    column = np.floor(plan.box[:, 0] / plan.slot_width).astype(np.int64)
    row = np.floor(plan.box[:, 1]).astype(np.int64)
    sin, cos = math.sin(yaw), math.cos(yaw)
    to_the_right, to_the_back = (column if sin > 0 else -column), (row if cos > 0 else -row)
    if is_straight(plan, yaw):
        groups: npt.NDArray[np.int64] = to_the_back
    elif abs(cos) * plan.slot_width <= _GAP * abs(sin):
        groups = to_the_right
    else:
        groups = to_the_right + to_the_back
    return groups

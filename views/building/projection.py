"""From the building's plan units to the screen, parallel, seen from the front, above and a little to one side. No Qt.

    across =  x cos(yaw) - y sin(yaw)               to the right
    depth  =  x sin(yaw) + y cos(yaw)               away from the viewer
    down   = -z cos(pitch) - depth sin(pitch)       downwards, as screens count

The yaw stays small: then rooms of one row never cover each other, and a row can be painted in any order.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from views.building.layout import MAX_HEIGHT, ROOM_WIDTH, Building

Float64 = npt.NDArray[np.float64]

MAX_YAW = math.atan((1 - ROOM_WIDTH) / ROOM_WIDTH)
PITCH = math.radians(27)
MARGIN_PX = 18.0


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """How the building is looked at; zoom 1 with no shift shows all of it."""

    yaw: float = math.radians(14)
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def turned(self, by: float) -> Camera:
        """Turned around the vertical, within what can be painted."""
        return msgspec.structs.replace(self, yaw=max(-MAX_YAW, min(MAX_YAW, self.yaw + by)))


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Plan units to pixels: scale, and where the plan's origin lies. `yaw` as the camera's."""

    yaw: float
    scale: float
    origin_x: float
    origin_y: float

    def points(self, x: Float64, y: Float64, z: Float64) -> Float64:
        """Pixels of points. Shape: (..., 2)."""
        sin, cos = math.sin(self.yaw), math.cos(self.yaw)
        across = x * cos - y * sin
        down = -z * math.cos(PITCH) - (x * sin + y * cos) * math.sin(PITCH)
        return np.stack([self.origin_x + self.scale * across, self.origin_y + self.scale * down], axis=-1)

    def faces(self, plan: Building) -> Float64:
        """The three faces of every room that can be seen: side, front, top.

        Shape: (n, 3, 4, 2), pixels; the corners in order around each face.
        """
        x0, y0, z0 = (plan.box[:, at].astype(np.float64) for at in range(3))
        x1, y1, z1 = x0 + ROOM_WIDTH, y0 + ROOM_WIDTH, z0 + plan.box[:, 3]
        side = x0 if self.yaw > 0 else x1
        corners = (
            ((side, y0, z0), (side, y1, z0), (side, y1, z1), (side, y0, z1)),
            ((x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)),
            ((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)),
        )
        return np.stack([np.stack([self.points(*at) for at in face], axis=1) for face in corners], axis=1)

    def slab(self, plan: Building, z: float) -> Float64:
        """The four corners of a floor, from the nearest left one on. Shape: (4, 2)."""
        x = np.array([0.0, plan.columns, plan.columns, 0.0])
        y = np.array([0.0, 0.0, plan.rows, plan.rows])
        return self.points(x, y, np.full(4, z))


def projection(plan: Building, camera: Camera, area: tuple[float, float, float, float]) -> Projection:
    """The projection that shows the building as the camera says. area: left, top, width and height in pixels."""
    left, top, width, height = area
    unit = Projection(yaw=camera.yaw, scale=1.0, origin_x=0.0, origin_y=0.0)
    highest = max((floor.z for floor in plan.floors), default=0.0)
    ends = np.concatenate([unit.slab(plan, 0.0), unit.slab(plan, highest + plan.storey * 0.6)])
    low, size = ends.min(axis=0), np.maximum(np.ptp(ends, axis=0), 1e-6)
    room = (max(width - 2 * MARGIN_PX, 1.0), max(height - 2 * MARGIN_PX, 1.0))
    scale = min(room[0] / size[0], room[1] / size[1], 90.0) * camera.zoom
    return Projection(
        yaw=camera.yaw,
        scale=float(scale),
        origin_x=float(left + width / 2 - (low[0] + size[0] / 2) * scale + camera.shift_x),
        origin_y=float(top + height / 2 - (low[1] + size[1] / 2) * scale + camera.shift_y),
    )


def floors_are_apart(plan: Building, yaw: float) -> bool:
    """Whether no room, however high, is seen before or behind the floor above: then floors can be painted in any order.

    The farthest row of a floor is seen rows * tan(pitch) / cos(yaw) higher than its front edge, plus the room itself.
    """
    return plan.storey > MAX_HEIGHT + plan.rows * math.tan(PITCH) / math.cos(yaw)


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


def painting_order(plan: Building) -> npt.NDArray[np.int64]:
    """The rooms from the one painted first: floors from the ground up, on each the farthest row first."""
    order: npt.NDArray[np.int64] = np.lexsort((plan.box[:, 0], -plan.box[:, 1], plan.box[:, 2]))
    return order

"""From the building's units to the screen: parallel, floors level, the depth seen to one side and upwards. No Qt.

right =  slot * x + sideways * y
down  = -(storey * z + upwards * y)

So labels are level with their floors from every side; seen from the front, `sideways` and `upwards` are 0, and rooms
are bars. Of two points at the same pixel the one with the smaller y is nearer.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from views.building.layout import ROOM_DEPTH, House
from views.building.measures import Float64
from views.building.state import Look as FixedLook

CORNER = math.radians(30)
DEPTH_SHARE = 0.34
MOST_DEPTH_PX = 42.0
LEAST_ZOOM, MOST_ZOOM = 0.5, 40.0
MOST_TURN = 2.5
HIT_PX = 12.0
MAX_SLOT_PX = 72.0
_STEP = 0.25
Look = Literal["turn left", "turn right", "tilt up", "tilt down", "closer", "farther", "whole"]


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """How the building is looked at. turn, tilt: how much of the depth is seen sideways and upwards, 1: from the
    corner, below 0: from the other side. zoom 1 with no shift shows all of it.
    """

    turn: float = 1.0
    tilt: float = 1.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def turned(self, by: float, tilted_by: float = 0.0) -> Camera:
        """Turned to the side, and tilted: always seen from above."""
        turn = max(-MOST_TURN, min(MOST_TURN, self.turn + by))
        return msgspec.structs.replace(self, turn=turn, tilt=max(0.0, min(MOST_TURN, self.tilt + tilted_by)))

    def closer(self, factor: float, away_x: float = 0.0, away_y: float = 0.0) -> Camera:
        """That much larger around a point, given from the middle of the picture."""
        zoom = max(LEAST_ZOOM, min(MOST_ZOOM, self.zoom * factor))
        factor = zoom / self.zoom
        x, y = away_x - (away_x - self.shift_x) * factor, away_y - (away_y - self.shift_y) * factor
        return msgspec.structs.replace(self, zoom=zoom, shift_x=x, shift_y=y)

    def looking(self, how: Look, fixed: FixedLook = "corner") -> Camera:
        """After one press of a key: turned, tilted or closer by a step, or as at first."""
        match how:
            case "turn left" | "turn right":
                return self.turned(_STEP if how == "turn left" else -_STEP)
            case "tilt up" | "tilt down":
                return self.turned(0.0, _STEP if how == "tilt up" else -_STEP)
            case "closer" | "farther":
                return self.closer(1.25 if how == "closer" else 0.8)
            case "whole":
                return camera_of(fixed)


def camera_of(look: FixedLook) -> Camera:
    """The camera of a fixed view, with the whole building in sight."""
    return Camera(turn=0.0, tilt=0.0) if look == "front" else Camera()


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Units to pixels: of a slot, of a storey, of the whole depth, and where the front left corner at the ground is."""

    slot: float
    storey: float
    sideways: float
    upwards: float
    origin_x: float
    origin_y: float

    def points(self, x: Float64, y: Float64, z: Float64) -> Float64:
        """Pixels of points. Shape: (..., 2)."""
        right = self.origin_x + self.slot * x + self.sideways * y
        return np.stack([right, self.origin_y - self.storey * z - self.upwards * y], axis=-1)

    def at(self, x: float, y: float, z: float) -> tuple[float, float]:
        """The pixel of one point."""
        right = self.origin_x + self.slot * x + self.sideways * y
        return right, self.origin_y - self.storey * z - self.upwards * y

    def faces(self, plan: House) -> Float64:
        """The three faces of every room that can be seen: side, top, front, the nearest last.

        Shape: (n, 3, 4, 2), pixels; the corners in order around each face.
        """
        x0, y0, z0 = (plan.box[:, at].astype(np.float64) for at in range(3))
        x1, y1, z1 = x0 + plan.box[:, 3], y0 + plan.box[:, 4], z0 + plan.box[:, 5]
        side = x1 if self.sideways >= 0 else x0
        corners = (
            ((side, y0, z0), (side, y1, z0), (side, y1, z1), (side, y0, z1)),
            ((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)),
            ((x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)),
        )
        return np.stack([np.stack([self.points(*at) for at in face], axis=1) for face in corners], axis=1)

    def level(self, x: tuple[float, float], z: float, y: tuple[float, float] = (0.0, 1.0)) -> Float64:
        """A level rectangle, such as a floor or a wing's part of it: corners in order around it. Shape: (4, 2)."""
        return self.points(np.array([x[0], x[1], x[1], x[0]]), np.array([y[0], y[0], y[1], y[1]]), np.full(4, z))


def projection(plan: House, camera: Camera, area: tuple[float, float, float, float]) -> Projection:
    """The projection that shows the building as the camera says. area: left, top, width and height in pixels.

    A storey is as high as fits. The depth is no more than that a room's side stays before the next room.
    """
    left, top, width, height = area
    floors = max(len(plan.floors), 1)
    storey = max(height / (floors + DEPTH_SHARE * camera.tilt), 1.0)
    upwards = min(DEPTH_SHARE * storey, MOST_DEPTH_PX)
    storey = max((height - upwards * camera.tilt) / floors, 1.0)
    turn = abs(camera.turn)
    deep = min(upwards / math.tan(CORNER), width / (max(turn, 1e-6) * (ROOM_DEPTH * plan.width + 1)))
    slot = (width - turn * deep) / plan.width
    if slot > MAX_SLOT_PX:  # few rooms: they need not be as wide as the picture
        slot = MAX_SLOT_PX
        deep = min(deep, slot / (max(turn, 1e-6) * ROOM_DEPTH))
    slot = max(slot, 0.5)
    zoom = camera.zoom
    sideways, upwards = deep * camera.turn * zoom, upwards * camera.tilt * zoom
    slot, storey = slot * zoom, storey * zoom
    wide, high = plan.width * slot + abs(sideways), floors * storey + upwards
    return Projection(
        slot=slot,
        storey=storey,
        sideways=sideways,
        upwards=upwards,
        origin_x=left + (width - wide) / 2 + max(-sideways, 0.0) + camera.shift_x,
        origin_y=top + (height + high) / 2 + camera.shift_y,
    )


def painting_order(plan: House, view: Projection) -> npt.NDArray[np.int64]:
    """The rooms from the one painted first: floors from the ground up, on each those whose side the next one covers."""
    x = plan.box[:, 0] if view.sideways >= 0 else -plan.box[:, 0]
    order: npt.NDArray[np.int64] = np.lexsort((x, plan.level))
    return order


def room_under(faces: Float64, x: float, y: float) -> int | None:
    """Which room is meant by a pixel: of those that cover it the one painted last, else the nearest within reach.

    A room can be hit in HIT_PX each way, however small it is. faces: as `Projection.faces`, in painting order.
    """
    if not len(faces):
        return None
    following = np.roll(faces, -1, axis=2)
    edge_x, edge_y = following[..., 0] - faces[..., 0], following[..., 1] - faces[..., 1]
    turn = edge_x * (y - faces[..., 1]) - edge_y * (x - faces[..., 0])
    has_area = np.abs(edge_x[..., 0] * edge_y[..., 1] - edge_y[..., 0] * edge_x[..., 1]) > 1e-9
    inside = np.logical_or((turn >= 0).all(axis=2), (turn <= 0).all(axis=2)) & has_area
    found = np.flatnonzero(np.any(inside, axis=1))
    if len(found):
        return int(found[-1])
    low, high = faces.min(axis=(1, 2)), faces.max(axis=(1, 2))
    wanted = np.maximum((HIT_PX - (high - low)) / 2, 0.0)
    point = np.array([x, y])
    near = np.flatnonzero(((point >= low - wanted) & (point <= high + wanted)).all(axis=1))
    if not len(near):
        return None
    away = np.abs((low[near] + high[near]) / 2 - point).max(axis=1)
    return int(near[np.argmin(away)])

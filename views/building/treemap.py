"""One floor from above: a rectangle per room, as large as its value, the modules together. No Qt.

Source: Bruls, Huizing, van Wijk: Squarified Treemaps (2000).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from views.building.layout import House
from views.building.measures import Float64

GAP_PX = 2.0
Rect = tuple[float, float, float, float]


def plan_of_floor(plan: House, level: int, area: Rect) -> tuple[tuple[int, ...], Float64]:
    """The rooms of a floor, and where they are in the plan.

    Shape: (n,), (n, 4): left, top, width, height in pixels; empty where the floor holds nothing.
    """
    rooms = [int(at) for at in np.flatnonzero((plan.level == level) & (plan.value > 0))]
    wings: dict[int, list[int]] = {}
    for at in rooms:
        wings.setdefault(_wing_of(plan, float(plan.box[at, 0])), []).append(at)
    groups = sorted(wings.values(), key=lambda group: -sum(int(plan.value[at]) for at in group))
    order: list[int] = []
    found: list[Rect] = []
    for group, outer in zip(
        groups, squarified([float(sum(plan.value[at] for at in group)) for group in groups], area), strict=True
    ):
        inner = sorted(group, key=lambda at: (-int(plan.value[at]), at))
        order += inner
        found += squarified([float(plan.value[at]) for at in inner], outer)
    return tuple(order), np.array(found, np.float64).reshape(-1, 4)


def squarified(sizes: Sequence[float], area: Rect) -> list[Rect]:
    """Rectangles that fill the area, as square as may be; sizes descending.

    >>> squarified([3.0, 1.0], (0.0, 0.0, 8.0, 4.0))
    [(0.0, 0.0, 6.0, 4.0), (6.0, 0.0, 2.0, 4.0)]
    """
    left, top, width, height = area
    whole = sum(sizes)
    scale = width * height / whole if whole > 0 else 0.0
    waiting = [size * scale for size in sizes]
    found: list[Rect] = []
    while waiting:
        side = max(min(width, height), 1e-9)
        row = [waiting[0]]
        for size in waiting[1:]:
            if _worst([*row, size], side) > _worst(row, side):
                break
            row.append(size)
        del waiting[: len(row)]
        thick = sum(row) / side
        along = 0.0
        for size in row:
            piece = size / thick if thick > 0 else 0.0
            found.append((left, top + along, thick, piece) if height <= width else (left + along, top, piece, thick))
            along += piece
        if height <= width:
            left, width = left + thick, max(width - thick, 0.0)
        else:
            top, height = top + thick, max(height - thick, 0.0)
    return found


def tile_at(found: Float64, x: float, y: float) -> int | None:
    """Which of the rectangles is there."""
    if not len(found):
        return None
    inside = (found[:, 0] <= x) & (x < found[:, 0] + found[:, 2]) & (found[:, 1] <= y) & (y < found[:, 1] + found[:, 3])
    at = np.flatnonzero(inside)
    return int(at[0]) if len(at) else None


def _worst(row: Sequence[float], side: float) -> float:
    """The largest ratio of sides in a row of rectangles."""
    total = sum(row)
    if total <= 0:
        return float("inf")
    return max(side * side * max(row) / (total * total), total * total / (side * side * max(min(row), 1e-12)))


def _wing_of(plan: House, x: float) -> int:
    return next((at for at, wing in enumerate(plan.wings) if wing.x <= x < wing.x + wing.width), -1)

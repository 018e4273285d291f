"""Where on the stage what stands: cards to the left, the house, the column to the right, the legend below. No Qt.

| cards | house              | column |
|       |   names of wings   |        |
| legend                              |
"""

from __future__ import annotations

from typing import NamedTuple

LEGEND_PX = 22.0
WINGS_PX = 22.0
TOP_PX = 12.0
PAD_PX = 12.0
LEAST_STOREY_PX = 17.0
COLUMN_FROM_PX = 640.0
LOW_PX = 110.0

Area = tuple[float, float, float, float]


class Regions(NamedTuple):
    """Left, top, width and height of each, in px; the column is None where there is no room for it."""

    cards: Area
    house: Area
    column: Area | None
    legend: Area

    @property
    def most_floors(self) -> int:
        """How many floors can be told apart."""
        return max(int(self.house[3] / LEAST_STOREY_PX), 2)


def regions(width: float, height: float) -> Regions:
    """The regions of a stage of that size.

    >>> regions(1150, 270).house, regions(500, 200).column
    ((190.0, 12.0, 696.0, 214.0), None)
    """
    cards = 178.0 if width >= 1000 else 138.0 if width >= COLUMN_FROM_PX else max(min(width * 0.26, 120.0), 60.0)
    column = 228.0 if width >= 1000 else 176.0 if width >= COLUMN_FROM_PX else 0.0
    top, wings, legend = (4.0, 0.0, 0.0) if is_low(height) else (TOP_PX, WINGS_PX, LEGEND_PX)
    high = max(height - top - wings - legend, 20.0)
    wide = max(width - cards - 2 * PAD_PX - (column + 2 * PAD_PX if column else 0.0), 40.0)
    left = cards + PAD_PX
    right = (left + wide + 2 * PAD_PX, top, column, high + wings) if column else None
    return Regions((0.0, top, cards, high), (left, top, wide, high), right, (0.0, height - legend, width, legend))


def is_low(height: float) -> bool:
    """Whether there is room for no more than the house, seen from the front."""
    return height < LOW_PX

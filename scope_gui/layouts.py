"""The layouts of the window: which parts are seen and how much room they have. Menu, keys and the window come of it.

To add one: a row here. No Qt.
"""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """One layout. Shares are those of the window: `bottom` of its height, `side` of its width.

    A share of 0 hides what is there, below 0 it is a number of pixels; None is the one that the window's size asks for.
    """

    name: str
    says: str
    centre: bool = True
    bottom: float | None = None
    side: float | None = None


LAYOUTS: tuple[Layout, ...] = (
    Layout("time", "Layout: building above the timeline"),
    Layout("building", "Layout: building fills the window", bottom=-150),
    Layout("page", "Layout: wide inspector beside the lanes", centre=False, side=0.5),
    Layout("timeline", "Layout: timeline alone", centre=False, side=0),
)


def layout_named(name: str) -> Layout:
    """The row of that name, the first for one that is not there."""
    return next((row for row in LAYOUTS if row.name == name), LAYOUTS[0])

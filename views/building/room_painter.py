"""The small interface between the stage and whoever draws its rooms on a graphics card."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from PySide6.QtGui import QImage

from views.building.layout import House
from views.building.projection import Projection
from views.loop.state import Theme


class Picture(msgspec.Struct, frozen=True):
    """What to draw, and once it is drawn, the image."""

    plan: House
    view: Projection
    theme: Theme
    width: int
    height: int
    ratio: float = 1.0
    image: QImage | None = None


class RoomPictures(Protocol):
    """Draws floors and rooms, on nothing, at once or a little later: `ready` is emitted when `latest` is a new one."""

    latest: Picture | None

    @property
    def ready(self) -> Any:
        """The signal."""

    def draw(self, wanted: Picture) -> None:
        """Asks for a picture; one that was asked for earlier and is not drawn yet is given up."""

    def close(self) -> None:
        """Lets go of the graphics card."""

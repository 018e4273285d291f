"""Where the panels are: the layouts of `scope_gui.layouts`, each remembered as it was left.

The panels themselves come from `views.registry`. What is remembered is what `Panels.text` says: the layout's name and
what Qt says of the panels.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QByteArray, QRect, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow

from scope_gui.layouts import LAYOUTS, Layout, layout_named
from views import registry

VERSION = 3  # of what Qt says of the panels: another number is another set of areas
FIRST_SIZE, SCREEN_SHARE = (1600, 900), 0.94
WIDE = 1400
SIDE_PX, NARROW_SIDE_PX = 450, 360
MOST_SIDE = 0.42
"""Of the window's width, however large all is: the lanes are what it is about."""
LOW_PX, LOWEST_PX = 800, 700
ELEVATION_PX = 90
"""The building in a low window: a front elevation."""


def first_size(available: QRect) -> tuple[int, int]:
    """How large a window begins: FIRST_SIZE where the screen has as much room, else most of the screen. Units: px."""
    across, down = (round(length * SCREEN_SHARE) for length in (available.width(), available.height()))
    return min(FIRST_SIZE[0], across), min(FIRST_SIZE[1], down)


class Panels:
    """The panels of one window."""

    def __init__(
        self, window: QMainWindow, show_centre: Callable[[bool], None], docks: Mapping[str, QDockWidget]
    ) -> None:
        """Nothing is remembered yet; `docks` by the names of their views, which may come later."""
        self._window, self._show_centre, self._docks = window, show_centre, docks
        self._kept: dict[str, str] = {}
        self.name = LAYOUTS[0].name
        self.scale = 1.0
        """How much larger everything is than at first: what is to lie side by side then needs more room."""

    def remember(self, current: str, others: Mapping[str, str]) -> None:
        """Takes what an earlier window has left: the text of its layout, and those of the others by name."""
        self._kept = dict(others)
        name, _, state = current.partition(":")
        self.name = layout_named(name).name
        if state:
            self._kept[self.name] = state

    def use(self, name: str) -> None:
        """Goes over to another layout, as it was left; in the same again the panels go back to where they began."""
        if name == self.name:
            self._kept.pop(name, None)
        else:
            self.keep()
        self.name = name
        self.place()

    def keep(self) -> None:
        """Remembers where the panels are now."""
        self._kept[self.name] = base64.b64encode(self._window.saveState(VERSION).data()).decode()

    def text(self) -> str:
        """The layout as it is now, to be remembered."""
        return f"{self.name}:{base64.b64encode(self._window.saveState(VERSION).data()).decode()}"

    def others(self) -> dict[str, str]:
        """What is remembered of the layouts that are not shown."""
        return {name: state for name, state in self._kept.items() if name != self.name}

    def place(self) -> None:
        """The panels as they were left, or as the layout begins; moving them takes the keyboard away from them."""
        with_keyboard = self._window.focusWidget()
        row = layout_named(self.name)
        self._show_centre(row.centre and self._has_room_for_centre())
        kept = QByteArray.fromBase64(self._kept.get(self.name, "").encode())
        if kept.isEmpty() or not self._window.restoreState(kept, VERSION):
            self.lay_out()
        if with_keyboard is not None and with_keyboard.isVisible():
            with_keyboard.setFocus()

    def lay_out(self) -> None:
        """The panels where the layout has them at first."""
        row = layout_named(self.name)
        self._show_centre(row.centre and self._has_room_for_centre())
        for view in self._rows():
            dock = self._docks[view.name]
            dock.setFloating(False)
            dock.setVisible(view.area == "bottom" or row.side != 0)
        first = [view for view in self._rows() if not view.tabbed_with]
        for view in first:
            self._docks[view.name].raise_()
        for across, orientation in ((True, Qt.Orientation.Horizontal), (False, Qt.Orientation.Vertical)):
            sized = [view for view in first if (view.area != "bottom") == across]
            lengths = {view.name: self._length(view, row, across=across) for view in sized}
            seen = {name: length for name, length in lengths.items() if length > 0}
            self._window.resizeDocks([self._docks[name] for name in seen], list(seen.values()), orientation)

    def _rows(self) -> Sequence[registry.ViewSpec]:
        return [view for view in registry.placed() if view.name in self._docks]

    def _has_room_for_centre(self) -> bool:
        return self._window.height() >= LOWEST_PX * self.scale

    def _length(self, view: registry.ViewSpec, row: Layout, *, across: bool) -> int:
        """How wide, or at the bottom how high, a panel begins."""
        width, height = self._window.width(), self._window.height()
        share = row.side if across else row.bottom
        if share is not None:
            return round(-share * self.scale if share < 0 else share * (width if across else height))
        if across:
            side_px = (SIDE_PX if width >= WIDE * self.scale else NARROW_SIDE_PX) * self.scale
            return round(min(side_px, MOST_SIDE * width))
        if height < LOW_PX * self.scale:
            elevation_px = round(ELEVATION_PX * self.scale)
            return max(height - elevation_px, elevation_px)
        return round(view.share * height) or self._docks[view.name].sizeHint().height()

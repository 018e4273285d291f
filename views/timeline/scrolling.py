"""The scroll bar beside the lanes: which part of them is seen, and the focused lane in sight.

A lane that was shown stays in sight while lanes become higher, as more of them is read, until the person scrolls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollBar, QWidget

from views.timeline.lanes import END_PX, HEADER, Lane, lanes_height, staying_height

STEP_PX = 24


class LaneScroll(QScrollBar):
    """Counts in units of the view that it stands in."""

    def __init__(self, parent: QWidget, moved: Callable[[], None]) -> None:
        """At the top. `moved` is called when another part is seen."""
        super().__init__(Qt.Orientation.Vertical, parent)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setSingleStep(STEP_PX)
        self._lanes: Sequence[Lane] = ()
        self._room = 0
        self._kept: tuple[int, int, int] | None = None  # track, y and height of the lane that is to stay in sight
        self.valueChanged.connect(moved)
        self.actionTriggered.connect(self._let_go)

    def fit(self, lanes: Sequence[Lane], room: int) -> None:
        """These lanes are there now, in a zone that high."""
        self._lanes, self._room = lanes, room
        self.blockSignals(True)
        self.setRange(0, max(0, lanes_height(lanes) - room))
        self.setPageStep(max(1, room))
        self.blockSignals(False)
        self.setVisible(self.maximum() > 0)
        if self._kept is not None and self._place_of(self._kept[0]) != self._kept:
            self.show_lane(self._kept[0])

    def show_lane(self, track_id: int) -> None:
        """Scrolls no farther than it must, and keeps the lane in sight from now on."""
        self._kept = self._place_of(track_id)
        lane = self._lane_of(track_id)
        if lane is not None and not lane.stays:
            over = staying_height(self._lanes) + (0 if lane.shape == "head" else HEADER + END_PX)
            self.setValue(min(max(self.value(), lane.y + lane.height - self._room + END_PX), lane.y - over))

    def scroll_by(self, px: int) -> None:
        """Moves the lanes up, as a person wants it."""
        self._let_go()
        self.setValue(self.value() + px)

    def scroll_to(self, px: int) -> None:
        """Moves the lanes so far, as a person has left them."""
        self._let_go()
        self.setValue(px)

    def _let_go(self) -> None:
        self._kept = None

    def _lane_of(self, track_id: int) -> Lane | None:
        return next((lane for lane in self._lanes if track_id in lane.track_ids), None)

    def _place_of(self, track_id: int) -> tuple[int, int, int]:
        lane = self._lane_of(track_id)
        return (track_id, -1, 0) if lane is None else (track_id, lane.y, lane.height)

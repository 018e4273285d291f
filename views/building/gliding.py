"""Rooms go from one moment's height to the next one's within 120 ms, and at once where no motion is wanted.

Only what is the same quantity on the same scale glides: who follows a room with the eye sees it grow or shrink. What
comes grows from the floor. Held keys and playing do not wait for it, and a crowd is not painted again and again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEasingCurve, QVariantAnimation
from PySide6.QtWidgets import QWidget

from views.building.layout import FLAT, Float32, House
from views.drawing.motion import wants_motion
from views.loop.state import Assigns, Motion

GLIDE_MS = 120
MOST_ROOMS = 2_000
"""More are not painted anew every few milliseconds."""


class Gliding:
    """The way of one stage's rooms from the last house to the present one."""

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._from: Float32 | None = None
        self._clock = QVariantAnimation(widget)
        self._clock.setStartValue(0.0)
        self._clock.setEndValue(1.0)
        self._clock.setDuration(GLIDE_MS)
        self._clock.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._clock.finished.connect(self.end)
        self.ticked, self.arrived = self._clock.valueChanged, self._clock.finished

    @property
    def is_under_way(self) -> bool:
        """Whether rooms are not yet as high as they are to be."""
        return self._from is not None

    def begin(self, before: House | None, after: House | None, motion: Motion) -> None:
        """Lets the rooms go from what is seen now of one house to the other; at once where that is not worth it."""
        seen = None if before is None else self.now(before)
        self.end()
        if seen is not None and after is not None and can_glide(seen, after) and wants_motion(self._widget, motion):
            self._from = heights_before(seen, after)
            self._clock.start()

    def now(self, plan: House) -> House:
        """The house as it is to be painted at this moment."""
        start = self._from
        if start is None or len(start) != len(plan):
            return plan
        box = plan.box.copy()
        box[:, 5] = start + (plan.box[:, 5] - start) * float(self._clock.currentValue())
        return replace(plan, box=box)

    def end(self) -> None:
        """The rooms are as high as they are to be. Harmless when repeated."""
        self._from = None
        self._clock.stop()


def follows_the_cursor(before: Assigns, after: Assigns) -> bool:
    """Whether another moment of the same session is shown, and no more of them is on its way."""
    is_same = before.session is not None and after.session is not None and before.session.key == after.session.key
    is_another = before.frame is not None and after.frame is not None and before.frame is not after.frame
    is_last = after.frame_wanted_ns is None and not after.steps and not after.playing and not after.following
    return is_same and is_another and is_last


def can_glide(before: House, after: House) -> bool:
    """Whether both show the same quantity on the same scale, and few enough rooms."""
    same = (before.measure, before.full, before.span_ns) == (after.measure, after.full, after.span_ns)
    return same and 0 < len(after) <= MOST_ROOMS


def heights_before(before: House, after: House) -> Float32:
    """How high each room of a house was in another one; flat where it was not there. Shape: (n,)."""
    known = dict(zip(_rooms(before), before.box[:, 5].tolist(), strict=True))
    return np.array([known.get(room, FLAT) for room in _rooms(after)], np.float32)


def _rooms(plan: House) -> list[tuple[int, int]]:
    """(thread, function) of each."""
    return list(zip(plan.track_id.tolist(), plan.site_id.tolist(), strict=True))

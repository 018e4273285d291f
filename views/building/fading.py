"""From one look of a widget to the next within 150 ms, and at once where no motion is wanted."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QVariantAnimation
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from views.drawing.motion import wants_motion
from views.loop.state import Motion

FADE_MS = 150


class Fading:
    """The last look of a widget, painted over the new one, less and less of it."""

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._before: QPixmap | None = None
        self._clock = QVariantAnimation(widget)
        self._clock.setStartValue(1.0)
        self._clock.setEndValue(0.0)
        self._clock.setDuration(FADE_MS)
        self._clock.valueChanged.connect(widget.update)
        self._clock.finished.connect(self.end)

    @property
    def is_under_way(self) -> bool:
        """Whether something of the last look is still to be seen."""
        return self._before is not None

    def begin(self, motion: Motion) -> None:
        """Keeps what the widget looks like now; nothing where nobody sees it, or motion is not wanted."""
        self.end()
        if wants_motion(self._widget, motion):
            self._before = self._widget.grab()
            self._before.setDevicePixelRatio(self._widget.devicePixelRatioF())  # of a view that paints in units
            self._clock.start()

    def end(self) -> None:
        """Shows the new look alone. Harmless when repeated."""
        self._before = None
        self._clock.stop()
        self._widget.update()

    def paint_over(self, painter: QPainter) -> None:
        """What is still to be seen of the last look."""
        if self._before is not None:
            painter.setOpacity(float(self._clock.currentValue()))
            painter.drawPixmap(QPointF(0, 0), self._before)
            painter.setOpacity(1.0)

"""Painted views that grow and shrink with the window's scale.

    class Lanes(ScaledWidget): ...         a widget that is painted as a whole
    class Rows(ScaledScrollArea): ...      one of which a part is seen

Such a view measures itself, paints and is pointed at in units, and a unit is so many pixels as its scale says: at 150 %
a view of 900 pixels is 600 units wide, a row of 20 units is 30 pixels high, a pointer at pixel 450 is at 300. Fonts,
rows, gaps and what can be hit grow alike, and no view counts with the scale itself. It is what Qt does with a dense
screen, one layer further up; to Qt the view stays as many pixels large as it is.

What is Qt's own in such a view (a scroll bar beside what is painted) is placed in pixels: `px` gives them. `size` is
Qt's too, in pixels; `width`, `height` and `rect` are in units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QWidget

WHOLE = 100
"""The scale at which a unit is a pixel, in percent."""


if TYPE_CHECKING:
    _Measured = QWidget
else:
    _Measured = object


class InUnits(_Measured):
    """A widget's size in units. Comes before the Qt class, so that the view asks this one and Qt its own."""

    _scale = WHOLE

    @property
    def unit_px(self) -> float:
        """How many pixels a unit is."""
        return self._scale / WHOLE

    def px(self, units: float) -> int:
        """So many units in whole pixels."""
        return round(units * self.unit_px)

    def in_units(self, point_px: QPoint) -> QPointF:
        """A point that Qt says in pixels."""
        return QPointF(point_px) / self.unit_px

    def width(self) -> int:
        return math.ceil(super().width() / self.unit_px)

    def height(self) -> int:
        return math.ceil(super().height() / self.unit_px)

    def rect(self) -> QRect:
        return QRect(0, 0, self.width(), self.height())

    def devicePixelRatioF(self) -> float:  # noqa: N802 - Qt's name
        """How many pixels of the screen a unit is."""
        return super().devicePixelRatioF() * self.unit_px

    def painter(self) -> QPainter:
        """A painter that paints in units, with a font that grows as all does."""
        painter = QPainter(self)
        if self._scale != WHOLE:
            font = painter.font()
            font.setPointSizeF(font.pointSizeF() / self.unit_px)
            painter.setFont(font)
            painter.scale(self.unit_px, self.unit_px)
        return painter


class ScaledWidget(InUnits, QWidget):
    """A widget that is painted as a whole."""

    def take_scale(self, scale: int) -> None:
        """Is shown at this scale from now on. Units: percent."""
        if scale != self._scale:
            self._scale = scale
            _fit_again(self)
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        """Hands on what a pointer does in units. A view with an `event` of its own sees it before, in pixels."""
        return _in_units(event, self.unit_px, super().event)


class _Viewport(InUnits, QWidget):
    """What is seen of an area that scrolls."""


class ScaledScrollArea(QAbstractScrollArea):
    """One of which a part is seen; its `viewport` has the units, and its scroll bars count in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen = _Viewport()
        self.setViewport(self._seen)

    def viewport(self) -> _Viewport:
        """The part that is seen, in units."""
        return self._seen

    def take_scale(self, scale: int) -> None:
        """Is shown at this scale from now on. Units: percent."""
        if scale != self._seen._scale:
            self._seen._scale = scale
            _fit_again(self._seen)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hands on what a pointer does in units."""
        return _in_units(event, self._seen.unit_px, super().viewportEvent)

    def event(self, event: QEvent) -> bool:
        """The same of what its viewport has left to it."""
        return _in_units(event, self._seen.unit_px, super().event)


def unit_px_of(widget: QWidget) -> float:
    """How many pixels one is of what a widget measures itself in."""
    return widget.unit_px if isinstance(widget, InUnits) else 1.0


def _fit_again(view: QWidget) -> None:
    """Has a view measure itself anew, as after another size."""
    size = view.size()
    QApplication.sendEvent(view, QResizeEvent(size, size))
    view.update()


def _in_units(event: QEvent, unit_px: float, handle: Callable[[QEvent], bool]) -> bool:
    """Has an event of the pointer handled with its place in units, any other as it is."""
    at = None if unit_px == 1.0 else _with_place_in_units(event, unit_px)
    if at is None:
        return handle(event)
    is_handled = handle(at)
    event.setAccepted(at.isAccepted())
    return is_handled


def _with_place_in_units(event: QEvent, unit_px: float) -> QEvent | None:
    """The same event with its place in units; None for one that has no place."""
    match event:
        case QMouseEvent():
            return QMouseEvent(
                event.type(),
                event.position() / unit_px,
                event.scenePosition(),
                event.globalPosition(),
                event.button(),
                event.buttons(),
                event.modifiers(),
                event.pointingDevice(),
            )
        case QWheelEvent():
            return QWheelEvent(
                event.position() / unit_px,
                event.globalPosition(),
                event.pixelDelta(),
                event.angleDelta(),
                event.buttons(),
                event.modifiers(),
                event.phase(),
                event.inverted(),
                event.source(),
                event.pointingDevice(),
            )
        case QContextMenuEvent():
            at = (QPointF(event.pos()) / unit_px).toPoint()
            return QContextMenuEvent(event.reason(), at, event.globalPos(), event.modifiers())
        case _:
            return None

"""The scrub track, the whole session as one thin line with the cursor, the visible stretch, bookmarks and the mark; and
the words that say what the event at the cursor is.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from views.drawing.scaled import ScaledWidget
from views.drawing.spoken import explain, tell
from views.drawing.theme import colours, qcolor, text_font
from views.loop.state import Assigns, Theme
from views.loop.thing import Thing, moment_thing
from views.transport.layout import range_text, share_of
from views.words.figures import clock_text

_MARGIN_PX = 8
FONT_POINTS = 9.5


class ScrubTrack(ScaledWidget):
    """Painted from the last assigns it was given; tells where it is dragged to."""

    dragged = Signal(object)
    released = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = Assigns()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Moment in the session")

    def show_assigns(self, assigns: Assigns) -> None:
        """Paints these soon."""
        self._shown = assigns
        self.take_scale(assigns.scale)
        tell(
            self,
            "" if assigns.session is None else f"{clock_text(assigns.cursor_ns)}, {range_text(assigns)} is visible",
        )
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as a finger needs to hit it with a mouse."""
        return QSize(self.px(200), self.px(18))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints the track."""
        shown, c = self._shown, colours(self._shown.theme)
        painter = self.painter()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        painter.fillRect(QRectF(_MARGIN_PX, middle - 2, self._width(), 4), qcolor(c.line))
        if shown.session is None:
            painter.end()
            return
        left, right = (self._x(time_ns) for time_ns in shown.visible_ns)
        painter.fillRect(QRectF(left, middle - 2, max(right - left, 2.0), 4), qcolor(c.accent, 110))
        for bookmark in shown.bookmarks:
            x = self._x(bookmark.time_ns)
            flag = [QPointF(x, 1), QPointF(x + 6, 4), QPointF(x, 7)]
            painter.setPen(QPen(qcolor(c.bookmark), 1))
            painter.setBrush(qcolor(c.bookmark))
            painter.drawPolygon(QPolygonF(flag))
            painter.drawLine(QPointF(x, 1), QPointF(x, self.height() - 2))
        if shown.marked_ns is not None:
            x = self._x(shown.marked_ns)
            painter.setPen(QPen(qcolor(c.mark), 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        x = self._x(shown.cursor_ns)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(qcolor(c.cursor))
        painter.drawRoundedRect(QRectF(x - 3, 2, 6, self.height() - 4), 3, 3)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Goes there."""
        if event.button() is Qt.MouseButton.LeftButton and self._shown.session is not None:
            self.released.emit(self._time_ns(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Scrubs."""
        if event.buttons() & Qt.MouseButton.LeftButton and self._shown.session is not None:
            self.dragged.emit(self._time_ns(event.position().x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Leaves every key to the window's commands."""
        event.ignore()

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The moment there."""
        return () if self._shown.session is None else (moment_thing(self._time_ns(at.x())),)

    def keys_at(self) -> QPointF | None:
        """Where the cursor is."""
        return QPointF(self._x(self._shown.cursor_ns), self.height() / 2)

    def _width(self) -> float:
        return max(self.width() - 2 * _MARGIN_PX, 1)

    def _x(self, time_ns: int) -> float:
        return _MARGIN_PX + share_of(time_ns, self._shown.range_ns) * self._width()

    def _time_ns(self, x: float) -> int:
        start_ns, end_ns = self._shown.range_ns
        share = min(max((x - _MARGIN_PX) / self._width(), 0.0), 1.0)
        return start_ns + round((end_ns - start_ns) * share)


class EventLine(ScaledWidget):
    """What the event at the cursor is; cut in its middle, where names are least missed. As wide as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._theme: Theme = "dark"
        self.setAccessibleName("Event at the cursor")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    @property
    def text(self) -> str:
        """All of it."""
        return self._text

    def show_event(self, text: str, assigns: Assigns) -> None:
        """Paints it soon; a layout has nothing to do with how long it is."""
        self.take_scale(assigns.scale)
        if (text, assigns.theme) != (self._text, self._theme):
            self._text, self._theme = text, assigns.theme
            explain(self, *(("The last event at the cursor, on whichever thread", text) if text else ()))
            tell(self, text)
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A few words."""
        return QSize(self.px(80), self.px(18))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints the line."""
        painter = self.painter()
        painter.setFont(text_font(FONT_POINTS))
        painter.setPen(qcolor(colours(self._theme).text))
        cut = painter.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), cut)
        painter.end()

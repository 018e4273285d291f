"""The metrics strip as a widget: it shows the same stretch of time as the timeline below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from typing import ClassVar

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QHideEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QStyle, QToolTip, QWidget

from views.drawing.legend import Sign
from views.drawing.scaled import ScaledWidget
from views.drawing.theme import colours, qcolor
from views.drawing.time_scale import ns_from_px, px_from_ns
from views.drawing.vectors import keeps_shapes
from views.loop.events import Event, SeekTo
from views.loop.state import Assigns
from views.loop.thing import Thing, moment_thing
from views.metrics import scene
from views.metrics.layout import GUTTER, ROW, MetricLine, metric_lines, metric_thing, row_tops
from views.metrics.samples import Samples
from views.reading.source import Source
from views.words.plain_text import plain, tooltip


class MetricsView(ScaledWidget):
    """CPU, memory and what else is sampled, of all processes together."""

    reads: ClassVar[frozenset[str]] = frozenset({"session", "revision", "visible_ns", "cursor_ns", "theme", "scale"})
    _more = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send, self._source = send, source
        self._assigns = Assigns()
        self._samples: Samples | None = None
        self._lines: list[MetricLine] = []
        self._picture: QPixmap | None = None
        self._more.connect(self._loaded)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Metrics")
        self.setMinimumHeight(ROW)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Four rows."""
        return QSize(1200, self.px(4 * ROW))

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns; a cursor that moved alone costs no new picture."""
        self._assigns = assigns
        self.take_scale(assigns.scale)
        self._ask_for_room()
        session = self._source.session
        if self._samples is not None and self._samples.session is not session:
            self.shut()
        if session is not None and (self._samples is None or "revision" in changed):
            self._samples = self._samples or Samples(session, self._more.emit, self._source.pool)
            self._samples.read()
            self._take()
        if changed - {"cursor_ns"} or not changed:
            self._picture = None
        words = ", ".join(f"{line.title} {line.text_at(self._assigns.cursor_ns)}" for line in self._lines)
        self.setAccessibleDescription(plain(words))
        self.update()

    def lines(self) -> list[MetricLine]:
        """What is shown, as far as it has been read."""
        return self._lines

    def legend(self) -> tuple[Sign, ...]:
        """What its signs mean."""
        shown = colours(self._assigns.theme)
        return (
            Sign("all processes together", "line", shown.accent),
            Sign("cursor, its values at the left", "line", shown.cursor),
            Sign("right: top of the scale"),
        )

    @property
    def is_loading(self) -> bool:
        """Whether samples are being read."""
        return self._samples is not None and self._samples.is_reading

    def wait_until_loaded(self) -> None:
        """Returns when all samples have been read and can be painted."""
        if self._samples is not None:
            self._samples.wait()
            self._loaded()

    def shut(self) -> None:
        """Stops reading. Harmless when repeated."""
        if self._samples is not None:
            self._samples.close()
        self._samples, self._lines, self._picture = None, [], None

    def _loaded(self) -> None:
        self._take()
        self._picture = None
        self.update()

    def _take(self) -> None:
        if self._samples is not None:
            processes = self._source.names.processes.values()
            ends_ns = {row.process_id: row.end_ns for row in processes if row.end_ns is not None}
            self._lines = metric_lines(self._samples.by_name(), ends_ns)
            self._ask_for_room()

    def _ask_for_room(self) -> None:
        self.setMinimumHeight(self.px(ROW * max(1, len(self._lines))))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The lines, and over them the cursor."""
        shown, size = self._assigns, (self.width() - self._edge(), self.height())
        painter = self.painter()
        if keeps_shapes(painter):
            painter.fillRect(self.rect(), qcolor(colours(shown.theme).panel))
            scene.paint_lines(painter, self._lines, shown.visible_ns, size, shown.theme)
        else:
            self._picture = self._picture or self._painted(size)
            painter.drawPixmap(0, 0, self._picture)
        x = GUTTER + px_from_ns(shown.cursor_ns, shown.visible_ns, max(1, size[0] - GUTTER))
        if shown.session is not None and shown.visible_ns[0] < shown.visible_ns[1]:
            scene.paint_cursor(painter, self._lines, (shown.cursor_ns, x), size, shown.theme)
        painter.end()

    def _painted(self, size: tuple[int, int]) -> QPixmap:
        """What stays while the cursor moves."""
        ratio, theme = self.devicePixelRatioF(), self._assigns.theme
        picture = QPixmap(round(self.width() * ratio), round(size[1] * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(qcolor(colours(theme).panel))
        painter = QPainter(picture)
        scene.paint_lines(painter, self._lines, self._assigns.visible_ns, size, theme)
        painter.end()
        return picture

    def _edge(self) -> int:
        """What the timeline's scroll bar takes: an instant has to be at the same place in both."""
        return math.ceil(self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) / self.unit_px)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The same in another size."""
        self._picture = None

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """What nobody sees is not read."""
        if self._samples is not None:
            self._samples.close()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Goes on reading."""
        if self._samples is not None:
            self._samples.read()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """The cursor goes there."""
        self._seek(event, visit=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """The cursor follows."""
        self._seek(event, visit=False)

    def event(self, event: QEvent) -> bool:
        """Says what is under a pointer that rests: in the gutter as it is at the cursor."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), tooltip(*self.told_at(self.in_units(event.pos())).split("\n")), self)
            return True
        return super().event(event)

    def told_at(self, at: QPointF) -> str:
        """The words for a point: which metric, what it means, what it was there."""
        time_ns = self._time_at(at.x()) if at.x() >= GUTTER else self._assigns.cursor_ns
        rows = zip(self._lines, row_tops(self._lines, self.height()), strict=True)
        return next((line.told(time_ns) for line, (top, tall) in rows if top <= at.y() < top + tall), "")

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The metric and the moment at a point; in the gutter that of the cursor."""
        if self._assigns.session is None:
            return ()
        time_ns = self._time_at(at.x()) if at.x() >= GUTTER else self._assigns.cursor_ns
        rows = zip(self._lines, row_tops(self._lines, self.height()), strict=True)
        metrics = [line for line, (top, tall) in rows if top <= at.y() < top + tall]
        return (*(metric_thing(line, time_ns) for line in metrics), moment_thing(time_ns))

    def keys_at(self) -> QPointF | None:
        """Nowhere: it takes no keys."""
        return None

    def _time_at(self, x: float) -> int:
        return ns_from_px(x - GUTTER, self._assigns.visible_ns, max(1, self.width() - self._edge() - GUTTER))

    def _seek(self, event: QMouseEvent, *, visit: bool) -> None:
        x = event.position().x() - GUTTER
        if event.buttons() & Qt.MouseButton.LeftButton and x >= 0 and self._assigns.session is not None:
            self._send(SeekTo(time_ns=self._time_at(event.position().x()), visit=visit))

"""The timeline as a widget: overview, ruler and lanes; wheel and drag; what a click means."""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from html import escape
from typing import ClassVar

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QHelpEvent,
    QHideEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QStyle, QToolTip, QWidget

from capture.events.track_kinds import HEADS
from dags.analyses.lod import Array
from views.drawing.legend import Sign
from views.drawing.scaled import ScaledWidget
from views.drawing.span_colours import Places
from views.drawing.spoken import tell
from views.drawing.vectors import keeps_shapes
from views.loop.choosing_lanes import ShowAllLanes
from views.loop.events import Event
from views.loop.state import Assigns, Theme
from views.loop.thing import Thing
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.supervision.layout import SupervisionRow, supervision_rows
from views.supervision.state import SupervisionState
from views.timeline import gutter, legend, overlay, pick, scene
from views.timeline.content import Content, Overview
from views.timeline.gestures import Gestures
from views.timeline.lane_filter import ROW_PX, LaneFilter
from views.timeline.lanes import END_PX, Ends, Lane, ends_of, in_zone, over_height
from views.timeline.layout import OVERVIEW, TOP, drawn_ns, gutter_of
from views.timeline.marks import EXCEPTION_DTYPE
from views.timeline.pointing import Pointing
from views.timeline.pulling import Pulled
from views.timeline.scrolling import LaneScroll
from views.timeline.state import TimelineState
from views.timeline.things import place_of_keys, things_under
from views.words.figures import duration_text
from views.words.plain_text import tooltip

_KEEPS_OVERVIEW = frozenset({"visible_ns", "focus_track_id", "selection", "folded", "timeline", "lanes", "lane_choice"})
_MOVING = frozenset({"cursor_ns", "bookmarks", "marked_ns", "stretch_ns", "frame", "supervision"})


class TimelineView(ScaledWidget):
    """What happened when: the whole session above, what is visible of it below, one lane per thread."""

    reads: ClassVar[frozenset[str]] = frozenset(
        {
            "session", "revision", "range_ns", "visible_ns", "cursor_ns", "focus_track_id", "selection", "folded",
            "bookmarks", "marked_ns", "stretch_ns", "search_sites", "theme", "scale", "lanes", "lane_choice", "frame",
            "timeline", "supervision",
        }
    )  # fmt: skip
    _more = Signal()
    _sampled = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send, self._source = send, source
        self._assigns = Assigns()
        self.pulled = Pulled(source, self._more.emit, self._sampled.emit)
        self._placed: list[Lane] = []
        self._rows: dict[int, SupervisionRow] = {}
        self._exceptions: Array = np.empty(0, EXCEPTION_DTYPE)
        self._left_out = ""
        self._places = Places()
        self._sites: scene.SiteColours | None = None
        self._picture: QPixmap | None = None
        self._top: tuple[tuple[Overview, Theme, int, float], QPixmap] | None = None
        self._gestures = Gestures(self, send)
        self.filter = LaneFilter(send, self)
        self.filter.left.connect(self.setFocus)
        self._bar = LaneScroll(self, self._scrolled)
        self._more.connect(self._loaded)
        self._sampled.connect(self._take_samples)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Timeline")
        self.setMinimumSize(360, TOP + 60)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide, and tall enough for a handful of lanes."""
        return QSize(1200, 380)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns; a cursor that moved alone costs no new picture."""
        before, self._assigns = self._assigns, assigns
        self.take_scale(assigns.scale)
        if "session" in changed or "revision" in changed or not changed:
            self.pulled.follow(self._source.session)
        if "session" in changed:
            self._places = Places()
        if changed & {"session", "revision", "theme", "search_sites"} or not changed:
            self._sites = None
        if changed & {"frame", "supervision", "session"} or not changed:
            self._take_frame()
        if changed - _MOVING or not changed:
            self._pull(overview=bool(changed - _MOVING - _KEEPS_OVERVIEW))
        if assigns.focus_track_id != before.focus_track_id or changed & {"lanes", "lane_choice"}:
            self.show_lane(assigns.focus_track_id)
        self.filter.show_choice(assigns.lane_choice)
        self.filter.setVisible(assigns.session is not None)
        tell(self, *self._told_of_focus())
        self.update()

    def shown(self) -> Content:
        """What the lanes show; for tests and for whoever exports it."""
        return self.pulled.content

    @property
    def is_reading(self) -> bool:
        """Whether something of what is visible has not been read yet."""
        return bool(self.pulled.content.missing or self.pulled.content.missing_calls)

    def pose(self) -> int:
        """How far the lanes are scrolled."""
        return self._bar.value()

    def take_pose(self, pose: int) -> None:
        """Scrolls them as far."""
        self._bar.scroll_to(pose)

    def legend(self) -> tuple[Sign, ...]:
        """What its signs mean."""
        return legend.signs(self._assigns)

    def lanes(self) -> list[Lane]:
        """The lanes, from top to bottom."""
        return self.pulled.lanes

    @property
    def is_loading(self) -> bool:
        """Whether segments are being read, visible ones or not."""
        return self.pulled.is_reading

    def wait_until_loaded(self) -> None:
        """Returns when everything visible and the overview have been read and can be painted."""
        self.pulled.wait_for_samples()
        while self._pull():
            self.pulled.wait()
        self.update()

    def shut(self) -> None:
        """Stops reading. Harmless when repeated; a patch with a session starts again."""
        self.pulled.shut()

    # -- pulling

    def _take_samples(self) -> None:
        self.pulled.take_samples()
        self._loaded()

    def _take_frame(self) -> None:
        """What every lane does at the cursor."""
        frame = self._assigns.frame
        if frame is None:
            self._rows = {}
            return
        heat_by = self._assigns.of(SupervisionState).heat_by
        rows = supervision_rows(frame, recent(self._source, frame), heat_by, frozenset())
        self._rows = {row.track_id: row for row in rows}

    def _told_of_focus(self) -> tuple[str, ...]:
        """The cursor and the focused lane in words, for who hears the window."""
        track_id = self._assigns.focus_track_id
        if not any(track_id in lane.track_ids for lane in self.pulled.lanes):
            return ()
        row, at_ns = self._rows.get(track_id), self._assigns.cursor_ns - self._assigns.range_ns[0]
        lane = f"lane {self._source.names.track(track_id)}"
        return (f"cursor at {duration_text(at_ns)}", lane, *((row.detail, row.figure) if row else ()))

    def _loaded(self) -> None:
        if self.isVisible():  # what was on its way when it was hidden begins nothing anew
            self._pull()
            self.update()

    def _pull(self, *, overview: bool = True) -> bool:
        """Takes what is visible now; True when there is more to be read."""
        self._picture = None
        self.pulled.choose(self._assigns)
        self.pulled.stack(self._assigns, self._room())
        self._bar.fit(self.pulled.lanes, self._room())
        return self.pulled.read(self._assigns, self.lanes_width(), overview=overview)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The picture, and over it what moves."""
        shown, session = self._assigns, self._source.session
        painter = self.painter()
        self._paint_still(painter)
        if shown.session is not None:
            gutter.paint_gutter(painter, self._gutter())
            moving = overlay.Moving(
                self._whole_ns(),
                self.drawn_ns(),
                shown.cursor_ns,
                shown.marked_ns,
                shown.bookmarks,
                self._inner_width(),
                self.height(),
                self._gestures.dragged_ns,
                [change.time_ns for change in session.manifest.changes] if session is not None else [],
                stretch_ns=shown.stretch_ns,
                left_out=self._left_out,
            )
            overlay.paint_moving(painter, moving, shown.theme)
        painter.end()

    def _paint_still(self, painter: QPainter) -> None:
        """What stays while the cursor moves: from a picture of it, where pixels are all that is kept."""
        overview, width = self.pulled.overview, self._inner_width()
        if keeps_shapes(painter):
            self._paint_lanes(painter)
            if self._assigns.session is not None:
                overlay.paint_overview(painter, overview, width, self._assigns.theme)
            return
        if self._picture is None:
            self._picture = self._painted()
        painter.drawPixmap(0, 0, self._picture)
        if self._assigns.session is not None:
            painter.drawPixmap(0, 0, self._above())

    def _above(self) -> QPixmap:
        """The overview, painted anew when it, its colours, its width or the screen's density is another."""
        overview, width = self.pulled.overview, self._inner_width()
        shown = (overview, self._assigns.theme, width, self.devicePixelRatioF())
        if self._top is None or self._top[0][0] is not overview or self._top[0][1:] != shown[1:]:
            self._top = shown, self._blank(width, OVERVIEW)
            painter = QPainter(self._top[1])
            overlay.paint_overview(painter, overview, width, self._assigns.theme)
            painter.end()
        return self._top[1]

    def _gutter(self) -> gutter.Gutter:
        shown = self._assigns
        return gutter.Gutter(
            width=self._inner_width(),
            height=self.height(),
            lanes=self._placed,
            theme=shown.theme,
            cursor_ns=shown.cursor_ns,
            visible_ns=shown.visible_ns,
            focus_track_id=shown.focus_track_id,
            rows=self._rows,
            metrics=self.pulled.metrics,
            all_metrics=shown.of(TimelineState).all_metrics,
            ends=self.ends(),
            top_px=over_height(self._placed),
        )

    def _painted(self) -> QPixmap:
        picture = self._blank(self.width(), self.height())
        painter = QPainter(picture)
        self._paint_lanes(painter)
        painter.end()
        return picture

    def _paint_lanes(self, painter: QPainter) -> None:
        shown, ratio = self._assigns, self.devicePixelRatioF()
        if self._sites is None:
            self._sites = scene.SiteColours(
                self._source.names, shown.theme, frozenset(shown.search_sites), self._places
            )
        self._placed = self._in_zone()
        what = scene.Scene(
            width=self._inner_width(),
            height=self.height(),
            ratio=ratio,
            lanes=self._placed,
            visible_ns=self.drawn_ns(),
            range_ns=shown.range_ns,
            content=self.pulled.content,
            names=self._source.names,
            theme=shown.theme,
            focus_track_id=shown.focus_track_id,
            selection=shown.selection,
            found_sites=frozenset(shown.search_sites),
            progress=self.pulled.overview.progress,
            metrics=self.pulled.metrics,
            threads=self._threads_in_sight(),
            is_live=shown.session is not None and shown.session.live,
        )
        scene.paint_backdrop(painter, self.width(), self.height(), shown.theme)
        if shown.session is not None:
            _, self._exceptions = scene.paint(painter, what, self._sites)
            self._left_out = scene.arrows_left_out(what)
        else:
            scene.paint_nothing(painter, self.width(), self.height(), shown.theme)

    def _threads_in_sight(self) -> tuple[int, int]:
        seen = {one for lane in self._placed if lane.shape not in ("metric", "head") for one in lane.track_ids}
        return len(seen), sum(row.kind not in HEADS for row in self._source.names.tracks.values())

    def _blank(self, width: int, height: int) -> QPixmap:
        ratio = self.devicePixelRatioF()
        made = QPixmap(round(width * ratio), round(height * ratio))
        made.setDevicePixelRatio(ratio)
        return made

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The same stretch in another width."""
        wide = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        size, top_px = self.size(), self.px(TOP)
        self._bar.setGeometry(size.width() - wide, top_px, wide, size.height() - top_px)
        filter_units = (6, OVERVIEW - ROW_PX - 2, gutter_of(self.width()) - 12, ROW_PX)
        self.filter.setGeometry(*(self.px(length) for length in filter_units))
        self._pull()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """What nobody sees is not read."""
        self.pulled.pause()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Goes on reading."""
        self.pulled.go_on()
        self._pull()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """A closed view reads nothing."""
        self.shut()
        super().closeEvent(event)

    def _inner_width(self) -> int:
        return self.width() - (math.ceil(self._bar.width() / self.unit_px) if self._bar.maximum() else 0)

    def lanes_width(self) -> int:
        """From the gutter to the right edge, without the scroll bar."""
        return max(1, self._inner_width() - self.gutter)

    def drawn_ns(self) -> tuple[int, int]:
        """The stretch between the gutter and the right edge: what is visible, with margins at the session's ends."""
        return drawn_ns(self._assigns.visible_ns, self._assigns.range_ns, self.lanes_width())

    def _whole_ns(self) -> tuple[int, int]:
        return drawn_ns(self._assigns.range_ns, self._assigns.range_ns, self.lanes_width())

    @property
    def gutter(self) -> int:
        """How wide the gutter is."""
        return gutter_of(self._inner_width())

    def _scrolled(self) -> None:
        self._picture = None
        self.update()

    def show_lane(self, track_id: int) -> None:
        """Scrolls a lane into sight."""
        self._bar.show_lane(track_id)

    # -- the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begins what the gestures say."""
        self._gestures.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Goes on with it."""
        self._gestures.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ends it."""
        self._gestures.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Fits what is there."""
        self._gestures.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zooms, pans or scrolls."""
        self._gestures.wheel(event)

    def event(self, event: QEvent) -> bool:
        """Says what is under a pointer that rests."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self.in_units(event.pos())
            hit = self.pointing().hit(at.x(), at.y())
            text = "" if hit is None else self._told(hit)
            QToolTip.showText(event.globalPos(), tooltip(*text.split("\n")), self)
            return True
        return super().event(event)

    def _told(self, hit: pick.Hit) -> str:
        line = self.pulled.metrics.get(hit.lane.metric)
        if line is not None:
            return escape(line.told(hit.time_ns, self._assigns.visible_ns)).replace("\n", "<br>")
        return pick.told(hit, self.pulled.content, self._source.names)

    def assigns(self) -> Assigns:
        """What is shown, for the gestures."""
        return self._assigns

    def scroll_by(self, px: int) -> None:
        """Moves the lanes up."""
        self._bar.scroll_by(px)

    def pointing(self) -> Pointing:
        """What is where, as it is seen now."""
        return Pointing(
            lanes=self._in_zone(),
            content=self.pulled.content,
            painted=self._placed,
            exceptions=self._exceptions,
            range_ns=self._assigns.range_ns,
            whole_ns=self._whole_ns(),
            visible_ns=self.drawn_ns(),
            gutter=self.gutter,
            lanes_width=self.lanes_width(),
            ratio=self.devicePixelRatioF(),
        )

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """What is under a point, for menus."""
        shown, place = self._assigns, (at.x(), at.y())
        if shown.session is None:
            return ()
        return things_under(place, self.pointing(), shown.bookmarks, self._source.names, self.pulled.metrics)

    def keys_at(self) -> QPointF | None:
        """The focused lane at the cursor."""
        place = place_of_keys(self.pointing(), self._assigns.cursor_ns, self._assigns.focus_track_id)
        return None if place is None else QPointF(*place)

    def point_of(self, track_id: int, depth: int, time_ns: int) -> QPoint:
        """Where a depth of a lane is at an instant, for tests and accessibility."""
        return QPoint(*self.pointing().point_of(track_id, depth, time_ns))

    def _in_zone(self) -> list[Lane]:
        return in_zone(self.pulled.lanes, self._bar.value(), self._room())

    def ends(self) -> Ends:
        """How many threads are not seen, and where they would be."""
        return ends_of(self.pulled.lanes, self._bar.value(), self._room(), self.pulled.left_out)

    def peak_of(self, metric: str) -> int | None:
        """When a metric is at its highest in what is visible; None where it has no sample."""
        line = self.pulled.metrics.get(metric)
        peak = None if line is None else line.peak(self._assigns.visible_ns)
        return None if peak is None else peak[0]

    def goes_to_end(self, y: float) -> bool:
        """Scrolls where a strip at an end of the gutter is pressed, or shows what is hidden; False elsewhere."""
        ends, top_px = self.ends(), over_height(self._in_zone())
        page_px = max(self._room() - top_px - 2 * END_PX, END_PX)
        if ends.above and 0 <= y - TOP - top_px < END_PX:
            self.scroll_by(-page_px)
        elif y < self.height() - END_PX or not (ends.below or ends.left_out):
            return False
        elif ends.below:
            self.scroll_by(page_px)
        else:
            self._send(ShowAllLanes())
        return True

    def _room(self) -> int:
        """How high the lanes' zone is: less by a strip where one has to say how many are hidden."""
        return self.height() - TOP - (END_PX if self.pulled.left_out else 0)

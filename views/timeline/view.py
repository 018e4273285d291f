"""The timeline as a widget: overview, ruler and lanes; wheel and drag; what a click means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
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
from PySide6.QtWidgets import QScrollBar, QStyle, QToolTip, QWidget

from capture.events.track_kinds import HEADS
from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from dags.analyses.lod import Array
from views.drawing.legend import Sign
from views.drawing.time_scale import ns_from_px, px_from_ns
from views.loop.events import Event
from views.loop.state import Assigns
from views.metrics.layout import Line, lines_of
from views.metrics.samples import Samples
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.supervision.layout import Row, supervision_rows
from views.supervision.state import SupervisionState
from views.timeline import gutter, legend, overlay, pick, scene
from views.timeline.content import Content, Loader, Overview, content_of, overview_of
from views.timeline.gestures import Gestures
from views.timeline.lanes import (
    HEADER,
    Lane,
    Pack,
    Wanted,
    in_sight,
    in_zone,
    lane_at,
    lanes_height,
    packs_of,
    stacked,
    staying_height,
)
from views.timeline.layout import OVERVIEW, TOP, Zone, gutter_of, zone_at
from views.timeline.marks import EXCEPTION_DTYPE, MERGED_PX
from views.timeline.state import TimelineState
from views.words.plain_text import plain, tooltip

FEW_METRICS = 2
_KEEPS_OVERVIEW = frozenset({"visible_ns", "focus_track_id", "selection", "folded", "timeline", "lanes"})
_MOVING = frozenset({"cursor_ns", "bookmarks", "marked_ns", "frame", "supervision"})


class TimelineView(QWidget):
    """What happened when: the whole session above, what is visible of it below, one lane per thread."""

    reads: ClassVar[frozenset[str]] = frozenset(
        {
            "session", "revision", "range_ns", "visible_ns", "cursor_ns", "focus_track_id", "selection", "folded",
            "bookmarks", "marked_ns", "search_sites", "theme", "lanes", "frame", "timeline", "supervision",
        }
    )  # fmt: skip
    _more = Signal()
    _sampled = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send, self._source = send, source
        self._assigns = Assigns()
        self._loader: Loader | None = None
        self._session: Session | None = None
        self._samples: Samples | None = None
        self._metrics: dict[str, Line] = {}
        self._lanes: list[Lane] = []
        self._placed: list[Lane] = []
        self._packs: tuple[object, dict[int, Pack]] = (None, {})
        self._rows: dict[int, Row] = {}
        self._exceptions: Array = np.empty(0, EXCEPTION_DTYPE)
        self._content = Content.empty()
        self._pulled_ns = (0, 0)
        self._overview = Overview.empty()
        self._sites: scene.SiteColours | None = None
        self._picture: QPixmap | None = None
        self._top: QPixmap | None = None
        self._gestures = Gestures(self, send)
        self._bar = QScrollBar(Qt.Orientation.Vertical, self)
        self._bar.setCursor(Qt.CursorShape.ArrowCursor)
        self._bar.valueChanged.connect(self._scrolled)
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
        if "session" in changed or "revision" in changed or not changed:
            self._follow_session(self._source.session)
        if changed & {"session", "revision", "theme", "search_sites"} or not changed:
            self._sites = None
        if changed & {"frame", "supervision", "session"} or not changed:
            self._take_frame()
        if changed - _MOVING or not changed:
            self._pull(overview=bool(changed - _MOVING - _KEEPS_OVERVIEW))
        if assigns.focus_track_id != before.focus_track_id:
            self.show_lane(assigns.focus_track_id)
        self.setAccessibleDescription(self._told_of_focus())
        self.update()

    def shown(self) -> Content:
        """What the lanes show; for tests and for whoever exports it."""
        return self._content

    @property
    def is_reading(self) -> bool:
        """Whether something of what is visible has not been read yet."""
        return bool(self._content.missing or self._content.missing_calls)

    def pose(self) -> int:
        """How far the lanes are scrolled."""
        return self._bar.value()

    def take_pose(self, pose: int) -> None:
        """Scrolls them as far."""
        self._bar.setValue(pose)

    def legend(self) -> tuple[Sign, ...]:
        """What its signs mean."""
        return legend.signs(self._assigns)

    def lanes(self) -> list[Lane]:
        """The lanes, from top to bottom."""
        return self._lanes

    @property
    def is_loading(self) -> bool:
        """Whether segments are being read, visible ones or not."""
        is_sampling = self._samples is not None and self._samples.is_reading
        return is_sampling or (self._loader is not None and self._loader.is_reading)

    def wait_until_loaded(self) -> None:
        """Returns when everything visible and the overview have been read and can be painted."""
        if self._samples is not None:
            self._samples.wait()
            self._take_samples()
        while self._pull() and self._loader is not None:
            self._loader.wait()
        self.update()

    def shut(self) -> None:
        """Stops reading. Harmless when repeated; a patch with a session starts again."""
        if self._loader is not None:
            self._loader.close()
        if self._samples is not None:
            self._samples.close()
        self._loader = self._samples = None

    # -- pulling

    def _follow_session(self, session: Session | None) -> None:
        if self._loader is not None and (session is None or self._session is not session):
            self.shut()
        self._session = session
        if session is None:
            self._lanes, self._content, self._overview = [], Content.empty(), Overview.empty()
            self._metrics = {}
        elif self._loader is None:
            self._loader = Loader(DetailReader(session.pinned()), self._more.emit, self._source.pool)
        else:
            self._loader.reader.session = session.pinned()  # segments are known by numbers until the next growth
            self._loader.forget_failures()
        if session is not None:
            self._samples = self._samples or Samples(session, self._sampled.emit, self._source.pool)
            self._samples.read()
            self._take_samples()

    def _take_samples(self) -> None:
        if self._samples is None:
            return
        processes = self._source.names.processes.values()
        ends_ns = {row.process_id: row.end_ns for row in processes if row.end_ns is not None}
        self._metrics = {line.name: line for line in lines_of(self._samples.by_name(), ends_ns)}
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

    def _told_of_focus(self) -> str:
        """The focused lane in words, for who hears the window."""
        track_id = self._assigns.focus_track_id
        if not any(track_id in lane.track_ids for lane in self._lanes):
            return ""
        row = self._rows.get(track_id)
        return ", ".join(part for part in (
            f"Lane {plain(self._source.names.track(track_id))}", row.figure if row else "", row.detail if row else ""
        ) if part)  # fmt: skip

    def _loaded(self) -> None:
        if self.isVisible():  # what was on its way when it was hidden begins nothing anew
            self._pull()
            self.update()

    def _pull(self, *, overview: bool = True) -> bool:
        """Takes from memory what is visible now, and asks for the rest; True when there is any.

        While a session grows, what was seen stays for the moment that reading the new end takes: it must not flicker.
        """
        self._picture = None
        if self._loader is None:
            self._top = None
            self._fit_bar()
            return False
        reader, shown = self._loader.reader, self._assigns
        self._lanes = self._stacked(reader.depths())
        self._fit_bar()
        content = content_of(self._loader, shown.visible_ns, self.lanes_width())
        was_seen = reader.session.live and _mostly(self._pulled_ns, shown.visible_ns)
        if was_seen and self._loader.want(content.missing, content.missing_calls):
            return True
        self._content, self._pulled_ns = content, shown.visible_ns
        if overview or self._top is None or len(self._overview.count) != self.lanes_width():
            self._overview, self._top = overview_of(reader, shown.range_ns, self.lanes_width()), None
        return self._ask(self._loader)

    def _stacked(self, depths: Mapping[int, int]) -> list[Lane]:
        names, shown = self._source.names, self._assigns
        own = shown.of(TimelineState)
        if self._packs[0] is not names:
            self._packs = (names, packs_of(names.tracks.values(), shown.range_ns[1]))
        wanted = Wanted(
            focus=shown.focus_track_id,
            folded=shown.folded,
            kept_open=own.kept_open,
            stays=own.pinned,
            order={track_id: at for at, track_id in enumerate(shown.lanes)},
        )
        count = None if own.all_metrics else FEW_METRICS
        titles = {name: line.title for name, line in list(self._metrics.items())[:count]}
        tracks = in_sight(names.tracks.values(), shown.visible_ns, shown.focus_track_id, self._packs[1])
        return stacked(
            tracks,
            names.processes.values(),
            depths,
            wanted,
            room_px=self.height() - TOP,
            metrics=titles,
            packs=self._packs[1],
        )

    def _ask(self, loader: Loader) -> bool:
        reader, whole = loader.reader, self._assigns.range_ns
        width_ns = (whole[1] - whole[0]) / max(1, self.lanes_width())
        rest = [index for index in reader.missing(*whole, width_ns) if reader.known(index) is None]
        return loader.want(self._content.missing, self._content.missing_calls, rest)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The picture, and over it what moves."""
        if self._picture is None:
            self._picture = self._painted()
        shown, session = self._assigns, self._source.session
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        if shown.session is not None:
            if self._top is None:
                self._top = self._blank(self._inner_width(), OVERVIEW)
                above = QPainter(self._top)
                overlay.paint_overview(above, self._overview, self._inner_width(), shown.theme)
                above.end()
            painter.drawPixmap(0, 0, self._top)
            gutter.paint_gutter(painter, self._gutter())
            moving = overlay.Moving(
                shown.range_ns,
                shown.visible_ns,
                shown.cursor_ns,
                shown.marked_ns,
                shown.bookmarks,
                self._inner_width(),
                self.height(),
                self._gestures.dragged_ns,
                [change.time_ns for change in session.manifest.changes] if session is not None else [],
            )
            overlay.paint_moving(painter, moving, shown.theme)
        painter.end()

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
            metrics=self._metrics,
            all_metrics=shown.of(TimelineState).all_metrics,
        )

    def _painted(self) -> QPixmap:
        shown, ratio = self._assigns, self.devicePixelRatioF()
        if self._sites is None:
            self._sites = scene.SiteColours(self._source.names, shown.theme, frozenset(shown.search_sites))
        picture = self._blank(self.width(), self.height())
        self._placed = in_zone(self._lanes, self._bar.value(), self.height() - TOP)
        what = scene.Scene(
            width=self._inner_width(),
            height=self.height(),
            ratio=ratio,
            lanes=self._placed,
            visible_ns=shown.visible_ns,
            content=self._content,
            names=self._source.names,
            theme=shown.theme,
            focus_track_id=shown.focus_track_id,
            selection=shown.selection,
            found_sites=frozenset(shown.search_sites),
            progress=self._overview.progress,
            metrics=self._metrics,
            threads=self._threads_in_sight(),
            is_live=shown.session is not None and shown.session.live,
        )
        painter = QPainter(picture)
        scene.paint_backdrop(painter, self.width(), self.height(), shown.theme)
        if shown.session is not None:
            _, self._exceptions = scene.paint(painter, what, self._sites)
        else:
            scene.paint_nothing(painter, self.width(), self.height(), shown.theme)
        painter.end()
        return picture

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
        self._bar.setGeometry(self.width() - wide, TOP, wide, self.height() - TOP)
        self._pull()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """What nobody sees is not read."""
        if self._loader is not None:
            self._loader.close()
        if self._samples is not None:
            self._samples.close()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Goes on reading."""
        if self._samples is not None:
            self._samples.read()
        self._pull()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """A closed view reads nothing."""
        self.shut()
        super().closeEvent(event)

    def _inner_width(self) -> int:
        return self.width() - (self._bar.width() if self._bar.maximum() else 0)

    def lanes_width(self) -> int:
        """From the gutter to the right edge, without the scroll bar."""
        return max(1, self._inner_width() - self.gutter)

    @property
    def gutter(self) -> int:
        """How wide the gutter is."""
        return gutter_of(self._inner_width())

    def _fit_bar(self) -> None:
        room = self.height() - TOP
        self._bar.blockSignals(True)
        self._bar.setRange(0, max(0, lanes_height(self._lanes) - room))
        self._bar.setPageStep(max(1, room))
        self._bar.setSingleStep(24)
        self._bar.blockSignals(False)
        self._bar.setVisible(self._bar.maximum() > 0)

    def _scrolled(self) -> None:
        self._picture = None
        self.update()

    def show_lane(self, track_id: int) -> None:
        """Scrolls a lane into sight."""
        lane = next((lane for lane in self._lanes if track_id in lane.track_ids), None)
        if lane is not None:
            room, top = self.height() - TOP, staying_height(self._lanes)
            if lane.stays:
                return
            over = top + (0 if lane.shape == "head" else HEADER)
            wanted = min(max(self._bar.value(), lane.y + lane.height - room), lane.y - over)
            if wanted != self._bar.value():
                self._bar.setValue(wanted)

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
            hit = self.hit(QPointF(event.pos()))
            text = "" if hit is None else self._told(hit)
            QToolTip.showText(event.globalPos(), tooltip(*text.split("\n")), self)
            return True
        return super().event(event)

    def _told(self, hit: pick.Hit) -> str:
        if hit.lane.metric in self._metrics:
            return escape(self._metrics[hit.lane.metric].told(hit.time_ns)).replace("\n", "<br>")
        return pick.told(hit, self._content, self._source.names)

    def assigns(self) -> Assigns:
        """What is shown, for the gestures."""
        return self._assigns

    def scroll_by(self, px: int) -> None:
        """Moves the lanes up."""
        self._bar.setValue(self._bar.value() + px)

    def zone(self, at: QPointF) -> Zone:
        """Which part of the view a point is in."""
        return zone_at(int(at.x()), int(at.y()), self.gutter)

    def hit(self, at: QPointF) -> pick.Hit | None:
        """What is under a point of the lanes or the gutter."""
        if at.y() < TOP or self._assigns.session is None:
            return None
        y = int(at.y()) - TOP
        lane = lane_at(in_zone(self._lanes, self._bar.value(), self.height() - TOP), y)
        slack_ns = ns_from_px(2, (0, self._assigns.visible_ns[1] - self._assigns.visible_ns[0]), self.lanes_width())
        return pick.hit(self._content, lane, y, self.time_at(at), slack_ns) if lane is not None else None

    def exception_at(self, at: QPointF) -> int | None:
        """When the first of the exceptions was whose mark is under a point, None without one."""
        placed = self._placed
        here = lane_at(placed, int(at.y()) - TOP)
        if here is None or at.y() - TOP < here.y + here.height - MERGED_PX:
            return None
        column = (at.x() - self.gutter) * self.devicePixelRatioF()
        own = self._exceptions[self._exceptions["lane"] == placed.index(here)]
        away = np.abs(own["column"] - column)
        near = int(np.argmin(away)) if len(own) else 0
        found = len(own) and away[near] <= MERGED_PX / 2 * self.devicePixelRatioF()
        return int(own["time_ns"][near]) if found else None

    def time_at(self, at: QPointF) -> int:
        """The instant at a point: in the overview of the whole session, else of what is visible."""
        zone = zone_at(self.gutter, int(at.y()), self.gutter)
        shown = self._assigns.range_ns if zone == "overview" else self._assigns.visible_ns
        return ns_from_px(at.x() - self.gutter, shown, self.lanes_width())

    def point_of(self, track_id: int, depth: int, time_ns: int) -> QPoint:
        """Where a depth of a lane is at an instant, for tests and accessibility."""
        placed = in_zone(self._lanes, self._bar.value(), self.height() - TOP)
        lane = next(lane for lane in placed if track_id in lane.track_ids)
        x = self.gutter + round(px_from_ns(time_ns, self._assigns.visible_ns, self.lanes_width()))
        return QPoint(x, TOP + round(lane.row_y(depth) + lane.row_px / 2))


def _mostly(seen_ns: tuple[int, int], now_ns: tuple[int, int]) -> bool:
    """Whether nine tenths of what is visible now had been seen."""
    both = min(seen_ns[1], now_ns[1]) - max(seen_ns[0], now_ns[0])
    return both * 10 >= (now_ns[1] - now_ns[0]) * 9 > 0

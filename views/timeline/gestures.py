"""What pressing, dragging and turning the wheel mean, by where it begins.

overview   press and drag: the visible stretch goes there (the cursor, when everything is visible)
ruler      press and drag: the cursor follows
lanes      click: picks the call and goes to that instant, or to the exception that is marked there; drag: pans;
           double click: fits the call
gutter     click on the triangle: folds a process, keeps a thread open, shows all metrics; on a strip at an end: scrolls
           to what it counts, or shows what is hidden; on a metric's name: goes to its peak; else picks the lane;
           double click: keeps the lane open; drag of a lane's lower edge: makes it higher or lower
Shift+drag over lanes or ruler: picks the stretch; Ctrl+drag: shows it
wheel      scrolls the lanes; with Ctrl, or above the lanes, it zooms at the pointer; with Shift it pans
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from views.loop.events import Event, Pan, SeekTo, Select, Show, ToggleFold, Zoom
from views.loop.state import Assigns, Selection
from views.loop.stretch import PickStretch
from views.timeline import pick
from views.timeline.lanes import Lane
from views.timeline.layout import TOP
from views.timeline.pointing import Pointing
from views.timeline.state import EnlargeLane, KeepOpen, UnfoldMetrics

ZOOM_STEP = 0.8
DRAG_PX = 4
WHEEL_PX = 72
FOLD_PX = 22
PEAK_HIT_PX = 6
_SHAPES = {"ruler": Qt.CursorShape.SplitHCursor, "overview": Qt.CursorShape.PointingHandCursor}


class Surface(Protocol):
    """What gestures need of the widget they are made on."""

    def assigns(self) -> Assigns: ...
    def pointing(self) -> Pointing: ...
    def scroll_by(self, px: int) -> None: ...
    def goes_to_end(self, y: float) -> bool: ...
    def peak_of(self, metric: str) -> int | None: ...
    def update(self) -> Any: ...
    def setCursor(self, shape: Qt.CursorShape) -> Any: ...  # noqa: N802 - Qt's name


class Gestures:
    """Turns the mouse into events."""

    def __init__(self, surface: Surface, send: Callable[[Event], None]) -> None:
        """Nothing is pressed."""
        self._surface, self._send = surface, send
        self._pressed: QPointF | None = None
        self._grabbed = ""
        self._edge: Lane | None = None
        self.dragged_ns: tuple[int, int] | None = None

    def press(self, event: QMouseEvent) -> None:
        """A button goes down."""
        if event.button() != Qt.MouseButton.LeftButton or self._surface.assigns().session is None:
            return
        at, seen = event.position(), self._surface.pointing()
        time_ns, zone = seen.time_at(at.x(), at.y()), seen.zone(at.x(), at.y())
        self._pressed, self._grabbed = at, zone
        held = event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier)
        if held and zone in ("lanes", "ruler"):
            is_shown = held == Qt.KeyboardModifier.ControlModifier
            self._grabbed, self.dragged_ns = "shown" if is_shown else "picked", (time_ns, time_ns)
        elif (edge := seen.edge_at(at.x(), at.y())) is not None:
            self._grabbed, self._edge = "edge", edge
        elif zone == "ruler":
            self._send(SeekTo(time_ns=time_ns, visit=True))
        elif zone == "overview":
            self._show_around(time_ns)

    def move(self, event: QMouseEvent) -> None:
        """The pointer moves, pressed or not."""
        at, seen = event.position(), self._surface.pointing()
        time_ns = seen.time_at(at.x(), at.y())
        if self._pressed is None:
            is_edge = seen.edge_at(at.x(), at.y()) is not None
            shape = _SHAPES.get(seen.zone(at.x(), at.y()), Qt.CursorShape.ArrowCursor)
            self._surface.setCursor(Qt.CursorShape.SizeVerCursor if is_edge else shape)
        elif self._grabbed == "edge" and self._edge is not None:
            self._drag_edge(self._edge, at, seen)
        elif self._grabbed == "ruler":
            self._send(SeekTo(time_ns=time_ns))
        elif self._grabbed == "overview":
            self._show_around(time_ns)
        elif self.dragged_ns is not None:
            self.dragged_ns = (self.dragged_ns[0], time_ns)
            self._surface.update()
        elif self._grabbed == "pan" or (self._grabbed == "lanes" and _far(at, self._pressed)):
            self._grabbed = "pan"
            self._send(Pan(share=(self._pressed.x() - at.x()) / seen.lanes_width))
            self._surface.scroll_by(round(self._pressed.y() - at.y()))
            self._pressed = at

    def release(self, event: QMouseEvent) -> None:
        """The button goes up; a press that did not become a drag is a click."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pressed, grabbed, dragged_ns = self._pressed, self._grabbed, self.dragged_ns
        self._pressed, self._grabbed, self.dragged_ns = None, "", None
        if dragged_ns is not None:
            if dragged_ns[0] != dragged_ns[1]:
                range_ns = (min(dragged_ns), max(dragged_ns))
                self._send(Show(range_ns=range_ns) if grabbed == "shown" else PickStretch(range_ns=range_ns))
            self._surface.update()
        elif pressed is not None and grabbed in ("lanes", "gutter"):
            self._click(event.position(), grabbed)

    def double_click(self, event: QMouseEvent) -> None:
        """Fits the call under the pointer; in the overview everything."""
        at, seen = event.position(), self._surface.pointing()
        zone, hit = seen.zone(at.x(), at.y()), seen.hit(at.x(), at.y())
        if zone == "overview":
            self._send(Show())
        elif zone == "gutter" and hit is not None and at.x() >= FOLD_PX:
            self._send(fold_of(hit.lane))
        elif zone == "lanes" and hit is not None and hit.span is not None:
            start_ns, end_ns = pick.extent(seen.content.spans[hit.span], seen.range_ns)
            room = max(1, (end_ns - start_ns) // 20)
            self._send(Show(range_ns=(start_ns - room, end_ns + room)))

    def wheel(self, event: QWheelEvent) -> None:
        """The wheel turns."""
        if self._surface.assigns().session is None:
            return
        turn, side = event.angleDelta().y() / 120, event.angleDelta().x() / 120
        above = event.position().y() < TOP
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or (side and not turn):
            self._send(Pan(share=-(turn or side) * 0.1))
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier or above:
            around_ns = self._surface.pointing().time_at(event.position().x(), event.position().y())
            self._send(Zoom(factor=ZOOM_STEP**turn, around_ns=around_ns))
        else:
            self._surface.scroll_by(-round(turn * WHEEL_PX))
        event.accept()

    def _drag_edge(self, edge: Lane, at: QPointF, seen: Pointing) -> None:
        """Makes the lane as high as it is to the pointer."""
        now = next((lane for lane in seen.lanes if lane.track_id == edge.track_id), None)
        if now is not None and now.height:
            wanted = max(at.y() - TOP - now.y, 1.0)
            if abs(wanted - now.height) >= 1:
                self._send(EnlargeLane(factor=wanted / now.height, track_id=now.track_id))

    def _click(self, at: QPointF, zone: str) -> None:
        if zone == "gutter" and self._surface.goes_to_end(at.y()):
            return
        seen = self._surface.pointing()
        hit = seen.hit(at.x(), at.y())
        if hit is None:
            self._send(Select(selection=None))
            return
        if zone == "gutter" and at.x() < FOLD_PX:
            self._send(fold_of(hit.lane))
            return
        if hit.lane.shape == "metric":
            self._click_metric(hit, zone, at, seen)
            return
        self._send(Select(selection=_picked(hit, zone, seen)))
        if zone == "lanes":
            self._send(SeekTo(time_ns=seen.exception_at(at.x(), at.y()) or hit.time_ns, visit=True))

    def _show_around(self, time_ns: int) -> None:
        shown = self._surface.assigns()
        if shown.visible_ns == shown.range_ns:
            self._send(SeekTo(time_ns=time_ns))
            return
        width_ns = shown.visible_ns[1] - shown.visible_ns[0]
        self._send(Show(range_ns=(time_ns - width_ns // 2, time_ns - width_ns // 2 + width_ns)))

    def _click_metric(self, hit: pick.Hit, zone: str, at: QPointF, seen: Pointing) -> None:
        """Goes to the instant; on the metric's name, or near its peak, to that."""
        peak_ns = self._surface.peak_of(hit.lane.metric)
        is_meant = peak_ns is not None and (zone == "gutter" or abs(seen.x_of(peak_ns) - at.x()) <= PEAK_HIT_PX)
        if peak_ns is not None and is_meant:
            self._send(SeekTo(time_ns=peak_ns, visit=True))
        elif zone == "lanes":
            self._send(SeekTo(time_ns=hit.time_ns, visit=True))


def fold_of(lane: Lane) -> Event:
    """What a click on a lane's triangle means."""
    if lane.shape == "metric":
        return UnfoldMetrics()
    return ToggleFold(track_id=lane.track_id) if lane.shape == "head" else KeepOpen(track_id=lane.track_id)


def _picked(hit: pick.Hit, zone: str, seen: Pointing) -> Selection:
    if zone == "lanes" and hit.span is not None:
        span = seen.content.spans[hit.span]
        return Selection("call", int(span["call_id"]), int(span["track_id"]))
    return Selection("track", hit.track_id, hit.track_id)


def _far(one: QPointF, other: QPointF) -> bool:
    return abs(one.x() - other.x()) + abs(one.y() - other.y()) >= DRAG_PX

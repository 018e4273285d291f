"""The building as a widget: turn, zoom, pick rooms, and switch what their height means."""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from html import escape
from typing import ClassVar, get_args

import msgspec
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from views.building.gl_probe import GlProbe, at_the_end
from views.building.keys import TOWARD, is_own, paint_focus
from views.building.labels import LABEL_PX, floor_named_at, paint_labels, room_words
from views.building.layout import Building, Toward, building, neighbour, without_rooms
from views.building.legend import colour_words, height_words, paint_legend
from views.building.projection import Camera, Float64, Look, Projection, painting_order, projection, room_under
from views.building.room_painter import Picture, RoomPictures
from views.building.scene_isometric import paint_rooms
from views.building.state import BuildingState, Measure, SetMeasure
from views.drawing.theme import colours, text_font
from views.loop.events import Event, Select
from views.loop.state import Assigns, Selection, Theme
from views.reading.recent_calls import recent
from views.reading.source import Source

LEGEND_PX = 48.0
DRAG_PX = 4.0
TURN_PER_PX = 0.005
_TITLES: dict[Measure, str] = {"calls": "Calls", "time": "Own time"}


class BuildingView(QWidget):
    """Floors are threads, rooms are functions: where the program has been busy just before the cursor."""

    reads: ClassVar[frozenset[str]] = frozenset({"session", "frame", "building", "selection", "theme", "revision"})

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send = send
        choices = QHBoxLayout()
        choices.setContentsMargins(12, 0, 6, 0)
        choices.setSpacing(0)
        self._title = QLabel("Building", self)
        choices.addWidget(self._title)
        choices.addStretch(1)
        self._buttons: dict[Measure, QToolButton] = {}
        group = QButtonGroup(self)
        for measure in get_args(Measure):
            button = QToolButton(self)
            button.setText(_TITLES[measure])
            button.setCheckable(True)
            group.addButton(button)
            choices.addWidget(button)
            self._buttons[measure] = button
        group.buttonClicked.connect(self._choose)
        self.stage = Stage(send, source, self)
        self._probe: GlProbe | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(2)
        box.addLayout(choices)
        box.addWidget(self.stage, 1)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns."""
        if assigns.frame is not None and self._probe is None and GlProbe.worth_asking(self.window()):
            self._probe = GlProbe(self)
            self._probe.answered.connect(self._draw_with_gl)
            at_the_end(self._probe.end)
            self._probe.ask()
        self._buttons[assigns.of(BuildingState).measure].setChecked(True)
        if "theme" in changed:
            self._title.setStyleSheet(f"color: {colours(assigns.theme).muted}")
        if "session" in changed:
            self.stage.look_from(Camera())
        self.stage.show_assigns(assigns)

    def pose(self) -> Camera:
        """From where the building is seen."""
        return self.stage.camera

    def take_pose(self, pose: Camera) -> None:
        """Sees it from there."""
        self.stage.look_from(pose)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a building."""
        return QSize(720, 240)

    def _draw_with_gl(self, works: bool) -> None:
        if works:
            from views.building.scene_qt3d import Qt3DPictures  # noqa: PLC0415 - not before it is known to be safe

            pictures = Qt3DPictures(self)
            at_the_end(pictures.close)
            self.stage.use(pictures)

    def _choose(self, button: QAbstractButton) -> None:
        self._send(SetMeasure(measure=next(key for key, known in self._buttons.items() if known is button)))


class Stage(QWidget):
    """Where the building stands. The camera is its own: it changes nothing that others could see."""

    left = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget) -> None:
        """An empty stage. `left` is emitted when Escape gives the keyboard back."""
        super().__init__(parent)
        self._send, self._source = send, source
        self._shown, self._aspect = Assigns(), 0.0
        self._theme: Theme = "dark"
        self._plan: Building | None = None
        self._pictures: RoomPictures | None = None
        self._selection: Selection | None = None
        self._instead = ""
        self.camera = Camera()
        self._hovered: int | None = None
        self._pressed: tuple[QPointF, Camera] | None = None
        self._dragged = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Building of threads and functions")

    def use(self, pictures: RoomPictures) -> None:
        """Has the rooms drawn by these from now on, instead of painting them."""
        self._pictures = pictures
        pictures.ready.connect(self.update)
        self._changed()

    @property
    def is_on_card(self) -> bool:
        """Whether a graphics card draws the rooms."""
        return self._pictures is not None

    @property
    def is_drawn(self) -> bool:
        """Whether what is seen is what was last asked for; a graphics card takes its time."""
        plan, pictures = self._plan, self._pictures
        if pictures is None or plan is None or not plan.floors:
            return True
        latest = pictures.latest
        return latest is not None and latest.plan is plan and latest.view == self._view(plan) and self._fits(latest)

    def show_assigns(self, assigns: Assigns) -> None:
        """Builds what the assigns say."""
        self._shown, self._theme, self._selection = assigns, assigns.theme, assigns.selection
        if assigns.frame is None:
            self._plan = None
            self._instead = assigns.without_a_frame
        else:
            calls = recent(self._source, assigns.frame)
            sites, self._aspect = self._source.names.sites, self._aspect_now()
            self._plan = building(assigns.frame, calls, sites, assigns.of(BuildingState).measure, self._aspect)
            self._hovered = None
            self._instead = "" if len(self._plan) else without_rooms(assigns.frame)
            self.setAccessibleDescription(f"{height_words(self._plan)}. {colour_words(self._plan)}")
        self._changed()

    def look_from(self, camera: Camera) -> None:
        """The building as it is seen from there; a new camera sees all of it."""
        self.camera = camera
        self._changed()

    def look(self, how: Look) -> None:
        """Turns, tilts or zooms by one step, as a key says it."""
        self.camera = self.camera.looking(how)
        self._changed()

    def room_at(self, point: QPointF) -> int | None:
        """The room seen at a point, as a place in the plan's arrays."""
        if self._plan is None or not len(self._plan):
            return None
        order = painting_order(self._plan, self.camera.yaw)
        found = room_under(self._faces(self._plan)[order], point.x(), point.y())
        return None if found is None else int(order[found])

    def place_of(self, track_id: int, site_id: int) -> QPointF | None:
        """The middle of a room's front, None when there is no such room."""
        place = self._plan.room(track_id, site_id) if self._plan is not None else None
        if self._plan is None or place is None:
            return None
        middle = self._faces(self._plan)[place, 1].mean(axis=0)
        return QPointF(float(middle[0]), float(middle[1]))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints everything."""
        painter = QPainter(self)
        self.paint(painter, QRectF(self.rect()))
        painter.end()

    def paint(self, painter: QPainter, area: QRectF) -> None:
        """Paints into any painter, for the screen or for an export."""
        shown = colours(self._theme)
        painter.fillRect(area, QColor(shown.panel))
        plan = self._plan
        if plan is not None and plan.floors:
            plan, view, image = self._to_paint(plan)
            picked = self._picked(plan)
            painter.save()
            painter.setClipRect(area)
            if image is not None:
                painter.drawImage(0, 0, image)
            else:
                paint_rooms(painter, plan, view, self._theme)
            paint_labels(
                painter,
                plan,
                view,
                self._theme,
                selected=picked,
                hovered=self._hovered if self._hovered != picked and plan is self._plan else None,
                focus_track=self._selection.track_id if self._selection is not None else None,
            )
            painter.restore()
            paint_legend(painter, plan, self._theme, area.width(), area.bottom())
        if self.hasFocus():
            paint_focus(painter, area, self._theme)
        if self._instead:
            painter.setPen(QColor(shown.muted))
            painter.setFont(text_font())
            flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
            flags |= Qt.AlignmentFlag.AlignTop if plan is not None and plan.floors else Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area.adjusted(12, 12, -12, -12), int(flags), self._instead)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The building fits again, in its proportions too."""
        if self._plan is not None and self._aspect_now() != self._aspect:
            self.show_assigns(self._shown)
        self._changed()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zooms around the mouse."""
        away = event.position() - self._ground().center()
        self.camera = self.camera.closer(1.0015 ** event.angleDelta().y(), away.x(), away.y())
        self._changed()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begins a click, a shift or a turn."""
        self._pressed, self._dragged = (event.position(), self.camera), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Shifts with the left button, turns with any other; names the room under the mouse."""
        if self._pressed is None:
            hovered = self.room_at(event.position())
            if hovered != self._hovered:
                self._hovered = hovered
                self.update()
            return
        start, camera = self._pressed
        moved = event.position() - start
        self._dragged = self._dragged or math.hypot(moved.x(), moved.y()) > DRAG_PX
        if self._dragged and event.buttons() & Qt.MouseButton.LeftButton:
            self.camera = msgspec.structs.replace(
                camera, shift_x=camera.shift_x + moved.x(), shift_y=camera.shift_y + moved.y()
            )
        elif self._dragged:
            self.camera = camera.turned(-moved.x() * TURN_PER_PX, moved.y() * TURN_PER_PX)
        self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click picks the room under the mouse."""
        pressed, self._pressed = self._pressed, None
        if pressed is None or self._dragged or event.button() != Qt.MouseButton.LeftButton or self._plan is None:
            return
        place = self.room_at(event.position())
        if place is None:
            self._send(Select(selection=None))
        else:
            self._pick(self._plan, place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Shows the whole building again."""
        self.look_from(Camera())

    def event(self, event: QEvent) -> bool:
        """While it has the keyboard, arrows and Escape are its own and not the window's; says what is under a mouse."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and is_own(event):
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), escape(self._told(QPointF(event.pos()))), self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows go from room to room, Escape leaves; everything else is the window's."""
        if not is_own(event):
            event.ignore()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            self._go(TOWARD[event.key()])

    def go_in(self) -> None:
        """Takes the keyboard; where no room is picked, picks the highest one."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self._plan is not None and self._picked(self._plan) is None:
            self._go("right")

    def _go(self, toward: Toward) -> None:
        if self._plan is None:
            return
        place = neighbour(self._plan, self._picked(self._plan), toward)
        if place is not None:
            self._pick(self._plan, place)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Shows the frame that says where the keys go."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Takes the frame away."""
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is under the mouse any more."""
        self._hovered = None
        self.update()

    def _pick(self, plan: Building, place: int) -> None:
        site, track = int(plan.site_id[place]), int(plan.track_id[place])
        self._send(Select(selection=Selection("site", site, track)))

    def _told(self, point: QPointF) -> str:
        """The room or the floor at a point, in full."""
        if self._plan is None:
            return ""
        place = self.room_at(point)
        if place is not None:
            floor = next((f.name for f in self._plan.floors if f.track_id == self._plan.track_id[place]), "")
            return f"{room_words(self._plan, place)} · {floor}"
        return floor_named_at(self._plan, self._view(self._plan), point)

    def _changed(self) -> None:
        """Paints again: at once, or as soon as the picture of it is there."""
        plan, pictures = self._plan, self._pictures
        if pictures is not None and plan is not None and plan.floors:
            size = self.size()
            ratio = self.devicePixelRatioF()
            pictures.draw(Picture(plan, self._view(plan), self._theme, size.width(), size.height(), ratio))
            latest = pictures.latest
            if latest is not None and self._fits(latest):
                return
        self.update()

    def _fits(self, picture: Picture) -> bool:
        return (picture.width, picture.height, picture.theme) == (self.width(), self.height(), self._theme)

    def _to_paint(self, plan: Building) -> tuple[Building, Projection, QImage | None]:
        """What is painted: the newest picture with what belongs to it, or without one the plan itself."""
        latest = self._pictures.latest if self._pictures is not None else None
        if latest is not None and latest.image is not None and self._fits(latest):
            return latest.plan, latest.view, latest.image
        return plan, self._view(plan), None

    def _picked(self, plan: Building) -> int | None:
        picked = self._selection
        return plan.room(picked.track_id, picked.id) if picked is not None and picked.kind == "site" else None

    def _ground(self) -> QRectF:
        """Where the building stands: right of the floors' names, above the legend."""
        return QRectF(self.rect()).adjusted(min(LABEL_PX, self.width() * 0.2), 24, 0, -LEGEND_PX)

    def _aspect_now(self) -> float:
        return max(0.5, min(4.0, round(self._ground().width() / max(self._ground().height(), 1), 1)))

    def _view(self, plan: Building) -> Projection:
        ground = self._ground()
        return projection(plan, self.camera, (ground.left(), ground.top(), ground.width(), ground.height()))

    def _faces(self, plan: Building) -> Float64:
        return self._view(plan).faces(plan)

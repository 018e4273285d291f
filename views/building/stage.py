"""The stage of the building as a widget: it paints the house with its cards, column and legend, turns and zooms it, and
picks rooms and floors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from html import escape

import msgspec
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
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
from PySide6.QtWidgets import QToolTip, QWidget

from views.building.cards import card_at, card_words, paint_cards
from views.building.column import RoomLine, column_lines, line_at, paint_column
from views.building.fading import Fading
from views.building.gliding import Gliding, follows_the_cursor
from views.building.keys import KEY_WORDS, TOWARD, is_own, paint_focus
from views.building.layout import House, Toward, empty_words, house, neighbour, room_words
from views.building.legend import area_words, colour_words, height_words, paint_legend
from views.building.measures import Float64
from views.building.painting import Marked, paint_house
from views.building.projection import (
    Camera,
    Look,
    Projection,
    camera_of,
    painting_order,
    projection,
    room_under,
)
from views.building.regions import Regions, is_low, regions
from views.building.room_painter import Picture, RoomPictures
from views.building.scene_plan import paint_plan
from views.building.state import BuildingState, EnterFloor
from views.building.steady import Memory
from views.building.things import house_things
from views.building.treemap import plan_of_floor, tile_at
from views.building.trend import NO_TREND, Trend
from views.drawing.scaled import ScaledWidget
from views.drawing.spoken import tell
from views.drawing.theme import colours, text_font
from views.loop.events import Event, Select
from views.loop.state import Assigns, Selection, Theme
from views.loop.thing import Thing
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.supervision.state import SupervisionState

DRAG_PX = 4.0
TURN_PER_PX = 0.01
Pose = tuple[Camera, Memory]


class Stage(ScaledWidget):
    """Where the building stands. The camera is its own: it changes nothing that others could see."""

    left = Signal()
    built = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget) -> None:
        """An empty stage. `left` is emitted when Escape gives the keyboard back, `built` when
        something else stands here: of another moment, or because another size has room for other floors.
        """
        super().__init__(parent)
        self._send, self._source = send, source
        self._shown, self._state = Assigns(), BuildingState()
        self._theme: Theme = "dark"
        self._plan: House | None = None
        self._memory, self._trend = Memory(), NO_TREND
        self._pictures: RoomPictures | None = None
        self._selection: Selection | None = None
        self._instead = ""
        self._most_floors = 0
        self.camera = Camera()
        self._hovered: int | None = None
        self._hovered_floor: int | None = None
        self._pressed: tuple[QPointF, Camera] | None = None
        self._dragged = False
        self._fading = Fading(self)
        self._gliding = Gliding(self)
        self._gliding.ticked.connect(self._changed)
        self._gliding.arrived.connect(self._changed)  # a graphics card has still to draw the very house
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Building of threads and functions")

    def use(self, pictures: RoomPictures) -> None:
        """Has floors and rooms drawn by these from now on, instead of painting them."""
        self._pictures = pictures
        pictures.ready.connect(self.update)
        self._changed()

    @property
    def plan(self) -> House | None:
        """What stands here."""
        return self._plan

    @property
    def trend(self) -> Trend:
        """Which trend of the visible stretch it shows."""
        return self._trend

    @property
    def is_on_card(self) -> bool:
        """Whether a graphics card draws the rooms."""
        return self._pictures is not None

    @property
    def is_drawn(self) -> bool:
        """Whether what is seen is what was last asked for; a graphics card takes its time."""
        plan, pictures = self._for_the_card(), self._pictures
        if self._fading.is_under_way or self._gliding.is_under_way:
            return False
        if pictures is None or plan is None:
            return True
        latest = pictures.latest
        return latest is not None and latest.plan is plan and latest.view == self._view(plan) and self._fits(latest)

    def show_assigns(self, assigns: Assigns) -> None:
        """Builds what the assigns say."""
        state = assigns.of(BuildingState)
        if (state.look, state.floor) != (self._state.look, self._state.floor) and self._plan is not None:
            self._fading.begin(assigns.motion)
        if state.look != self._state.look:
            self.camera = camera_of(state.look)
        before, follows = self._plan, follows_the_cursor(self._shown, assigns)
        self._shown, self._state = assigns, state
        self._theme, self._selection = assigns.theme, assigns.selection
        self.take_scale(assigns.scale)
        if assigns.frame is None:
            self._plan = None
            self._instead = assigns.without_a_frame
        else:
            self._most_floors = self._regions().most_floors
            self._plan = house(
                assigns.frame,
                recent(self._source, assigns.frame),
                self._source.names.sites,
                state,
                self._memory,
                heat_by=assigns.of(SupervisionState).heat_by,
                trend=self._trend,
                most_floors=self._most_floors,
                names=self._source.names.titles,
            )
            self._hovered = self._hovered_floor = None
            self._instead = empty_words(self._plan, self._shown.frame, in_a_floor=self._state.floor > 0)
            words = area_words if state.look == "plan" else height_words
            picked = self._picked(self._plan)
            room = "" if picked is None else f"Picked: {room_words(self._plan, picked)}"
            tell(self, room, f"{words(self._plan)}. {colour_words(self._plan)}")
        if follows and not self._fading.is_under_way:
            self._gliding.begin(before, self._plan, assigns.motion)
        else:
            self._gliding.end()
        self.built.emit()
        self._changed()

    def show_trend(self, trend: Trend) -> None:
        """The same with this scale and these changes per minute."""
        self._trend = trend
        self.show_assigns(self._shown)

    def forget(self) -> None:
        """Another session: nothing has had a place in it yet."""
        self._memory, self._trend, self.camera = Memory(), NO_TREND, camera_of(self._state.look)

    def pose(self) -> Pose:
        """From where the building is seen, and what has its place in it."""
        return self.camera, deepcopy(self._memory)

    def take_pose(self, pose: Pose) -> None:
        """Sees it from there, with everything in the same place."""
        self.camera, self._memory = pose[0], deepcopy(pose[1])
        self.show_assigns(self._shown)

    def look_from(self, camera: Camera) -> None:
        """The building as it is seen from there; a new camera sees all of it."""
        self.camera = camera
        self._changed()

    def look(self, how: Look) -> None:
        """Turns, tilts or zooms by one step, as a key says it."""
        self.look_from(self.camera.looking(how, self._state.look))

    def room_at(self, point: QPointF) -> int | None:
        """The room meant by a point, as a place in the plan's arrays: in the house, or its line in the column."""
        plan = self._plan
        if plan is None or not len(plan):
            return None
        places = self._regions()
        if places.column is not None:
            found = line_at(self._lines(plan), places.column, point)
            if found is not None:
                return found
        if self._state.look == "plan":
            rooms, tiles = self._tiles(plan)
            at = tile_at(tiles, point.x(), point.y())
            return None if at is None else rooms[at]
        order = painting_order(plan, self._view(plan))
        found = room_under(self._view(plan).faces(plan)[order], point.x(), point.y())
        return None if found is None else int(order[found])

    def floor_at(self, point: QPointF) -> int | None:
        """The floor at a point: its card, or anywhere between it and the next one."""
        plan = self._plan
        if plan is None or not plan.floors:
            return None
        view, places = self._view(plan), self._regions()
        found = card_at(plan, view, places.cards, point)
        left, top, width, height = places.house
        if found is not None or self._state.look == "plan" or not left <= point.x() <= left + width:
            return found
        level = math.floor((view.at(0, 0.5, 0)[1] - point.y()) / max(view.storey, 1e-6))
        return level if 0 <= level < len(plan.floors) and top <= point.y() <= top + height else None

    def place_of(self, track_id: int, site_id: int) -> QPointF | None:
        """The middle of a room's front, None when there is no such room."""
        place = self._plan.room(track_id, site_id) if self._plan is not None else None
        if self._plan is None or place is None:
            return None
        if self._state.look == "plan":
            rooms, tiles = self._tiles(self._plan)
            if place not in rooms:
                return None
            left, top, width, height = tiles[rooms.index(place)].tolist()
            return QPointF(left + width / 2, top + height / 2)
        middle = self._view(self._plan).faces(self._plan)[place, 2].mean(axis=0)
        return QPointF(float(middle[0]), float(middle[1]))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints everything."""
        painter = self.painter()
        self._paint(painter)
        self._fading.paint_over(painter)
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        shown, area = colours(self._theme), QRectF(self.rect())
        painter.fillRect(area, QColor(shown.panel))
        plan = self._plan
        if plan is not None and plan.floors:
            places = self._regions()
            painter.save()
            painter.setClipRect(area.adjusted(0, 0, 0, -places.legend[3]))
            if self._state.look == "plan":
                self._paint_plan(painter, plan, places)
            else:
                plan = self._paint_house(painter, self._gliding.now(plan), places)
            painter.restore()
            if places.legend[3]:
                paint_legend(painter, plan, places.legend, self._theme, instead=self._key_words())
        if self.hasFocus():
            paint_focus(painter, area, self._theme)
        if self._instead:
            painter.setPen(QColor(shown.muted))
            painter.setFont(text_font())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            places = self._regions()  # beside a house without rooms, whose lines would run through the words
            box = area if plan is None or not plan.floors else QRectF(*(places.column or places.house))
            painter.drawText(box.adjusted(6, 0, -6, 0), int(flags), self._instead)

    def _paint_house(self, painter: QPainter, plan: House, places: Regions) -> House:
        """Paints all but the legend; gives what it has painted: with a graphics card maybe the last picture still."""
        plan, view, image = self._to_paint(plan)
        is_now = self._plan is not None and plan.site_id is self._plan.site_id
        marked = Marked(
            picked=self._picked(plan),
            hovered=self._hovered if is_now else None,
            floor=self._picked_floor(plan),
            hovered_floor=self._hovered_floor if is_now else None,
        )
        paint_house(painter, plan, view, places, theme=self._theme, marked=marked, image=image)
        return plan

    def _paint_plan(self, painter: QPainter, plan: House, places: Regions) -> None:
        view, picked = self._view(plan), self._picked(plan)
        rooms, tiles = self._tiles(plan)
        marked = {place: width for place, width in ((self._hovered, 1.4), (picked, 2.2)) if place is not None}
        paint_plan(painter, plan, rooms, tiles, self._theme, marked=marked)
        level = self._level_of_plan(plan)
        paint_cards(painter, plan, view, places.cards, self._theme, picked=level, hovered=self._hovered_floor)
        if places.column is not None:
            lines = self._lines(plan)
            paint_column(painter, plan, None, lines, places.column, theme=self._theme, marked=set(marked))

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The room and the floor at a point, and the building."""
        return house_things(self._plan, self._source.names, self.room_at(at), self.floor_at(at))

    def keys_at(self) -> QPointF | None:
        """The picked room."""
        picked = self._selection
        return None if picked is None else self.place_of(picked.track_id, picked.id)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The building fits again; more or fewer floors may."""
        self._fading.end()
        if self._plan is not None and self._most_floors != self._regions().most_floors:
            self.show_assigns(self._shown)
        self._changed()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zooms around the mouse."""
        left, top, width, height = self._regions().house
        away = event.position() - QPointF(left + width / 2, top + height / 2)
        self.look_from(self.camera.closer(1.0015 ** event.angleDelta().y(), away.x(), away.y()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begins a click, a shift or a turn."""
        self._pressed, self._dragged = (event.position(), self.camera), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Shifts with the left button, turns with any other; marks what is under the mouse, at both its ends."""
        if self._pressed is None:
            under = self.room_at(event.position()), self.floor_at(event.position())
            if under != (self._hovered, self._hovered_floor):
                self._hovered, self._hovered_floor = under
                self.update()
            return
        start, camera = self._pressed
        moved = event.position() - start
        self._dragged = self._dragged or math.hypot(moved.x(), moved.y()) > DRAG_PX
        if self._dragged and event.buttons() & Qt.MouseButton.LeftButton:
            shifted = (camera.shift_x + moved.x(), camera.shift_y + moved.y())
            self.camera = msgspec.structs.replace(camera, shift_x=shifted[0], shift_y=shifted[1])
        elif self._dragged:
            self.camera = camera.turned(moved.x() * TURN_PER_PX, -moved.y() * TURN_PER_PX)
        self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click picks the room under the mouse, or the thread of a card."""
        pressed, self._pressed = self._pressed, None
        if pressed is None or self._dragged or event.button() != Qt.MouseButton.LeftButton or self._plan is None:
            return
        place = self.room_at(event.position())
        card = card_at(self._plan, self._view(self._plan), self._regions().cards, event.position())
        if place is not None:
            self._pick(self._plan, place)
        elif card is not None and self._plan.floors[card].key > 0:
            track = self._plan.floors[card].key
            self._send(Select(selection=Selection("track", track, track)))
        else:
            self._send(Select(selection=None))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Enters the floor under the mouse; beside the floors, shows the whole building again."""
        floor = self.floor_at(event.position())
        if floor is None or self._plan is None or self._plan.floors[floor].key == self._state.floor:
            self.look_from(camera_of(self._state.look))
            return
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._send(EnterFloor(floor=self._plan.floors[floor].key))

    def event(self, event: QEvent) -> bool:
        """While it has the keyboard, arrows and Escape are its own and not the window's; says what is under a mouse."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and is_own(event):
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), escape(self._told(self.in_units(event.pos()))), self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows go from room to room, Escape leaves the floor, then the building; everything else is the window's."""
        if not is_own(event):
            event.ignore()
        elif event.key() == Qt.Key.Key_Escape:
            if self._state.floor:
                self._send(EnterFloor(floor=0))
            else:
                self.left.emit()
        else:
            self._go(TOWARD[event.key()])

    def go_in(self) -> None:
        """Takes the keyboard; where no room is picked, picks the largest one."""
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
        self._hovered = self._hovered_floor = None
        self.update()

    def _pick(self, plan: House, place: int) -> None:
        site, track = int(plan.site_id[place]), int(plan.track_id[place])
        self._send(Select(selection=Selection("site", site, track)))

    def _told(self, point: QPointF) -> str:
        """The room or the floor at a point, in full."""
        plan = self._plan
        if plan is None:
            return ""
        place, floor = self.room_at(point), self.floor_at(point)
        if place is not None:
            return room_words(plan, place)
        return "" if floor is None else card_words(plan, plan.floors[floor])

    def _changed(self) -> None:
        """Paints again: at once, or as soon as the picture of it is there."""
        plan, pictures = self._for_the_card(), self._pictures
        if pictures is not None and plan is not None:
            size, ratio = (self.width(), self.height()), self.devicePixelRatioF()
            pictures.draw(Picture(plan, self._view(plan), self._theme, *size, ratio))
            latest = pictures.latest
            if latest is not None and self._fits(latest):
                return
        self.update()

    def _for_the_card(self) -> House | None:
        """What a graphics card has to draw: nothing of one floor from above, nor on a stage that has no height."""
        plan = self._plan
        has_rooms = plan is not None and bool(plan.floors) and self._state.look != "plan"
        return self._gliding.now(plan) if plan is not None and has_rooms and not self.size().isEmpty() else None

    def _fits(self, picture: Picture) -> bool:
        return (picture.width, picture.height, picture.theme) == (self.width(), self.height(), self._theme)

    def _to_paint(self, plan: House) -> tuple[House, Projection, QImage | None]:
        """What is painted: the newest picture with what belongs to it, or without one the plan itself."""
        latest = self._pictures.latest if self._pictures is not None else None
        if latest is not None and latest.image is not None and self._fits(latest):
            return latest.plan, latest.view, latest.image
        return plan, self._view(plan), None

    def _picked(self, plan: House) -> int | None:
        picked = self._selection
        return plan.room(picked.track_id, picked.id) if picked is not None and picked.kind == "site" else None

    def _picked_floor(self, plan: House) -> int | None:
        return plan.floor_of(self._selection.track_id) if self._selection is not None else None

    def _level_of_plan(self, plan: House) -> int:
        """The floor that the plan shows: the picked one, else the one with the most."""
        picked = self._picked_floor(plan)
        return max(range(len(plan.floors)), key=lambda at: plan.floors[at].total) if picked is None else picked

    def _tiles(self, plan: House) -> tuple[tuple[int, ...], Float64]:
        left, top, width, height = self._regions().house
        return plan_of_floor(plan, self._level_of_plan(plan), (left, top, width, height + top))

    def _lines(self, plan: House) -> tuple[RoomLine, ...]:
        column = self._regions().column
        return () if column is None else column_lines(plan, self._view(plan), column)

    def _key_words(self) -> str:
        if self.hasFocus():
            return KEY_WORDS if not self._state.floor else f"{KEY_WORDS} to all floors"
        return area_words(self._plan) if self._state.look == "plan" and self._plan is not None else ""

    def _regions(self) -> Regions:
        return regions(self.width(), self.height())

    def _view(self, plan: House) -> Projection:
        is_front = self._state.look == "plan" or is_low(self.height())
        camera = camera_of("front") if is_front else self.camera
        return projection(plan, camera, self._regions().house)

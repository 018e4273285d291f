"""The building's row of buttons, 24 px high: what height and colour mean, the filter, the fixed views. Two rows where
one is too narrow; in a low building the first alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QWidget,
)

from views.building.layout import House
from views.building.measures import MEASURES, measure_named
from views.building.regions import LOW_PX
from views.building.state import BuildingState, EnterFloor, FilterRooms, Look, SetLook, SetMeasure
from views.drawing.spoken import tell
from views.drawing.theme import colours, widget_px
from views.loop.events import Event
from views.loop.state import Theme
from views.reading.heat_figures import HEAT_FIGURES, figure_named
from views.supervision.state import SetHeat
from views.words.figures import count_text

ROW_PX = 24
TEXT_PX = 146
LEAST_PX = 200


class Choice:
    """Buttons of which one is down. `keys`: what each stands for."""

    def __init__(self, row: QHBoxLayout, what: str, titles: dict[str, str], chosen: Callable[[str], object]) -> None:
        """`what` they choose, for whoever hears only one of them."""
        self.buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(row.parentWidget())
        for key, title in titles.items():
            button = _button(row.parentWidget(), title)
            button.setAccessibleName(f"{what}: {title}")
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, key=key: chosen(key))
            self._group.addButton(button)
            row.addWidget(button)
            self.buttons[key] = button

    def show(self, key: str) -> None:
        """Presses that one."""
        if key in self.buttons:
            self.buttons[key].setChecked(True)


class Controls(QWidget):
    """All of them; `send` gets the events."""

    def __init__(self, send: Callable[[Event], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._send = send
        self.setAccessibleName("What the building shows")
        self._halves = QWidget(self), QWidget(self)
        meaning, filters = (_row(half) for half in self._halves)
        self._title = QLabel("Building", self)
        meaning.addWidget(self._title)
        meaning.addSpacing(6)
        self.measures = Choice(
            meaning, "Height", {row.name: row.title for row in MEASURES}, lambda name: send(SetMeasure(measure=name))
        )
        meaning.addSpacing(10)
        self.tints = Choice(
            meaning,
            "Colour",
            {row.name: row.title for row in HEAT_FIGURES},
            lambda name: send(SetHeat(heat_by=figure_named(name).name)),
        )
        meaning.addStretch(1)
        self.floor = self._menu_button(filters, "Thread")
        self.text = QLineEdit(self)
        self.text.setPlaceholderText("function or module")
        self.text.setAccessibleName("Rooms with this text")
        self.text.setStyleSheet("padding: 0 6px")
        self.text.setClearButtonEnabled(True)
        self.text.textEdited.connect(lambda text: send(FilterRooms(text=text)))
        filters.addWidget(self.text)
        self.least = self._menu_button(filters, "Least size")
        filters.addSpacing(6)
        self.looks = Choice(filters, "Look at it", {look: look for look in get_args(Look)}, self._look)
        filters.addSpacing(6)
        self.count = QLabel(self)
        filters.addWidget(self.count)
        filters.addStretch(1)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addWidget(self._halves[0])
        self._box.addWidget(self._halves[1], 1)
        self._scale = 0
        self._theme: Theme | None = None
        self._take_scale(100)

    def show_state(
        self, state: BuildingState, plan: House | None, theme: Theme, heat_by: str, scale: int = 100
    ) -> None:
        """Shows what is chosen, and what there is to choose from."""
        self._take_scale(scale)
        self.measures.show(state.measure)
        self.tints.show(figure_named(heat_by).name)
        self.looks.show(state.look)
        self._take_theme(theme)
        with QSignalBlocker(self.text):
            if self.text.text() != state.text:
                self.text.setText(state.text)
        measure = measure_named(state.measure)
        self.least.setText(f"≥ {measure.text(state.least)} ▾" if state.least else "any size ▾")
        sizes = [("any size", FilterRooms(least=0))]
        sizes += [(f"≥ {measure.text(size)}", FilterRooms(least=size)) for size in measure.sizes]
        self._fill(self.least, sizes)
        tell(self.least, self.least.text().removesuffix(" ▾"))
        floors = () if plan is None else plan.floors
        entered = next((floor.name for floor in floors if floor.key == state.floor), "")
        self.floor.setText(f"{(entered or 'one thread')[:18]} ▾" if state.floor else "all threads ▾")
        names: list[tuple[str, Event]] = [("all threads", EnterFloor(floor=0))]
        names += [(floor.name, EnterFloor(floor=floor.key)) for floor in reversed(floors)]
        self._fill(self.floor, names)
        tell(self.floor, self.floor.text().removesuffix(" ▾"))
        self.count.setText("" if plan is None else count_words(plan))
        self._arrange()

    def leave_room(self) -> None:
        """Takes a second row only of a building that is high enough for it, as it is now."""
        self._arrange()

    def needed_height(self, width: int) -> int:
        """How high it is at a width. Units: px."""
        row = widget_px(ROW_PX)
        return row if self._fits(width) or not self._may_wrap() else 2 * row + 2

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as wanted: two rows are for that, and what does not fit even then is cut at the right."""
        return QSize(LEAST_PX, widget_px(ROW_PX))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """One row, or two."""
        self._arrange()

    def _take_scale(self, scale: int) -> None:
        """All of it as high as it has to be at this scale."""
        if scale == self._scale:
            return
        self._scale = scale
        for half in self._halves:
            half.setFixedHeight(widget_px(ROW_PX))
        for part in (self.text, *self.findChildren(QToolButton)):
            part.setFixedHeight(widget_px(ROW_PX) - 2)
        self.text.setFixedWidth(widget_px(TEXT_PX))
        self._arrange()

    def _take_theme(self, theme: Theme) -> None:
        """The labels in this theme's colours; what they wear already would have them measured anew at each frame."""
        if theme == self._theme:
            return
        self._theme, shown = theme, colours(theme)
        self._title.setStyleSheet(f"color: {shown.text}; font-weight: 600")
        self.count.setStyleSheet(f"color: {shown.muted}")

    def _arrange(self) -> None:
        """As its texts, its width and the building's height are now."""
        fits, directions = self._fits(self.width()), QBoxLayout.Direction
        self._halves[1].setVisible(fits or self._may_wrap())
        self._box.setDirection(directions.LeftToRight if fits else directions.TopToBottom)
        self.setFixedHeight(self.needed_height(self.width()))

    def _may_wrap(self) -> bool:
        building = self.parentWidget()
        return building is None or building.height() >= widget_px(2 * ROW_PX + LOW_PX)

    def _fits(self, width: int) -> bool:
        return sum(half.sizeHint().width() for half in self._halves) + 2 <= width

    def _look(self, look: str) -> None:
        self._send(SetLook(look=next(known for known in get_args(Look) if known == look)))

    def _menu_button(self, row: QHBoxLayout, name: str) -> QToolButton:
        button = _button(row.parentWidget(), "")
        button.setAccessibleName(name)
        button.setMenu(QMenu(button))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0 }")
        row.addWidget(button)
        return button

    def _fill(self, button: QToolButton, choices: Iterable[tuple[str, Event]]) -> None:
        """What the menu offers; made anew only when that changes."""
        menu, choices = button.menu(), list(choices)
        if [action.text() for action in menu.actions()] == [_menu_text(title) for title, _ in choices]:
            return
        menu.clear()
        for title, event in choices:
            menu.addAction(_menu_text(title)).triggered.connect(lambda _=False, event=event: self._send(event))


def count_words(plan: House) -> str:
    """How many rooms there are, and of how many.

    >>> from views.building.layout import one_room
    >>> count_words(one_room())
    '1 of 1 rooms'
    """
    return f"{count_text(len(plan))} of {count_text(plan.there)} rooms"


def _menu_text(title: str) -> str:
    return title.replace("&", "&&")


def _row(half: QWidget) -> QHBoxLayout:
    row = QHBoxLayout(half)
    row.setContentsMargins(10, 0, 6, 0)
    row.setSpacing(1)
    return row


def _button(parent: QWidget | None, title: str) -> QToolButton:
    button = QToolButton(parent)
    button.setText(title)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setStyleSheet("padding: 0 7px")
    return button

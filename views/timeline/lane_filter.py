"""The row in the gutter that says which lanes there are: threads by name, and whether the busiest come first."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from views.drawing.keyboard import claimed
from views.drawing.spoken import explain
from views.drawing.theme import give_font, text_font
from views.loop.choosing_lanes import FilterLanes, RankLanes
from views.loop.events import Event
from views.loop.lane_choice import LaneChoice

FONT_POINTS = 8.5
ROW_PX = 20
_LEAVING = frozenset({Qt.Key.Key_Escape, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter})


class LaneFilter(QWidget):
    """`left`: the keyboard goes back to the lanes."""

    left = Signal()

    def __init__(self, send: Callable[[Event], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Which lanes are shown")
        self._text = _Field(self)
        self._text.textEdited.connect(lambda text: send(FilterLanes(text=text)))
        self._text.left.connect(self.left)
        self._sort = QToolButton(self)
        self._sort.setText("busiest first")
        self._sort.setCheckable(True)
        self._sort.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._sort.setStyleSheet("padding: 0 5px")
        give_font(self._sort, text_font(FONT_POINTS))
        self._sort.setAccessibleName("Busiest lanes first")
        explain(self._sort, "The threads with the most events in what is visible come first, below the main thread")
        self._sort.clicked.connect(lambda: send(RankLanes()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._text, 1)
        row.addWidget(self._sort)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Its parts are as high as it is."""
        for part in (self._text, self._sort):
            part.setFixedHeight(event.size().height())

    def show_choice(self, choice: LaneChoice) -> None:
        """Shows what is chosen."""
        self._sort.setChecked(bool(choice.ranked))
        if self._text.text() != choice.text:
            with QSignalBlocker(self._text):
                self._text.setText(choice.text)

    def take_keyboard(self) -> None:
        """What is typed from now on is the filter."""
        self._text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._text.selectAll()


class _Field(QLineEdit):
    """Escape empties it, and leaves it when it is empty; Return and Down leave it as it is."""

    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setPlaceholderText("threads")
        self.setAccessibleName("Threads with this in their names")
        explain(self, "Only threads with this in their names; several parts are divided by commas")
        self.setStyleSheet("padding: 0 5px")
        give_font(self, text_font(FONT_POINTS))
        self.setClearButtonEnabled(True)

    def event(self, event: QEvent) -> bool:
        """Its own keys before the window's."""
        return claimed(event, _LEAVING) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """See the class."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.textEdited.emit("")
        elif event.key() in _LEAVING:
            self.left.emit()
        else:
            super().keyPressEvent(event)

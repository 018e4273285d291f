"""A line to type in with what fits below it: the command palette, the search, the list of keys."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from scope_gui.commands import Command, matching, shown_key
from views.loop.events import Event, Search, Select
from views.loop.state import Assigns, Selection
from views.reading.source import Source
from views.words.plain_text import plain

MAX_SHOWN = 300
BESIDE = "\t"
_Choice = TypeVar("_Choice")
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class TwoColumns(QStyledItemDelegate):
    """Paints what comes before the tab of a line at its left, what comes after it at its right, quieter."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paints the ground as the style has it, then both texts; the right one is cut first, at its beginning."""
        self.initStyleOption(option, index)
        left, _, right = option.text.partition(BESIDE)
        option.text = ""
        view: QWidget = option.widget
        view.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, view)
        area: QRect = option.rect.adjusted(10, 0, -10, 0)
        metrics, middle = QFontMetrics(view.font()), Qt.AlignmentFlag.AlignVCenter
        left = metrics.elidedText(left, Qt.TextElideMode.ElideMiddle, area.width() * 2 // 3)
        room = area.width() - metrics.horizontalAdvance(left) - 24
        right = metrics.elidedText(right, Qt.TextElideMode.ElideLeft, room)
        painter.save()
        painter.setFont(view.font())
        painter.setPen(view.palette().color(QPalette.ColorRole.Text))
        painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignLeft), left)
        painter.setPen(view.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignRight), right)
        painter.restore()


class Chooser(QDialog, Generic[_Choice]):
    """Enter takes the current line, Escape none; Up and Down move while the typing goes on."""

    def __init__(self, parent: QWidget, placeholder: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(placeholder)
        self.resize(640, 420)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(8, 8, 8, 8)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(placeholder)
        self.line.textChanged.connect(self.typed)
        self.line.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setItemDelegate(TwoColumns(self.list))
        self.list.setUniformItemSizes(True)
        self.list.itemActivated.connect(self._take)
        self.list.itemClicked.connect(self._take)
        self.line.returnPressed.connect(self._take_current)
        rows.addWidget(self.line)
        rows.addWidget(self.list)
        self._choices: list[_Choice] = []

    def ask(self) -> None:
        """Opens it with an empty line."""
        self.line.clear()
        self.typed("")
        self.open()
        self.line.setFocus()

    def typed(self, text: str) -> None:
        """The text has changed; says nothing here."""

    def chosen(self, choice: _Choice) -> None:
        """A line was taken; does nothing here."""

    def offer(self, choices: list[tuple[str, _Choice]]) -> None:
        """Shows these lines, the first one current."""
        self._choices = [choice for _, choice in choices[:MAX_SHOWN]]
        self.list.clear()
        self.list.addItems([text for text, _ in choices[:MAX_SHOWN]])
        self.list.setCurrentRow(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hands the keys that move through the list over to it."""
        pressed = watched is self.line and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent) and event.key() in _LIST_KEYS:
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def _take(self, item: QListWidgetItem) -> None:
        row = self.list.row(item)
        if 0 <= row < len(self._choices):
            self.accept()
            self.chosen(self._choices[row])

    def _take_current(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._take(item)


class Palette(Chooser[Command]):
    """All commands with their keys."""

    def __init__(self, parent: QWidget, do: Callable[[Command], None], session_open: Callable[[], bool]) -> None:
        super().__init__(parent, "What do you want to do?")
        self._do, self._session_open = do, session_open

    def typed(self, text: str) -> None:
        """Offers the commands that fit."""
        found = matching(text, session_open=self._session_open())
        self.offer([(f"{command.title}{BESIDE}{shown_key(command)}", command) for command in found])

    def chosen(self, choice: Command) -> None:
        """Does it."""
        self._do(choice)


class SearchBox(Chooser[int]):
    """Functions by name; what is found comes as an assign."""

    reads: frozenset[str] = frozenset({"search_sites", "session", "revision"})

    def __init__(self, parent: QWidget, send: Callable[[Event], None], source: Source) -> None:
        super().__init__(parent, "Which function?")
        self._send, self._source = send, source

    def typed(self, text: str) -> None:
        """Asks for them."""
        self._send(Search(text=text))

    def chosen(self, choice: int) -> None:
        """Picks the function."""
        self._send(Select(selection=Selection("site", choice)))

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Offers what has been found."""
        sites = self._source.names.sites
        rows = [sites[site_id] for site_id in assigns.search_sites[:MAX_SHOWN] if site_id in sites]
        self.offer(
            [(f"{plain(row.function, 200)}{BESIDE}{plain(row.file, 300)}:{row.line}", row.site_id) for row in rows]
        )

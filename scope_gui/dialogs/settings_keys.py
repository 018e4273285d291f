"""The page of the settings on which each command is given its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from capture.errors import ScopeError
from scope_gui.settings.keys import refused
from scope_gui.settings.table import Setting, value_of

_COLUMNS = ("Command", "Keys", "Menu")
_ROW = Qt.ItemDataRole.UserRole


class KeysPage(QWidget):
    """All commands with their keys; the current one can be given another key, or have its own taken."""

    def __init__(
        self,
        rows: Sequence[Setting],
        settings: Callable[[], Mapping[str, Any]],
        settle: Callable[[Setting, Any], None],
        tell: Callable[[str], None],
        parent: QWidget,
    ) -> None:
        """`settings` are those that hold; `settle` gets a command's keys, None: those that it had at first."""
        super().__init__(parent)
        self._rows, self._settings, self._settle, self._tell = rows, settings, settle, tell
        self.filter = QLineEdit(self)
        self.filter.setObjectName("settings.filter")
        self.filter.setPlaceholderText("Command, menu or key")
        self.filter.setAccessibleName("Search commands")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._show_matching)
        self.list = QTreeWidget(self)
        self.list.setObjectName("settings.commands")
        self.list.setAccessibleName("Commands and their keys")
        self.list.setHeaderLabels(list(_COLUMNS))
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setAllColumnsShowFocus(True)
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.currentItemChanged.connect(self._chosen)
        self.key = QKeySequenceEdit(self)
        self.key.setObjectName("settings.key")
        self.key.setAccessibleName("New key: press it")
        self.key.setMaximumSequenceLength(1)
        self.key.keySequenceChanged.connect(self._chosen)
        self.give = self._button("&Give it this key", self._give)
        self.take = self._button("&No key", lambda: self._change(()))
        self.reset = self._button("&As at first", lambda: self._change(None))
        says = QLabel("New &key", self)
        says.setBuddy(self.key)
        below = QHBoxLayout()
        below.addWidget(says)
        below.addWidget(self.key, 1)
        for button in (self.give, self.take, self.reset):
            below.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.filter)
        column.addWidget(self.list, 1)
        column.addLayout(below)
        for row in rows:
            item = QTreeWidgetItem(self.list, [row.title, "", row.says])
            item.setData(0, _ROW, row)
        self.show_settings()
        self._show_matching("")

    def _items(self) -> Iterator[QTreeWidgetItem]:
        for at in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(at)
            assert item is not None
            yield item

    def show_settings(self) -> None:
        """The keys as they are now; those that are not as at first stand out."""
        for item in self._items():
            row: Setting = item.data(0, _ROW)
            keys = value_of(row, self._settings())
            item.setText(1, "   ".join(keys))
            font = item.font(1)
            font.setBold(keys != row.default)
            item.setFont(1, font)
        self._chosen()

    def current(self) -> Setting | None:
        """The command that is chosen."""
        item = self.list.currentItem()
        return None if item is None or item.isHidden() else item.data(0, _ROW)

    def _button(self, text: str, clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _show_matching(self, text: str) -> None:
        words = text.casefold().split()
        first: QTreeWidgetItem | None = None
        for item in self._items():
            said = " ".join(item.text(column) for column in range(len(_COLUMNS))).casefold()
            item.setHidden(not all(word in said for word in words))
            first = item if first is None and not item.isHidden() else first
        now = self.list.currentItem()
        if first is not None and (now is None or now.isHidden()):
            self.list.setCurrentItem(first)
        self._chosen()

    def _chosen(self, *_: object) -> None:
        row = self.current()
        keys = value_of(row, self._settings()) if row is not None else ()
        self.give.setEnabled(row is not None and not self.key.keySequence().isEmpty())
        self.take.setEnabled(bool(keys))
        self.reset.setEnabled(row is not None and keys != row.default)

    def _give(self) -> None:
        self._change((self.key.keySequence().toString(QKeySequence.SequenceFormat.PortableText),))

    def _change(self, keys: tuple[str, ...] | None) -> None:
        """Settles the keys of the current command, or says which command has one of them already."""
        row = self.current()
        if row is None:
            return
        try:
            wanted = row.default if keys is None else row.checked(keys)
            held = {other.title: value_of(other, self._settings()) for other in self._rows}
            clash = refused({row.title: wanted}, held).get(row.title, "")
        except ScopeError as problem:
            clash = str(problem)
        if clash:
            self._tell(clash)
            return
        self._settle(row, None if keys is None else wanted)
        self.key.clear()
        self.show_settings()

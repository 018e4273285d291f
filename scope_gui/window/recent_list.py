"""The sessions opened lately as a list with columns: Enter opens the current one, Delete takes it off the list.

What the columns have no room for is told of the row that is current, or that is pointed at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from scope_gui.dialogs.list_columns import set_columns
from scope_gui.library import COLUMNS, GONE, RIGHT, cells
from views.loop.events import Event
from views.loop.recording_events import ForgetRecent, OpenSession
from views.loop.state import RecentSession
from views.loop.thing import Thing
from views.words.plain_text import tooltip

MOST_SHOWN = 8
_PATH = Qt.ItemDataRole.UserRole


class RecentList(QTreeWidget):
    """One row for each session, the one opened last first."""

    told = Signal(object)
    """The session that there is to tell more about; None: none."""

    def __init__(self, send: Callable[[Event], None], parent: QWidget | None = None) -> None:
        """An empty list."""
        super().__init__(parent)
        self._send = send
        self._known: dict[str, RecentSession] = {}
        self.setAccessibleName("Sessions opened lately")
        set_columns(self, COLUMNS, RIGHT)
        for column in range(1, len(COLUMNS)):
            self.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.itemActivated.connect(self._open_item)
        self.itemClicked.connect(self._open_item)
        self.setMouseTracking(True)
        self.itemEntered.connect(self._tell)
        self.currentItemChanged.connect(self._tell)

    def show_sessions(
        self, paths: Sequence[str], described: Sequence[RecentSession], *, muted: str, warning: str
    ) -> None:
        """Shows these sessions; what they hold as far as it is known. The current one stays current.

        `muted` and `warning` are the colours of what is not there any more, and of what is damaged.
        """
        current = self.currentItem()
        kept = current.data(0, _PATH) if current is not None else None
        at = self.indexOfTopLevelItem(current) if current is not None else 0
        self._known = {row.path: row for row in described}
        self.blockSignals(True)
        self.clear()
        now_s = time.time()
        for path in paths:
            row = self._known.get(path, RecentSession(path=path))
            item = QTreeWidgetItem(self, list(cells(row, now_s)))
            item.setData(0, _PATH, path)
            item.setToolTip(0, tooltip(path))
            for column in range(len(COLUMNS)):
                if column in RIGHT:
                    item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if row.problem == GONE:
                    item.setForeground(column, QColor(muted))
            if row.damaged or row.unfinished or row.problem not in ("", GONE):
                item.setForeground(1 if row.problem else COLUMNS.index("Recorded"), QColor(warning))
            if row.problem:
                item.setToolTip(1, tooltip(row.problem))
            if path == kept:
                self.setCurrentItem(item)
        in_its_place = self.topLevelItem(min(max(at, 0), len(paths) - 1))  # of one that was taken off the list
        if self.currentItem() is None and in_its_place is not None:
            self.setCurrentItem(in_its_place)
        self.blockSignals(False)
        self._tell(self.currentItem())
        row_px = max(self.sizeHintForRow(0), 1)
        shown = min(len(paths), MOST_SHOWN)
        self.setFixedHeight(shown * row_px + self.header().sizeHint().height() + 2 * self.frameWidth() + 4)

    def begin(self) -> None:
        """Makes the first one current: where one was last."""
        first = self.topLevelItem(0)
        if first is not None:
            self.setCurrentItem(first)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is pointed at any more."""
        super().leaveEvent(event)
        self._tell(self.currentItem())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Delete takes the current session off the list."""
        item = self.currentItem()
        if event.key() == Qt.Key.Key_Delete and item is not None:
            self._send(ForgetRecent(path=item.data(0, _PATH)))
            return
        super().keyPressEvent(event)

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The session of a row."""
        item = self.itemAt(at.toPoint())
        if item is None:
            return ()
        path = item.data(0, _PATH)
        return (Thing(kind="recent", name=Path(path).name, path=path, click=(OpenSession(path=path),)),)

    def keys_at(self) -> QPointF | None:
        """The current row."""
        item = self.currentItem()
        return None if item is None else QPointF(self.visualItemRect(item).center())

    def _tell(self, item: QTreeWidgetItem | None) -> None:
        path = item.data(0, _PATH) if item is not None else ""
        self.told.emit(self._known.get(path))

    def _open_item(self, item: QTreeWidgetItem) -> None:
        self._send(OpenSession(path=item.data(0, _PATH)))

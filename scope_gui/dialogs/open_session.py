"""Which session to open: a folder's sessions and recordings of other tools, each as one thing, with what it holds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from scope_gui import library
from scope_gui.dialogs.buttons import last_row
from scope_gui.dialogs.list_columns import set_columns
from scope_gui.dialogs.open_lines import (
    COLUMNS,
    MOST_LISTED,
    RIGHT,
    FolderEntry,
    Found,
    Listing,
    completed,
    entries_with,
    entry_cells,
    is_path,
    listing,
    meant,
    resolved,
    told_of,
)
from views.drawing.theme import widget_px
from views.loop.events import Event
from views.loop.state import RecentSession
from views.reading.worker import Worker
from views.reading.worker_pool import WorkerPool
from views.words.figures import count_text
from views.words.plain_text import plain

WIDTH_PX, HEIGHT_PX, LEAST_NAME_PX = 940, 580, 180
_GIVE_WAY = ("Size", "Events", "Length", "Program")
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_ENTRY = int(Qt.ItemDataRole.UserRole)
_TO_THE_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LOOKING, _NOTHING_FITS = "Looking …", "Nothing here is called that."
_EMPTY = "There is no session here, and no recording of another tool."
_WIDTHS = {"Program": 170, "Length": 84, "Events": 76, "Size": 84, "Recorded": 190}


class OpenSessionDialog(QDialog):
    """Enter opens, Escape leaves. Up and Down choose while the typing goes on, Tab completes a path, Backspace in an
    empty line leads to the folder above.
    """

    listed = Signal(str, object)
    described = Signal(object)
    found = Signal(object)

    def __init__(
        self,
        owner: QWidget,
        chosen: Callable[[str], None],
        folder: Path,
        send: Callable[[Event], None],
        pool: WorkerPool,
    ) -> None:
        """Begins in `folder`, which is where sessions are kept."""
        super().__init__(owner)
        self._chosen: Callable[[str], None] | None = chosen
        self._home = folder
        self._listing = Listing(str(folder), problem=_LOOKING)
        self._known: dict[str, RecentSession] = {}
        self._lines: dict[str, QTreeWidgetItem] = {}
        self._unknown: Iterator[str] = iter(())
        self._is_describing = False
        self._why = ""  # what was typed last cannot be opened
        self.setWindowTitle("Open a session")
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.where = QLabel(self)
        self.where.setTextFormat(Qt.TextFormat.PlainText)
        self.line = QLineEdit(self)
        self.line.setObjectName("open.line")
        self.line.setAccessibleName("Search, or type a path")
        self.line.setPlaceholderText("Search here, or type a path; Tab completes it")
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        self.list = self._make_list()
        self.list.viewport().installEventFilter(self)
        self.told = QLabel(self)
        self.told.setObjectName("open.told")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(widget_px(44))
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.go = QPushButton("Open", self)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        rows.addLayout(self._places())
        rows.addWidget(self.line)
        rows.addWidget(self.list, 1)
        rows.addWidget(self.told)
        rows.addLayout(last_row(self, self.go, "open"))
        self.line.textChanged.connect(self._typed)
        self.listed.connect(self._show_listing)
        self.described.connect(self._show_described)
        self.found.connect(self._take_found)
        self._wanted = ""
        self._worker: Worker | None = Worker(pool, send)
        self.look_into(str(folder))
        self.line.setFocus()

    def _places(self) -> QHBoxLayout:
        """Where sessions are, the home, the folder above; and which folder is listed."""
        row = QHBoxLayout()
        places = (("Recordings", str(self._home)), ("Home", str(Path("~").expanduser())))
        for title, folder in places:
            row.addWidget(self._button(title, partial(self.look_into, folder)))
        row.addWidget(self._button("Folder above", self._go_up))
        row.addSpacing(10)
        row.addWidget(self.where, 1)
        return row

    def _button(self, title: str, does: Callable[[], None]) -> QToolButton:
        button = QToolButton(self)
        button.setText(title)
        button.clicked.connect(_Without(does))
        return button

    def _make_list(self) -> QTreeWidget:
        view = QTreeWidget(self)
        view.setObjectName("open.list")
        view.setAccessibleName("Sessions and folders")
        set_columns(view, COLUMNS, RIGHT)
        for column, title in enumerate(COLUMNS):
            if title in _WIDTHS:
                view.header().resizeSection(column, widget_px(_WIDTHS[title]))
        view.currentItemChanged.connect(self._tell)
        view.itemActivated.connect(self._take_current)
        return view

    def look_into(self, folder: str) -> None:
        """Lists a folder; what was listed stays until it is read."""
        self._wanted = folder
        if self._worker is not None:
            self._worker.ask("list", lambda: self.listed.emit(folder, listing(folder)))

    def current(self) -> FolderEntry | None:
        """The line that is chosen."""
        item = self.list.currentItem()
        return item.data(0, _ENTRY) if item is not None else None

    def accept(self) -> None:
        """Opens what is typed, if it can be opened, else what is chosen; a folder is entered."""
        text = self.line.text().strip()
        if text and self._worker is not None:
            path = os.path.join(*meant(text, self._listing.folder))  # noqa: PTH118 - as it was typed
            self._worker.ask("take", lambda: self.found.emit(resolved(path)))
        else:
            self._take_current()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keys that choose, complete and lead upwards do so while one types; columns follow the list's width."""
        if watched is self.line and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in _LIST_KEYS:
                self.list.keyPressEvent(event)
                return True
            if event.key() == Qt.Key.Key_Backspace and not self.line.text():
                self._go_up()
                return True
            if event.key() == Qt.Key.Key_Tab and is_path(self.line.text()):
                self.line.setText(completed(self.line.text(), self._listing.folder, self._listing.entries))
                return True
        if watched is self.list.viewport() and event.type() == QEvent.Type.Resize:
            self._fit_columns()
        return super().eventFilter(watched, event)

    def _fit_columns(self) -> None:
        """A narrow list gives up figures, and keeps names and days."""
        wide, room = widget_px(LEAST_NAME_PX + sum(_WIDTHS.values())), self.list.viewport().width()
        for title in _GIVE_WAY:
            is_hidden = wide > room
            self.list.setColumnHidden(COLUMNS.index(title), is_hidden)
            wide -= widget_px(_WIDTHS[title]) if is_hidden else 0

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is looked at any more once the dialog is gone."""
        super().hideEvent(event)
        if self._worker is not None and not event.spontaneous():
            self._worker.stop(forget=True)
            self._worker = None

    # -- what is listed

    def _show_listing(self, asked: str, found: Listing) -> None:
        if asked != self._wanted:
            return  # somebody has typed on since
        self._listing = found
        self._show_entries()

    def _typed(self, text: str) -> None:
        """Lists what fits, of the folder that is typed when a path is."""
        self._why = ""
        folder, _ = meant(text, self._listing.folder)
        if is_path(text) and folder != self._wanted:
            self.look_into(folder)
        self._show_entries()

    def _show_entries(self) -> None:
        """Those that fit what is typed; the one that is current stays so while it is there."""
        kept = self.current()
        fit = entries_with(self._listing.entries, meant(self.line.text(), self._listing.folder)[1])
        self.list.clear()
        self._lines.clear()
        for entry in fit[:MOST_LISTED]:
            item = self._lines[entry.path] = QTreeWidgetItem(self.list)
            item.setData(0, _ENTRY, entry)
            for column in RIGHT:
                item.setTextAlignment(column, _TO_THE_RIGHT)
            self._fill(item)
            if entry == kept:
                self.list.setCurrentItem(item)
        first = self.list.topLevelItem(0)
        if self.list.currentItem() is None and first is not None:
            self.list.setCurrentItem(first)
        self._say_where(len(fit) - len(self._lines))
        sessions = (entry.path for entry in fit[:MOST_LISTED] if entry.kind == "session")
        self._unknown = iter([path for path in sessions if path not in self._known])
        self._describe_next()
        self._tell()

    def _say_where(self, left_out: int) -> None:
        """The folder, and what of it is not in the list."""
        said, others = [plain(library.with_tilde(Path(self._listing.folder)), 200)], self._listing.others
        said += [f"{count_text(others)} other file{'s' if others > 1 else ''}"] if others else []
        said += [f"{count_text(left_out)} more, found by name"] if left_out else []
        self.where.setText("  ·  ".join(said))

    def _describe_next(self) -> None:
        """Has the next session that is listed and not known yet looked at; one at a time, so that no wish waits."""
        wanted = None if self._is_describing else next(self._unknown, None)
        if wanted is not None and self._worker is not None:
            self._is_describing = True
            self._worker.ask("describe", lambda: self.described.emit(library.described_session(wanted)))

    def _show_described(self, row: RecentSession) -> None:
        self._known[row.path] = row
        self._is_describing = False
        if row.path in self._lines:
            self._fill(self._lines[row.path])
        self._describe_next()
        self._tell()

    def _fill(self, item: QTreeWidgetItem) -> None:
        entry: FolderEntry = item.data(0, _ENTRY)
        for column, text in enumerate(entry_cells(entry, self._known.get(entry.path), time.time())):
            item.setText(column, text)

    def _tell(self) -> None:
        """What the chosen line holds, or why there is none."""
        entry = self.current()
        self.go.setEnabled(entry is not None or bool(self.line.text().strip()))
        if self._why:
            self.told.setText(self._why)
        elif entry is not None:
            self.told.setText("\n".join(told_of(entry, self._known.get(entry.path))))
        else:
            self.told.setText(self._listing.problem or (_NOTHING_FITS if self._listing.entries else _EMPTY))

    # -- what is taken

    def _take_current(self) -> None:
        entry = self.current()
        if entry is not None:
            self._take(Found(entry.path, entry.kind))

    def _take_found(self, found: Found) -> None:
        """What was typed; where it names nothing, what fits it is taken, as somebody does who types a few letters."""
        entry = self.current()
        if found.kind is None and entry is not None and not is_path(self.line.text()):
            found = Found(entry.path, entry.kind)
        self._take(found)

    def _take(self, found: Found) -> None:
        chosen = self._chosen
        if found.kind == "folder":
            self.line.clear()
            self.look_into(found.path)
        elif found.kind is None:
            self._why = found.why
            self._tell()
        elif chosen is not None:
            self._chosen = None
            super().accept()
            chosen(found.path)

    def _go_up(self) -> None:
        self.look_into(str(Path(self._listing.folder).parent))


class _Without:
    """Does something without what a click says of it."""

    def __init__(self, does: Callable[[], None]) -> None:
        self._does = does

    def __call__(self, checked: bool = False) -> None:
        self._does()

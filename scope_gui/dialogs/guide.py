"""The guide beside the window: its pages, a search through them, keys that can be clicked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPalette, QShortcut, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QTextBrowser,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from scope_gui.commands import Command, shown_key
from scope_gui.dialogs.guide_page import COMMAND, Ink, anchor_of, as_html, linked
from scope_gui.guide import PAGES, Guide
from views.drawing.theme import widget_px

WIDTH_PX, HEIGHT_PX, EDGE_PX, TOP_PX, MARGIN_PX = 540, 760, 16, 64, 14
_CHOOSE = (Qt.Key.Key_Up, Qt.Key.Key_Down)
_SCROLL = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_NOTHING = "No page has these words."


class GuideWindow(QDialog):
    """Typing searches, Up and Down choose, Page Up and Page Down scroll, Escape closes; its own key goes to
    the window.

    It holds up nothing: what a page says can be done while it is read. A click on a key does what the key does.
    """

    def __init__(
        self,
        parent: QWidget,
        do: Callable[[str], None],
        commands: tuple[Command, ...],
        beside: QWidget | None = None,
    ) -> None:
        """`do` does the command with that title; `commands` have the keys that it shows. `beside`: the window beside
        which it lies, where that is not its parent.
        """
        super().__init__(parent)
        self._window, self._beside, self._do, self._guide = parent, beside or parent, do, Guide(commands)
        self.commands = commands
        key = next(shown_key(command) for command in commands if command.ask == "guide")
        self._places: list[tuple[str, int]] = []
        self.page = ""
        self.setWindowTitle("Guide")
        self.setModal(False)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Search the guide")
        self.line.setAccessibleName("Search the guide")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(self._search)
        self.line.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Pages")
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._go)
        self.text = QTextBrowser(self)
        self.text.setAccessibleName("The page")
        self.text.setOpenLinks(False)
        self.text.document().setDocumentMargin(MARGIN_PX)
        self.text.anchorClicked.connect(self._follow)
        self.hint = QLabel(f"↑ ↓ choose   PgUp PgDn scroll   {key} to the window and back   Esc closes", self)
        self.hint.setProperty("quiet", True)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(10, 10, 10, 8)
        rows.setSpacing(8)
        rows.addWidget(self.line)
        rows.addWidget(self.list)
        rows.addWidget(self.text, 1)
        rows.addWidget(self.hint)
        for own in next(command.keys for command in commands if command.ask == "guide"):
            QShortcut(QKeySequence(own), self, self._window.activateWindow)
        self._search("")

    def show_page(self, page: str) -> None:
        """Comes to the front with this page, and the keyboard in the search."""
        self.line.clear()
        self._search("")
        self.list.setCurrentRow([row.name for row in PAGES].index(page))
        if not self.isVisible():
            self._place()
            self.show()
        self.raise_()
        self.activateWindow()
        self.line.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keys that choose and scroll do so while the typing goes on; Return goes into the page."""
        if watched is self.line and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in _CHOOSE:
                self.list.keyPressEvent(event)
                return True
            if event.key() in _SCROLL:
                self.text.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.text.setFocus()
                return True
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Another theme has other colours."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.page:
            at = self.text.verticalScrollBar().value()
            self._show(self.page)
            self.text.verticalScrollBar().setValue(at)

    def _place(self) -> None:
        """At the right of the window, where the inspector is: lanes and building stay in sight."""
        window = self._beside
        width, height, top = widget_px(WIDTH_PX), widget_px(HEIGHT_PX), widget_px(TOP_PX)
        self.resize(min(width, window.width() - 2 * EDGE_PX), min(height, window.height() - top - EDGE_PX))
        self.move(window.mapToGlobal(QPoint(window.width() - self.width() - EDGE_PX, top)))

    def _search(self, text: str) -> None:
        """Lists the sections that have these words; without any the pages."""
        if text.strip():
            hits = [hit.section for hit in self._guide.found(text)]
            rows = [self._named(section.page, section.number, section.heading) for section in hits]
            self._places = [(section.page, section.number) for section in hits]
        else:
            rows = [self._guide.titles[row.name] for row in PAGES]
            self._places = [(row.name, 0) for row in PAGES]
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems(rows or [_NOTHING])
        self.list.blockSignals(False)
        row_px = max(self.list.sizeHintForRow(0), 1)
        self.list.setFixedHeight(len(PAGES) * row_px + 2 * self.list.frameWidth() + 2)
        self.list.setEnabled(bool(rows))
        self.list.setCurrentRow(0)
        self._mark(text)

    def _named(self, page: str, number: int, heading: str) -> str:
        return heading if number == 0 else f"{heading}  ·  {self._guide.titles[page]}"

    def _go(self, row: int) -> None:
        if 0 <= row < len(self._places):
            page, number = self._places[row]
            self._show(page)
            self._mark(self.line.text())
            if number:
                self.text.scrollToAnchor(anchor_of(number))

    def _show(self, page: str) -> None:
        role = QPalette.ColorRole
        ink = Ink(*(self._colour(one) for one in (role.Text, role.PlaceholderText, role.Link, role.AlternateBase)))
        self.page = page
        self.text.setHtml(as_html(self._guide.sections(page), ink))

    def _colour(self, role: QPalette.ColorRole) -> str:
        return self.palette().color(role).name()

    def _mark(self, text: str) -> None:
        """Shows where on the page the words are."""
        marks: list[QTextEdit.ExtraSelection] = []
        for word in text.split():
            found = self.text.document().find(word)
            while not found.isNull():
                marks.append(self._marked(found))
                found = self.text.document().find(word, found)
        self.text.setExtraSelections(marks)

    def _marked(self, found: QTextCursor) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        mark.cursor = found
        mark.format.setBackground(QColor(self._colour(QPalette.ColorRole.Highlight)))
        return mark

    def _follow(self, link: QUrl) -> None:
        kind, name = linked(link.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        if kind == COMMAND:
            self._window.activateWindow()
            self._do(name)
        else:
            self.line.clear()
            self.list.setCurrentRow([row.name for row in PAGES].index(name))

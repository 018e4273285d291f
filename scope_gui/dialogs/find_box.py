"""The one box that finds anything: functions, values, threads, exceptions, commands, times, and its lists.

It has no frame and stands at the top of the window. Nothing waits while one types: commands are offered at once, what
the session has of that name comes when it is found. Enter pressed before that is remembered until it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from scope_gui.commands import LISTS, Command
from scope_gui.dialogs.find_lines import FIND, Line, is_waiting, lines_of
from views.drawing.theme import widget_px
from views.loop.events import CloseBox, Event, GoTo, GoToFinding, LookFor, OpenBox, Search
from views.loop.state import Assigns, Shows
from views.words.plain_text import plain, tooltip

MAX_SHOWN = 300
WIDTH_PX, HEIGHT_PX, TOP_PX, ROW_PX = 860, 470, 34, 24
KIND_PX, EDGE_PX = 92, 10
_HINT = "Enter goes there   ↑ ↓ choose   Esc closes"
_HINT_OF_LIST = "Enter goes there   ↑ ↓ choose   Backspace leads back   Esc closes"
_HINT_OF_WAITING = "Goes there as soon as it is found   Backspace changes the text   Esc closes"
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_LINE = int(Qt.ItemDataRole.UserRole)


class FindBox(QDialog):
    """Enter takes the current line, Escape none; Up and Down move while the typing goes on. Letters typed after an
    Enter that is remembered change nothing.
    """

    reads: frozenset[str] = frozenset({"box", "session"})

    def __init__(
        self,
        parent: QWidget,
        send: Callable[[Event], None],
        do: Callable[[Command], None],
        shown: Callable[[], Assigns],
    ) -> None:
        """`do` does a command, `shown` is the window's state as it is now."""
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._window, self._send, self._do, self._shown = parent, send, do, shown
        self._assigns, self._shows = Assigns(), _NO_LIST
        self._takes_when_found = self._has_searched = False
        self._search_before = ""
        self.setObjectName("find box")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(8, 8, 8, 6)
        rows.setSpacing(6)
        self.line = QLineEdit(self)
        self.line.textChanged.connect(self._typed)
        self.line.installEventFilter(self)
        self.line.returnPressed.connect(self._take_current)
        self.list = QListWidget(self)
        self.list.setAccessibleName("What was found")
        self.list.setItemDelegate(_Lines(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemActivated.connect(self._take)
        self.list.itemClicked.connect(self._take)
        self.hint = QLabel(self)
        self.hint.setProperty("quiet", True)
        for widget in (self.line, self.list, self.hint):
            rows.addWidget(widget)
        self.finished.connect(self._closed)

    def ask(self, shows: Shows = "", title: str = "") -> None:
        """Opens it with an empty line, on one of its lists or on everything."""
        self._shows = shows
        self._wait(False)
        if not self.isVisible():
            self._has_searched, self._search_before = False, self._shown().search_text
        says = title or FIND
        self.setWindowTitle(says)
        self.line.setPlaceholderText(says)
        self.line.setAccessibleName(says)
        self.line.blockSignals(True)
        self.line.clear()
        self.line.blockSignals(False)
        self._send(OpenBox(shows=shows))
        self._offer()
        if not self.isVisible():
            self.open()
            self._place()
        self.line.setFocus()

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Offers what has been found."""
        self._assigns = assigns
        if not self.isVisible():
            return
        self._offer()
        if self._takes_when_found and not self._is_waiting():
            self._wait(False)
            QTimer.singleShot(0, self._take_current)  # a view that is being patched sends nothing

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """A line around it: nothing else sets it off from the window."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def lines(self) -> list[Line]:
        """What is offered now, from top to bottom."""
        return [self.list.item(row).data(_LINE) for row in range(self.list.count())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hands the keys that move through the list over to it; Backspace in an empty line leads out of a list."""
        if watched is self.line and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if self._takes_when_found and event.text().isprintable() and event.text():
                return True  # typed after Enter: it is not part of what was asked for
            if event.key() in _LIST_KEYS:
                self._wait(False)
                self.list.keyPressEvent(event)
                return True
            if event.key() == Qt.Key.Key_Backspace and self._shows and not self.line.text():
                self.ask()
                return True
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        """At the top of the window, in its middle."""
        window = self._window
        width, top = min(widget_px(WIDTH_PX), window.width() - 40), widget_px(TOP_PX)
        self.resize(width, min(widget_px(HEIGHT_PX), window.height() - top - 40))
        self.move(window.mapToGlobal(QPoint((window.width() - width) // 2, top)))

    def _wait(self, waits: bool) -> None:
        """Whether Enter was pressed before there was something to take."""
        self._takes_when_found = waits
        self.hint.setText(_HINT_OF_WAITING if waits else _HINT_OF_LIST if self._shows else _HINT)

    def _typed(self, text: str) -> None:
        self._wait(False)
        self._send(LookFor(text=text, shows=self._shows))
        if text.strip() and not self._shows and self._assigns.session is not None:
            self._has_searched = True
            self._send(Search(text=text))  # the lanes show it too
        self._offer()

    def _is_waiting(self) -> bool:
        return is_waiting(self._assigns, self.line.text(), self._shows)

    def _offer(self) -> None:
        """Shows the lines; the one that was current stays so while it is there, unless it was just the first."""
        offered = lines_of(self._assigns, self.line.text(), self._shows)[:MAX_SHOWN]
        if offered == self.lines():
            return
        at, now = self.list.currentRow(), self.list.currentItem()
        kept = now.data(_LINE).does if now is not None and at > 0 else None
        self.list.clear()
        for line in offered:
            item = QListWidgetItem(plain(line.title, 200))
            item.setData(_LINE, line)
            item.setData(int(Qt.ItemDataRole.AccessibleTextRole), plain(line.spoken, 400))
            item.setToolTip(tooltip(*(plain(part, 400) for part in (line.title, line.detail) if part)))
            if line.does is None:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        places = [place for place, line in enumerate(offered) if kept is not None and line.does == kept]
        self.list.setCurrentRow(places[0] if places else 0)

    def _take_current(self) -> None:
        if self._is_waiting() and self.list.currentRow() <= 0:
            self._wait(True)
            return
        item = self.list.currentItem()
        if item is not None:
            self._take(item)

    def _take(self, item: QListWidgetItem) -> None:
        does = item.data(_LINE).does
        if isinstance(does, Command) and does.ask in LISTS:
            self.ask(LISTS[does.ask], does.title)
            return
        if does is None:
            return
        self.accept()
        if self._has_searched and (isinstance(does, Command) or does.kind != "function"):
            self._send(Search(text=self._search_before))
        if isinstance(does, Command):
            self._do(does)
        elif does.kind == "finding":
            self._send(GoToFinding(at=does.id))
        else:
            self._send(GoTo(row=does))

    def _closed(self) -> None:
        self._send(CloseBox())


_NO_LIST: Shows = ""


class _Lines(QStyledItemDelegate):
    """Paints kind, title with what was found in it in bold, and at the right the key, or the detail, quieter."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """All lines are as high."""
        return QSize(200, widget_px(ROW_PX))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paints the ground as the style has it, then the texts; the detail is cut first, at its end."""
        self.initStyleOption(option, index)
        line: Line = index.data(_LINE)
        option.text = ""
        view: QWidget = option.widget
        view.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, view)
        area: QRect = option.rect.adjusted(EDGE_PX, 0, -EDGE_PX, 0)
        strong = QFont(view.font())
        strong.setBold(True)
        painter.save()
        painter.setFont(view.font())
        quiet, loud = (
            view.palette().color(role) for role in (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Text)
        )
        painter.setPen(quiet)
        _text(painter, area, line.kind, Qt.AlignmentFlag.AlignLeft)
        area.setLeft(area.left() + widget_px(KIND_PX))
        if line.key:
            _text(painter, area, line.key, Qt.AlignmentFlag.AlignRight)
            area.setRight(area.right() - QFontMetrics(view.font()).horizontalAdvance(line.key) - 16)
        painter.setPen(quiet if line.does is None else loud)
        used = _title(painter, area, line, (view.font(), strong))
        painter.setFont(view.font())
        painter.setPen(quiet)
        area.setLeft(area.left() + used + 20)
        detail = QFontMetrics(view.font()).elidedText(
            plain(line.detail, 300), Qt.TextElideMode.ElideRight, area.width()
        )
        _text(painter, area, detail, Qt.AlignmentFlag.AlignRight)
        painter.restore()


def _title(painter: QPainter, area: QRect, line: Line, fonts: tuple[QFont, QFont]) -> int:
    """Paints the title, its marks in the second font; how wide it is. A long one is cut and has no marks."""
    title = plain(line.title, 200)
    left = area.width() - QFontMetrics(fonts[0]).horizontalAdvance(line.detail) - 20
    most = max(left, area.width() * 2 // 3)
    where = Qt.TextElideMode.ElideRight if " " in title else Qt.TextElideMode.ElideMiddle  # a sentence, or a name
    cut = QFontMetrics(fonts[1]).elidedText(title, where, most)
    marks = line.marks if cut == title == line.title else ()
    x = 0
    for start, end, is_marked in _pieces(len(cut), marks):
        font = fonts[1] if is_marked else fonts[0]
        painter.setFont(font)
        _text(painter, area.adjusted(x, 0, 0, 0), cut[start:end], Qt.AlignmentFlag.AlignLeft)
        x += QFontMetrics(font).horizontalAdvance(cut[start:end])
    return x


def _pieces(length: int, marks: tuple[tuple[int, int], ...]) -> list[tuple[int, int, bool]]:
    """(from, to, whether marked) of a text from its begin to its end.

    >>> _pieces(9, ((2, 4),))
    [(0, 2, False), (2, 4, True), (4, 9, False)]
    """
    found, at = list[tuple[int, int, bool]](), 0
    for start, end in marks:
        found += [(at, start, False), (start, end, True)]
        at = end
    found.append((at, length, False))
    return [piece for piece in found if piece[0] < piece[1]]


def _text(painter: QPainter, area: QRect, text: str, side: Qt.AlignmentFlag) -> None:
    painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | side | Qt.TextFlag.TextSingleLine), text)

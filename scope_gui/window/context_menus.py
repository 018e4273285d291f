"""Menus of what is under the pointer or under the keyboard: a right click without movement, Shift+F10, the Menu key.

The parts of the window say what is where (`views.drawing.pointing`), the table `scope_gui.context_actions` what can be
done with it. A drag with the right button stays the view's own, so the menu comes when the button goes up again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLabel, QMenu, QWidget, QWidgetAction

from scope_gui.commands import Command
from scope_gui.context_actions import Entry, Part, menu_of
from views.drawing.pointing import HasThings
from views.drawing.scaled import unit_px_of
from views.drawing.theme import colours, give_font, text_font, widget_px
from views.loop.events import Tell
from views.loop.state import Notice
from views.loop.store import Store
from views.loop.thing import Thing, ThingKind
from views.words.plain_text import plain

DRAG_PX = 4
NAME_LENGTH = 60
HEAD_PX = 420
WORDS: dict[ThingKind, str] = {
    "call": "Call",
    "exception": "Exception on",
    "bookmark": "Bookmark",
    "moment": "Moment",
    "metric": "Metric",
    "thread": "Thread",
    "process": "Process",
    "room": "Room",
    "floor": "Floor",
    "building": "Building",
    "inspector": "Inspector",
    "finding": "Finding",
    "recent": "Session",
    "row": "",
}


class ContextMenus(QObject):
    """Those of one window; `menu` is the one that is open, or was last."""

    def __init__(self, window: QWidget, store: Store, do: Callable[[Command], None]) -> None:
        """`do` does a command."""
        super().__init__(window)
        self._window, self._store, self._do = window, store, do
        self._pressed: tuple[QObject, QPointF] | None = None
        self._parts: dict[QObject, QWidget] = {}
        self.menu: QMenu | None = None

    def listen(self) -> None:
        """To everything in the window that tells of things."""
        for widget in self._window.findChildren(QWidget):
            if isinstance(widget, HasThings):
                surface = _surface(widget)
                self._parts[surface] = widget
                surface.installEventFilter(self)

    def parts(self) -> Collection[QWidget]:
        """What tells of things."""
        return self._parts.values()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hears the right button; what Qt itself makes of it, and of the Menu key, is left out: one menu is enough."""
        if event.type() == QEvent.Type.ContextMenu:
            return True
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.RightButton:
            if event.type() == QEvent.Type.MouseButtonPress:
                self._pressed = (watched, event.position())
            elif event.type() == QEvent.Type.MouseButtonRelease:
                pressed, self._pressed = self._pressed, None
                if pressed is not None and pressed[0] is watched and not _far(pressed[1], event.position()):
                    assert isinstance(watched, QWidget)
                    self._open(watched, event.position() / unit_px_of(watched))
        return False

    def ask_here(self) -> None:
        """Opens the menu of what the keyboard is at; a field for text has one of its own."""
        at = QApplication.focusWidget()
        if at is None or QApplication.activePopupWidget() is not None:
            return
        part: QWidget | None = at
        while part is not None and not isinstance(part, HasThings):
            part = part.parentWidget()
        if isinstance(part, HasThings) and part is not None:
            surface = _surface(part)
            self._open(surface, part.keys_at() or QPointF(surface.rect().center()))
            return
        middle = at.rect().center()
        reason = QContextMenuEvent.Reason.Keyboard
        QApplication.sendEvent(at, QContextMenuEvent(reason, middle, at.mapToGlobal(middle)))

    def _open(self, surface: QWidget, at: QPointF) -> None:
        part = self._parts[surface]
        assert isinstance(part, HasThings)
        parts = menu_of(part.things_at(at), self._store.assigns)
        if parts:
            self.menu = self._made(parts)
            self.menu.popup(surface.mapToGlobal((at * unit_px_of(surface)).toPoint()))

    def do(self, entry: Entry) -> None:
        """Does what a line says."""
        for event in (*entry.first, *entry.sends):
            self._store.send(event)
        if entry.copies is not None:
            QGuiApplication.clipboard().setText(entry.copies)
            self._store.send(Tell(notice=Notice(f"Copied: {plain(entry.copies, NAME_LENGTH)}")))
        if entry.command is not None:
            if entry.first and entry.command.event is None:
                self._store.fold()  # a dialog, or a link, is about where the click has led
            self._do(entry.command)

    def _made(self, parts: Sequence[Part]) -> QMenu:
        """The first thing's actions, and a menu within it for each of the others."""
        if self.menu is not None:
            self.menu.deleteLater()
        menu = QMenu(self._window)
        self._fill(menu, parts[0])
        if len(parts) > 1:
            menu.addSeparator()
        for part in parts[1:]:
            self._fill(menu.addMenu(_menu_text(menu_heading(part.thing))), part, is_within=True)
        return menu

    def _fill(self, menu: QMenu, part: Part, *, is_within: bool = False) -> None:
        menu.setToolTipsVisible(True)
        if not is_within and menu_heading(part.thing):
            menu.addAction(_head(menu, menu_heading(part.thing), colours(self._store.assigns.theme).text))
            menu.addSeparator()
        group = part.entries[0].group
        for entry in part.entries:
            if entry.group != group:
                menu.addSeparator()
            group = entry.group
            key = f"\t{entry.key}" if entry.key else ""
            action = QAction(f"{_menu_text(plain(entry.title, NAME_LENGTH))}{key}", menu)
            action.setEnabled(not entry.why_not)
            action.setStatusTip(entry.why_not)
            action.setToolTip(entry.why_not)
            action.triggered.connect(_Doing(self, entry))
            menu.addAction(action)


class _Doing:
    """A line bound to its menus: a lambda would bind the loop's last one."""

    def __init__(self, menus: ContextMenus, entry: Entry) -> None:
        self._menus, self._entry = menus, entry

    def __call__(self, checked: bool = False) -> None:
        self._menus.do(self._entry)


def menu_heading(thing: Thing) -> str:
    """What a menu is about.

    >>> menu_heading(Thing(kind="thread", name="worker-1"))
    'Thread worker-1'
    """
    return f"{WORDS[thing.kind]} {plain(thing.name, NAME_LENGTH)}".strip()


def _head(menu: QMenu, text: str, colour: str) -> QAction:
    """What the menu is about, above its lines; the keyboard passes it by."""
    label = QLabel(menu)
    label.setTextFormat(Qt.TextFormat.PlainText)
    give_font(label, text_font(bold=True))
    label.setContentsMargins(14, 4, 14, 2)
    label.setStyleSheet(f"color: {colour}; background: transparent")
    cut = label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, widget_px(HEAD_PX))
    label.setText(_menu_text(cut))
    head = QWidgetAction(menu)
    head.setDefaultWidget(label)
    head.setText(_menu_text(text))
    head.setEnabled(False)
    return head


def _menu_text(text: str) -> str:
    return text.replace("&", "&&")


def _surface(part: QWidget) -> QWidget:
    """What the mouse meets of a part."""
    return part.viewport() if isinstance(part, QAbstractScrollArea) else part


def _far(one: QPointF, other: QPointF) -> bool:
    return abs(one.x() - other.x()) + abs(one.y() - other.y()) >= DRAG_PX

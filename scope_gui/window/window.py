"""The main window: views in docks around the building, one transport bar, the menus made from the commands."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Set
from typing import Any, cast

from msgspec.structs import replace
from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenuBar,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from scope_gui.commands import LISTS, MENUS, TRANSPORT, Command, all_commands, hint, with_keys, with_letter
from scope_gui.dialogs.asking import Dialogs
from scope_gui.dialogs.find_box import FindBox
from scope_gui.left_window import LeftWindow
from scope_gui.menu_lines import begins_a_group, is_on
from scope_gui.verbs.registry import verb_named
from scope_gui.window.context_menus import ContextMenus
from scope_gui.window.dropping import local_files, openable_path
from scope_gui.window.findings_strip import FindingsStrip
from scope_gui.window.header import HeaderView
from scope_gui.window.meant_panel import MeantPanel, view_around
from scope_gui.window.notices import NoticeView
from scope_gui.window.panels import Panels, first_size
from scope_gui.window.speed_keys import SpeedKeys
from scope_gui.window.welcome import WelcomeView
from views import registry
from views.building.view import BuildingView
from views.drawing.motion import still
from views.drawing.theme import dress
from views.loop.events import Step
from views.loop.recording_events import OpenSession
from views.loop.state import Assigns
from views.loop.store import Store, View
from views.reading.source import Source
from views.transport.view import TransportView
from views.words.plain_text import plain

_AREA = Qt.DockWidgetArea
_AREAS = {
    "left": _AREA.LeftDockWidgetArea,
    "right": _AREA.RightDockWidgetArea,
    "bottom": _AREA.BottomDockWidgetArea,
}


QWIDGETSIZE_MAX = (1 << 24) - 1
"""Qt's name for no limit, which PySide6 leaves out."""


class MainWindow(QMainWindow):
    """Built once; shows the welcome page until a session is open."""

    reads: frozenset[str] = frozenset({"session", "theme", "scale", "motion", "settings"})
    closing = Signal()

    def __init__(self, store: Store, source: Source) -> None:
        super().__init__()
        self.store, self.source = store, source
        self.commands = all_commands()
        self.setWindowTitle("Scope")
        self.setDockNestingEnabled(True)
        self.setAcceptDrops(True)
        self.setCorner(Qt.Corner.BottomLeftCorner, _AREA.BottomDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, _AREA.RightDockWidgetArea)
        self.setTabPosition(_AREA.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        send = store.send
        self.asking = Dialogs(self, self, store, source, self.do_titled)
        self.views: dict[str, Any] = {}
        self.docks: dict[str, QDockWidget] = {}
        self.welcome = WelcomeView(send, self.asking.ask)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.welcome)
        self._without_building = QWidget(self.pages)
        self.pages.addWidget(self._without_building)
        self._is_open = self._is_held = False
        self.setCentralWidget(self.pages)
        self.may_close: Callable[[], bool] = lambda: True
        self.panels = Panels(self, self._show_centre, self.docks)
        self._closed_with = ""
        self._views: list[tuple[View, Callable[[], bool], frozenset[str] | None]] = [
            (self, lambda: True, None),
            (self.welcome, lambda: True, None),
        ]
        for row in registry.placed():
            self._put(row, row.make(send, source))
        self.building.stage.left.connect(self.with_keyboard_first.setFocus)
        self.transport = TransportView(send, source)
        self.bar = self._bottom_bar()
        self.notices = NoticeView(send, self)
        self.notices.float_above(self.bar, [self.views[row.name] for row in registry.placed() if row.area == "right"])
        self.find_box = FindBox(self, send, self.do, lambda: store.assigns)
        self.header = HeaderView(source, self.do_titled)
        self.strip = FindingsStrip(send, self.do_titled)
        self.speed_keys = SpeedKeys(self, send)
        self.meant = MeantPanel(self, self.views)
        self.actions_by_title: dict[str, QAction] = {}
        self._make_menus()
        guide = next(command.title for command in self.commands if command.ask == "guide")
        self.meant.asked_by(self.actions_by_title[guide])
        self.menus = ContextMenus(self, store, self.do)
        self.menus.listen()
        self._views += [
            (view, lambda: True, None)
            for view in (self.transport, self.notices, self.header, self.strip, self.find_box)
        ]

    def parts(self) -> dict[str, QWidget]:
        """The views that can be exported on their own, by name."""
        return {name: self.views[name] for name in registry.exported()}

    @property
    def building(self) -> BuildingView:
        """The view in the centre."""
        return cast(BuildingView, self.views["building"])

    @property
    def with_keyboard_first(self) -> QWidget:
        """The view that gets the keyboard when a session opens."""
        first = next((row for row in registry.VIEWS if row.gets_keyboard), registry.VIEWS[0])
        return cast(QWidget, self.views[first.name])

    def another(self, store: Store, source: Source) -> MainWindow:
        """One like this on a Store of its own, to paint pictures of."""
        return MainWindow(store, source)

    def begin(self, left: LeftWindow) -> None:
        """Shows the state in all views and puts the panels where they were."""
        self.resize(*first_size(self.screen().availableGeometry()))
        if left.geometry:
            self.restoreGeometry(QByteArray.fromBase64(left.geometry.encode()))
        self.panels.remember(left.layout, left.layouts)
        self._closed_with = left.layout
        self._show_docks(False)
        for view, is_visible, parts in self._views:
            self.store.add(view, is_visible, parts)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Welcome page or session; title, theme and what can be done."""
        if changed & {"theme", "scale"}:
            dress(assigns.theme, assigns.scale)
            self.panels.scale = assigns.scale / 100
        if "motion" in changed:
            still(self, assigns.motion)
        if "settings" in changed:
            self._take_keys(assigns.settings)
        if "session" not in changed:
            return
        is_open = assigns.session is not None
        self.setWindowTitle(f"{plain(assigns.session.name)} - Scope" if assigns.session else "Scope")
        if is_open != self._is_open:
            self._is_open = is_open
            if not is_open:
                self.panels.keep()
                self._closed_with = self.panels.text()
            self._show_page(self.building if is_open else self.welcome)
            self._show_docks(is_open)
            if is_open:
                QTimer.singleShot(0, self.place)  # sizes of docks count only once they are on the screen
            (self.with_keyboard_first if is_open else self.welcome.with_keyboard_first).setFocus()
        for command in self.commands:
            self.actions_by_title[command.title].setEnabled(is_open or not command.needs_session)

    def do(self, command: Command) -> None:
        """What a key, a menu entry or a line of the box asks for."""
        if "0" in command.keys and self.speed_keys.typed("0"):
            return
        self.speed_keys.end()
        is_held, self._is_held = self._is_held, False
        if isinstance(command.event, Step):
            self.store.send(replace(command.event, held=is_held))
        elif command.event is not None:
            self.store.send(command.event)
        elif command.look is not None:
            self.building.stage.look(command.look)
        elif command.verb is not None:
            self.asking.keeping.begin(verb_named(command.verb))
        elif command.ask == "rooms":
            self.building.stage.go_in()
        elif command.ask == "find":
            self.asking.asked = "find"
            self.find_box.ask()
        elif command.ask == "filter lanes":
            self.show_panel("timeline")
            self.views["timeline"].filter.take_keyboard()
        elif command.ask in LISTS:
            self.asking.asked = "find"
            self.find_box.ask(LISTS[command.ask], command.title)
        elif command.ask == "quit":
            self.close()
        elif command.layout is not None:
            self.panels.use(command.layout)
        elif command.panel is not None:
            self.show_panel(command.panel)
        elif command.ask == "menu":
            self.menus.ask_here()
        elif command.ask == "next panel":
            self.go_through_panels(1)
        elif command.ask == "previous panel":
            self.go_through_panels(-1)
        elif command.ask == "guide":
            self.asking.show_guide(self.meant.view())
        elif command.ask == "layout":
            self.panels.use(self.panels.name)
        elif command.ask is not None:
            self.asking.ask(command.ask)

    def show_panel(self, name: str) -> None:
        """Brings a panel to the front and gives it the keyboard, wherever it was."""
        dock, view = self.docks.get(name), self.views[name]
        if dock is None:
            self._show_centre(True)
        else:
            dock.setVisible(True)
            dock.raise_()
        is_one = view.focusProxy() is not None or view.focusPolicy() & Qt.FocusPolicy.TabFocus
        first = view if is_one else _first_with_focus(view)
        if first is not None:
            first.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def go_through_panels(self, by: int) -> None:
        """Gives the keyboard to the next panel that is seen, or to the previous one."""
        names = [row.name for row in registry.placed() if self.views[row.name].isVisible()]
        here = view_around(self.focusWidget(), self.views)
        at = names.index(here) if here in names else -by
        if names:
            self.show_panel(names[(at + by) % len(names)])

    def do_titled(self, title: str) -> None:
        """Does the command with this title."""
        self.do(next(command for command in self.commands if command.title == title))

    def lay_out(self) -> None:
        """The panels where the layout has them at first."""
        self.panels.lay_out()

    def place(self) -> None:
        """The panels as they were left, or as the layout has them at first."""
        self.panels.place()

    def layout_texts(self) -> tuple[str, str]:
        """Geometry and panels, to be kept."""
        return base64.b64encode(self.saveGeometry().data()).decode(), self._layout_text()

    def _layout_text(self) -> str:
        is_open = self.store.assigns.session is not None
        return self.panels.text() if is_open else self._closed_with

    def event(self, event: QEvent) -> bool:
        """Hears whether the key of the command that comes next is held down: a shortcut does not say it."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            self._is_held = event.isAutoRepeat()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Return and Enter press a button too."""
        button = self.focusWidget()
        if isinstance(button, QAbstractButton) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            button.click()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Views that were not on the screen until now are due."""
        super().showEvent(event)
        self.store.wake()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Takes one session, a manifest out of a session's folder, or a recording of another tool."""
        if openable_path(local_files(event.mimeData())) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Opens what was dropped."""
        path = openable_path(local_files(event.mimeData()))
        if path is not None:
            event.acceptProposedAction()
            self.store.send(OpenSession(path=path))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ends the application with its window; nothing is patched any more once views begin to put things away."""
        if not self.may_close():
            event.ignore()
            return
        super().closeEvent(event)
        self.closing.emit()
        QApplication.quit()

    def _put(self, row: registry.ViewSpec, view: QWidget) -> None:
        """Puts a view where its row says."""
        self.views[row.name] = view
        self._views.append((cast(View, view), view.isVisible, row.parts))
        if row.area == "centre":
            self.pages.addWidget(view)
            return
        dock = self.docks[row.name] = QDockWidget(row.title, self)
        dock.setObjectName(row.title)
        holder = QWidget(dock)  # a dock whose own widget is hidden asks for less room than none
        QVBoxLayout(holder).addWidget(view)
        cast(QVBoxLayout, holder.layout()).setContentsMargins(0, 0, 0, 0)
        dock.setWidget(holder)
        dock.setTitleBarWidget(QWidget(dock))  # a tab, or the view itself, says what it is
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.visibilityChanged.connect(_Seen(self, dock, view))
        self.addDockWidget(_AREAS[row.area], dock)
        if row.below:
            self.splitDockWidget(self.docks[row.below], dock, Qt.Orientation.Vertical)
        if row.tabbed_with:
            self.tabifyDockWidget(self.docks[row.tabbed_with], dock)

    def _show_page(self, shown: QWidget) -> None:
        """The welcome page or the building. The other one asks for no room: the panels would get less than theirs."""
        for page in (self.welcome, self.building, self._without_building):
            policy = QSizePolicy.Policy.Preferred if page is shown else QSizePolicy.Policy.Ignored
            page.setSizePolicy(policy, policy)
        self.pages.setCurrentWidget(shown)
        self.pages.setMaximumHeight(QWIDGETSIZE_MAX)

    def _show_centre(self, is_shown: bool) -> None:
        """The building, or nothing in its place. Without a widget in the middle Qt gives its width to the panels."""
        self._show_page(self.building if is_shown else self._without_building)
        if not is_shown:
            self.pages.setMaximumHeight(0)

    def _show_docks(self, visible: bool) -> None:
        # WORKAROUND Qt 6.11: when the last dock of an area is hidden, its separator stays with the window, and another
        # is made when the dock comes back: four widgets per session opened.
        for left in self.findChildren(QWidget, "qt_qmainwindow_extended_splitter") if visible else []:
            if left.isHidden():
                left.deleteLater()
        for dock in self.docks.values():
            dock.setVisible(visible)
        self.bar.setVisible(True)
        self.transport.setVisible(visible)

    def _bottom_bar(self) -> QToolBar:
        bar = QToolBar("Transport", self)
        bar.setObjectName("Transport")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.addWidget(self.transport)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, bar)
        return bar

    def _take_keys(self, settings: Mapping[str, Any]) -> None:
        """The commands with the keys that they have been given."""
        self.commands = with_keys(settings)
        for command in self.commands:
            self.actions_by_title[command.title].setShortcuts([QKeySequence(key) for key in command.keys])
        self.transport.show_tips([hint(title, settings) for title in TRANSPORT])

    def _tick(self) -> None:
        """Ticks what is on; a menu that is closed says nothing."""
        for command in self.commands:
            ticked = self._is_on(command)
            action = self.actions_by_title[command.title]
            action.setCheckable(ticked is not None)
            action.setChecked(ticked is True)

    def _is_on(self, command: Command) -> bool | None:
        if command.layout is not None:
            return self.store.assigns.session is not None and self.panels.name == command.layout
        if command.panel is not None:
            return bool(self.views[command.panel].isVisible())
        return is_on(command, self.store.assigns)

    def _make_menus(self) -> None:
        # A corner widget of the menu bar keeps its first width; a row of its own does not.
        head = QWidget(self)
        rows = QVBoxLayout(head)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        row = QHBoxLayout()
        menu_bar = QMenuBar(head)
        menu_bar.setAccessibleName("Menus")
        row.addWidget(menu_bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.header, 1)
        rows.addLayout(row)
        rows.addWidget(self.strip)
        self.setMenuWidget(head)
        self.menus_by_name = {name: menu_bar.addMenu(with_letter(name)) for name in MENUS}
        for menu in self.menus_by_name.values():
            menu.aboutToShow.connect(self._tick)
        for at, command in enumerate(self.commands):
            action = QAction(command.title, self)
            if begins_a_group(command, self.commands[:at]):
                self.menus_by_name[command.menu].addSeparator()
            action.setShortcuts([QKeySequence(key) for key in command.keys])
            action.setAutoRepeat(command.repeats)
            action.triggered.connect(_Doing(self, command.title))
            self.menus_by_name[command.menu].addAction(action)
            if command.within:
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                self.views[command.within].addAction(action)
            self.actions_by_title[command.title] = action


class _Seen:
    """Hides what lies behind another tab: Qt only moves it aside, and Tab would lead there."""

    def __init__(self, window: MainWindow, dock: QDockWidget, view: QWidget) -> None:
        self._window, self._dock, self._view = window, dock, view

    def __call__(self, visible: bool) -> None:
        if visible or self._dock.isVisible():
            self._view.setVisible(visible)
        if visible:
            self._window.store.wake()


class _Doing:
    """A command bound to its window: a lambda would bind the loop's last command."""

    def __init__(self, window: MainWindow, title: str) -> None:
        self._window, self._title = window, title

    def __call__(self, checked: bool = False) -> None:
        self._window.do_titled(self._title)


def _first_with_focus(view: QWidget) -> QWidget | None:
    """The first part of a view that takes the keyboard."""
    parts = view.findChildren(QWidget)
    return next((part for part in parts if part.isVisible() and part.focusPolicy() & Qt.FocusPolicy.TabFocus), None)

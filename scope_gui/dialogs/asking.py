"""The dialogs: what a person has to say before a command can be done."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QMainWindow

from capture.errors import ScopeError
from capture.own_process import LAUNCHER, own_command
from scope_gui.commands import Ask, with_keys
from scope_gui.dialogs.keeping import Keeping
from scope_gui.guide import page_of_dialog, page_of_view
from scope_gui.links import link_to
from scope_gui.recording.choice import recordings_folder
from views.drawing.theme import widget_px
from views.loop.chosen import sessions_folder
from views.loop.events import AddBookmark, SeekTo, SessionClosed, SetTheme, Tell
from views.loop.recording_events import OpenSession
from views.loop.state import Notice
from views.loop.store import Store
from views.reading.source import Source
from views.words.timespec import time_ns_from_text

if TYPE_CHECKING:
    from scope_gui.dialogs.export import Screen
    from scope_gui.dialogs.guide import GuideWindow


SCREEN_SHARE = 0.94
"""How much of the screen a dialog takes at most, whatever the scale is."""


class Dialogs:
    """Asks, then sends the event; none of the dialogs holds up the window."""

    def __init__(
        self, window: QMainWindow, screen: Screen, store: Store, source: Source, do: Callable[[str], None]
    ) -> None:
        """`window` is what dialogs stand before, `screen` what can be exported of it; `do` does the command with that
        title.
        """
        self._window, self._screen, self._store, self._source = window, screen, store, source
        self._do_titled = do
        self._page: QDialog | None = None
        self.asked: Ask | None = None
        """What was asked for last: what the dialog is about that holds up the window."""
        self._guide: GuideWindow | None = None
        self._others: list[subprocess.Popen[bytes]] = []
        self.keeping = Keeping(window, store)

    def ask(self, what: Ask) -> None:
        """Begins to ask for this."""
        assigns, self.asked = self._store.assigns, what
        match what:
            case "attach":
                from scope_gui.dialogs.attach import AttachDialog  # noqa: PLC0415 - no window waits for what it asks later

                self._show(AttachDialog(self._window, self._store.send, assigns, self._source.pool))
            case "launch":
                from scope_gui.dialogs.launch import LaunchDialog  # noqa: PLC0415

                self._show(LaunchDialog(self._window, self._store.send, assigns))
            case "change":
                from scope_gui.dialogs.change import ChangeDialog  # noqa: PLC0415

                session = self._source.session
                manifest = session.manifest if session is not None else None
                processes = session.processes() if session is not None else ()
                self._show(ChangeDialog(self._window, self._store.send, assigns, manifest, processes))
            case "open":
                from scope_gui.dialogs.open_session import OpenSessionDialog  # noqa: PLC0415

                folder = recordings_folder(sessions_folder(assigns))
                dialog = OpenSessionDialog(self._window, self.open_session, folder, self._store.send, self._source.pool)
                self._show(dialog)
            case "close":
                self._store.send(SessionClosed())
            case "go to":
                self._ask_text("Go to", "A time: 1.5s, 250ms, 40%, start or end; from here: +10ms, -2s", self.go_to)
            case "note":
                there = next((one for one in assigns.bookmarks if one.time_ns == assigns.cursor_ns), None)
                said = there.text if there is not None else ""
                self._ask_text("Bookmark", "What is worth remembering about this moment?", self.note, said)
            case "note on stretch":
                self._ask_text("Note on a stretch", "What is worth remembering about it?", self.note_on_stretch)
            case "theme":
                self._store.send(SetTheme(theme="light" if assigns.theme != "light" else "dark"))
            case "link":
                command = f"{LAUNCHER} open {shlex.quote(link_to(assigns))}"
                QGuiApplication.clipboard().setText(command)
                self._store.send(Tell(notice=Notice("Copied: the command that opens this very view.")))
            case "another window":
                self._others = [one for one in self._others if one.poll() is None]
                self._others.append(another_window(link_to(assigns)))
            case "keys":
                from scope_gui.dialogs.keys_help import show_keys  # noqa: PLC0415

                self._page = show_keys(self._window, assigns.theme, assigns.settings)
            case "first steps":
                self.show_guide()
            case "unseen":
                from scope_gui.dialogs.unseen_list import show_unseen  # noqa: PLC0415

                self._page = show_unseen(self._window, self._source.session, assigns.theme)
            case "settings":
                from scope_gui.dialogs.settings import SettingsDialog  # noqa: PLC0415

                self._show(SettingsDialog(self._window, self._store.send, assigns))
            case "crashes":
                from scope_gui.dialogs.crash_reports import CrashReports  # noqa: PLC0415

                self._show(CrashReports(self._window))
            case "export":
                from scope_gui.dialogs.export import ExportDialog  # noqa: PLC0415

                self._show(ExportDialog(self._window, self._screen, self._store.send, lambda: self._store.assigns))
            case _:
                self.keeping.ask(what)

    def go_to(self, text: str) -> None:
        """Moves the cursor to a time as people type it, or says what is wrong with it."""
        try:
            time_ns = time_ns_from_text(text, *self._store.assigns.range_ns, self._store.assigns.cursor_ns)
        except ScopeError as problem:
            self._store.send(Tell(notice=Notice(problem.message)))
        else:
            self._store.send(SeekTo(time_ns=time_ns, visit=True))

    def note(self, text: str) -> None:
        """Bookmarks this moment with a text."""
        if text.strip():
            self._store.send(AddBookmark(text=text.strip()))

    def note_on_stretch(self, text: str) -> None:
        """Bookmarks what lies between the marked moment and this one."""
        self._store.send(AddBookmark(text=text.strip(), since_mark=True))

    def show_guide(self, view: str = "") -> None:
        """The guide's page about a view, beside the window; the first one for none. While a dialog holds up the window
        that about the dialog: the guide is its own then, for Qt to let it be used, and ends with it.
        """
        from scope_gui.dialogs.guide import GuideWindow  # noqa: PLC0415

        commands = with_keys(self._store.assigns.settings)
        over = QApplication.activeModalWidget()
        if isinstance(over, QDialog):
            guide = over.findChild(GuideWindow)
            if guide is None:
                guide = GuideWindow(over, lambda title: None, commands, beside=self._window)
                over.finished.connect(guide.deleteLater)
            guide.show_page(page_of_dialog(self.asked))
            return
        if self._guide is not None and self._guide.commands != commands:
            self._guide.deleteLater()
            self._guide = None
        if self._guide is None:
            self._guide = GuideWindow(self._window, self._do_titled, commands)
        self._guide.show_page(page_of_view(view))

    def open_session(self, path: str) -> None:
        """Opens a session, a packed one or a folder."""
        self._store.send(OpenSession(path=path))

    def _show(self, dialog: QDialog) -> None:
        size, screen = dialog.size(), self._window.screen().availableGeometry()
        width, height = (
            min(widget_px(length), round(most * SCREEN_SHARE))
            for length, most in ((size.width(), screen.width()), (size.height(), screen.height()))
        )
        dialog.resize(width, height)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _ask_text(self, title: str, label: str, done: object, said: str = "") -> None:
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        dialog.setTextValue(said)
        dialog.resize(widget_px(420), widget_px(120))
        dialog.textValueSelected.connect(done)
        dialog.open()


def another_window(link: str) -> subprocess.Popen[bytes]:
    """A window of its own on the same session: it stays when this one ends."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        own_command("scope_gui", "open", "--show-problems", link),
        stdin=nowhere,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
    )

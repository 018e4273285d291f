"""What the window does with the files of the open session: keeps it as one file, checks it, rebuilds its caches."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow

from scope_gui.commands import Ask
from scope_gui.dialogs.own_verb import OwnVerb
from views.loop.events import Tell
from views.loop.state import Notice, SessionRef
from views.loop.store import Store


class Keeping:
    """Each is the verb of the command line, with the session's name said in the window."""

    def __init__(self, window: QMainWindow, store: Store) -> None:
        self._window, self._store = window, store
        self._verb = OwnVerb(window, store.send)

    def ask(self, what: Ask) -> None:
        """Begins with this; other questions than ours are passed over."""
        session = self._store.assigns.session
        match what:
            case "desktop":
                self._verb.start("Changing the desktop's menu", "--install-desktop")
            case "no desktop":
                self._verb.start("Changing the desktop's menu", "--uninstall-desktop")
            case "stop work":
                self._verb.stop()
            case "pack" if session is not None:
                self._ask_where_to(session)
            case "verify" if session is not None:
                self._verb.start(f"Checking {session.name}", "verify", session.path, lead=f"{session.name}: ")
            case "index" if session is not None:
                self._verb.start(
                    f"Rebuilding the caches of {session.name}", "index", session.path, lead=f"{session.name}: "
                )
            case _:
                pass

    def pack(self, target: str) -> None:
        """Writes the open session into one file."""
        session, path = self._store.assigns.session, Path(target)
        if session is None:
            return
        if os.path.lexists(path):  # pack replaces nothing, so the dialog has not asked whether it may
            self._tell(f"{path} exists already; choose another name.")
        else:
            self._verb.start(f"Packing {session.name}", "pack", session.path, "-o", str(path), lead="Kept as ")

    def _ask_where_to(self, session: SessionRef) -> None:
        if session.live:
            self._tell(f"{session.name} is still being recorded; stop the recording first.")
            return
        if Path(session.path).is_file():
            self._tell(f"{session.path} is one file already.")
            return
        dialog = QFileDialog(self._window, "Keep the session as one file")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.setNameFilter("Sessions (*.scope)")
        dialog.setDefaultSuffix("scope")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.pack)
        dialog.open()

    def _tell(self, sentence: str) -> None:
        self._store.send(Tell(notice=Notice(sentence)))

"""The verbs that the window has as commands (`verbs.registry`), on the open session; and the desktop's menu."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow

from scope_gui.commands import Ask
from scope_gui.dialogs.own_verb import OwnVerb
from scope_gui.verbs.registry import InWindow, Verb
from views.loop.events import Tell
from views.loop.state import Notice, SessionRef
from views.loop.store import Store


class Keeping:
    """Each is the verb of the command line, with the session's name said in the window."""

    def __init__(self, window: QMainWindow, store: Store) -> None:
        self._window, self._store = window, store
        self.verb = OwnVerb(window, store.send)

    def ask(self, what: Ask) -> None:
        """Begins with this; other questions than ours are passed over."""
        match what:
            case "desktop":
                self.verb.start("Changing the desktop's menu", "--install-desktop")
            case "no desktop":
                self.verb.start("Changing the desktop's menu", "--uninstall-desktop")
            case "stop work":
                self.verb.stop()
            case _:
                pass

    def begin(self, verb: Verb) -> None:
        """Begins with this verb, or asks first where to write what it makes."""
        session, command = self._store.assigns.session, verb.window
        if session is None or command is None or not self._has_what_it_needs(command, session):
            return
        if command.asks is None:
            self._start(verb, command, session)
        else:
            dialog = QFileDialog(self._window, command.asks.title)
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
            dialog.setNameFilters([f"*{suffix}" for suffix in command.asks.suffixes])
            dialog.setDefaultSuffix(command.asks.suffixes[0])
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.fileSelected.connect(partial(self.write, verb))
            dialog.open()

    def write(self, verb: Verb, target: str) -> None:
        """Has this verb write what it makes of the open session into a new file."""
        session, command, path = self._store.assigns.session, verb.window, Path(target)
        if session is None or command is None or command.asks is None:
            return
        if os.path.lexists(path):  # these verbs replace nothing, so the dialog has not asked whether they may
            self._tell(f"{path} exists already; choose another name.")
        else:
            self._start(verb, command, session, *filter(None, (command.asks.flag, str(path))))

    def _start(self, verb: Verb, command: InWindow, session: SessionRef, *more: str) -> None:
        frame = self._store.assigns.frame
        here = {"SESSION": session.path, "EVENT": str(frame.event_id) if frame is not None else "0"}
        words = [here.get(word, word) for word in command.words]
        busy, lead = (text.format(name=session.name) for text in (command.busy, command.lead))
        self.verb.start(busy, verb.name, *words, *more, lead=lead)

    def _has_what_it_needs(self, command: InWindow, session: SessionRef) -> bool:
        frame = self._store.assigns.frame
        if "EVENT" in command.words and (frame is None or not frame.event_id):
            self._tell("No event lies at the cursor or before it.")
        elif "finished" in command.needs and session.live:
            self._tell(f"{session.name} is still being recorded; stop the recording first.")
        elif "folder" in command.needs and Path(session.path).is_file():
            self._tell(f"{session.path} is one file already.")
        else:
            return True
        return False

    def _tell(self, sentence: str) -> None:
        self._store.send(Tell(notice=Notice(sentence)))

"""Which session to open: a packed one is a file, any other a folder, and both are chosen in the same way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from capture.session.format import MANIFEST


class OpenSessionDialog(QFileDialog):
    """Takes what is typed before what is highlighted, and a session's folder as soon as it is entered.

    Qt highlights what fits while one types, and takes that, not the text, when the folder's names have not all been
    read by the time of Return: it then went into the folder of which a file had been typed.
    """

    def __init__(self, owner: QWidget, chosen: Callable[[str], None]) -> None:
        super().__init__(owner, "Open a session: a .scope file or a session's folder")
        self.setNameFilter(f"Sessions (*.scope {MANIFEST})")
        self._chosen: Callable[[str], None] | None = chosen
        self._began_in = self.directory().absolutePath()
        self.directoryEntered.connect(self._entered)
        self.fileSelected.connect(self._take)  # from a dialog of the desktop's own, which never asks accept()

    def accept(self) -> None:
        """Takes what is typed, if that is a session; else does what Qt does: enters a folder, or says what is wrong."""
        line = self.findChild(QLineEdit, "fileNameEdit")
        typed = line.text().strip() if line is not None else ""
        if not (typed and self._take(str(Path(self.directory().absolutePath()) / Path(typed).expanduser()))):
            super().accept()

    def _entered(self, folder: str) -> None:
        """Some desktops enter the folder in which the dialog begins, too: that is nobody's choice."""
        if folder != self._began_in:
            self._take(folder)

    def _take(self, path: str) -> bool:
        """Whether that is a session; the first one is opened."""
        session, chosen = session_at(path), self._chosen
        if session is not None and chosen is not None:
            self._chosen = None
            self.done(QFileDialog.DialogCode.Accepted)
            chosen(session)
        return session is not None


def session_at(path: str) -> str | None:
    """The session that this path names: a file, a folder that holds a manifest, or that manifest; None when none."""
    named = Path(path)
    try:
        if named.name == MANIFEST and named.is_file():
            return str(named.parent)
        return path if named.is_file() or (named / MANIFEST).is_file() else None
    except (OSError, ValueError):
        return None

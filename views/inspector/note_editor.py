"""Where a note is written in its place on the page: a line that Return keeps and Escape leaves as it was."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class NoteEditor(QLineEdit):
    """One line of text. `done` is called once: with the text, or with None when it is to stay as it was."""

    def __init__(self, text: str, done: Callable[[str | None], None], parent: QWidget) -> None:
        """Has the whole text chosen; nothing is shown yet."""
        super().__init__(text, parent)
        self._done: Callable[[str | None], None] | None = done
        self.setAccessibleName("Note")
        self.setMaxLength(2_000)
        self.selectAll()
        self.returnPressed.connect(self._keep)

    def give_up(self) -> None:
        """Goes away without keeping anything."""
        self._done = None
        self.hide()
        self.deleteLater()

    def event(self, event: QEvent) -> bool:
        """Keeps Escape from the window, which would let go of what is picked."""
        is_meant = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if is_meant and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape leaves the note as it was."""
        if event.key() == Qt.Key.Key_Escape:
            self._end(None)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """What was written is kept when one goes on elsewhere."""
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._keep()

    def _keep(self) -> None:
        self._end(self.text().strip())

    def _end(self, text: str | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(text)

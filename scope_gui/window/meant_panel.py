"""Which panel somebody means who asks about it: the one with the keyboard, or the one that was pointed at since; and
that the asking is heard in a dialog that holds up the window.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QApplication, QDialog, QWidget


class MeantPanel(QObject):
    """Remembers where the pointer was when the keyboard came to where it is."""

    def __init__(self, window: QWidget, views: Mapping[str, QWidget]) -> None:
        """`views` by their names, which may come later."""
        super().__init__(window)
        self._window, self._views = window, views
        self._pointer = QCursor.pos()
        self._asks: QAction | None = None
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._keyboard_moved)

    def view(self) -> str:
        """The name of the view in that panel; '' when it is none."""
        has_moved = QCursor.pos() != self._pointer
        pointed = view_around(QApplication.widgetAt(QCursor.pos()), self._views) if has_moved else ""
        return pointed or view_around(self._window.focusWidget(), self._views)

    def asked_by(self, action: QAction) -> None:
        """Hears this command in dialogs too: a key of the window is none of a dialog's that holds it up."""
        self._asks = action

    def _keyboard_moved(self, before: QWidget | None, now: QWidget | None) -> None:
        self._pointer = QCursor.pos()
        dialog = now.window() if now is not None else None
        if isinstance(dialog, QDialog) and dialog.isModal() and self._asks is not None and self._is_over(dialog):
            dialog.addAction(self._asks)

    def _is_over(self, dialog: QDialog) -> bool:
        """Whether a dialog is one of this window's, or one of a dialog's of it."""
        part: QWidget | None = dialog
        while part is not None and part is not self._window:
            part = part.parentWidget()
        return part is not None


def view_around(part: QWidget | None, views: Mapping[str, QWidget]) -> str:
    """The name of the view that a widget is a part of; '' when it is of none."""
    return next((name for name, view in views.items() if part is not None and _is_in(part, view)), "")


def _is_in(part: QWidget, view: QWidget) -> bool:
    return part is view or view.isAncestorOf(part)

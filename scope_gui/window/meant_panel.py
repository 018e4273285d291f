"""Which panel somebody means who asks about it: the one with the keyboard, or the one that was pointed at since."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication, QWidget


class MeantPanel(QObject):
    """Remembers where the pointer was when the keyboard came to where it is."""

    def __init__(self, window: QWidget, views: Mapping[str, QWidget]) -> None:
        """`views` by their names, which may come later."""
        super().__init__(window)
        self._window, self._views = window, views
        self._pointer = QCursor.pos()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._keyboard_moved)

    def view(self) -> str:
        """The name of the view in that panel; '' when it is none."""
        has_moved = QCursor.pos() != self._pointer
        pointed = view_around(QApplication.widgetAt(QCursor.pos()), self._views) if has_moved else ""
        return pointed or view_around(self._window.focusWidget(), self._views)

    def _keyboard_moved(self, before: QWidget | None, now: QWidget | None) -> None:
        self._pointer = QCursor.pos()


def view_around(part: QWidget | None, views: Mapping[str, QWidget]) -> str:
    """The name of the view that a widget is a part of; '' when it is of none."""
    return next((name for name, view in views.items() if part is not None and _is_in(part, view)), "")


def _is_in(part: QWidget, view: QWidget) -> bool:
    return part is view or view.isAncestorOf(part)

"""What is seen while no session is open: open one, or go on with one opened lately."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from views.events import Event, OpenSession
from views.state import Assigns
from views.theme import colours, text_font

_HOW = """Record a program from a terminal:
    scope-gui run -- python app.py
    scope-gui attach PID
and open the session here, even while it is being recorded."""


class WelcomeView(QWidget):
    """A column in the middle of the window."""

    reads: frozenset[str] = frozenset({"recent", "theme"})

    def __init__(self, send: Callable[[Event], None], ask_open: Callable[[], None], parent: QWidget | None = None):
        super().__init__(parent)
        self._send = send
        across = QHBoxLayout(self)
        column = QVBoxLayout()
        across.addStretch(1)
        across.addLayout(column, 2)
        across.addStretch(1)
        self.title = QLabel("Scope", self)
        self.title.setFont(text_font(26, bold=True))
        self.question = QLabel("Look at any moment of a program's past.", self)
        self.question.setFont(text_font(12))
        self.open_button = QPushButton("Open a session…   Ctrl+O", self)
        self.open_button.setMinimumHeight(36)
        self.open_button.clicked.connect(ask_open)
        self.heading = QLabel("Opened lately", self)
        self.recent = QListWidget(self)
        self.recent.setAccessibleName("Sessions opened lately")
        self.recent.itemActivated.connect(self._open_item)
        self.recent.itemClicked.connect(self._open_item)
        self.how = QLabel(_HOW, self)
        column.addStretch(1)
        for widget in (self.title, self.question, self.open_button, self.heading, self.recent, self.how):
            column.addWidget(widget)
            column.addSpacing(8)
        column.addStretch(2)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed."""
        c = colours(assigns.theme)
        for label in (self.question, self.heading, self.how):
            label.setStyleSheet(f"color: {c.muted}")
        self.heading.setVisible(bool(assigns.recent))
        self.recent.setVisible(bool(assigns.recent))
        if "recent" in changed:
            self.recent.clear()
            for path in assigns.recent:
                item = QListWidgetItem(f"{Path(path).name}    {Path(path).parent}", self.recent)
                item.setData(Qt.ItemDataRole.UserRole, path)
            if assigns.recent:
                self.recent.setCurrentRow(0)

    def _open_item(self, item: QListWidgetItem) -> None:
        self._send(OpenSession(path=item.data(Qt.ItemDataRole.UserRole)))

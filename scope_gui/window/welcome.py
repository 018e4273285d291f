"""What is seen while no session is open: begin to record, open a recording, or go on with one opened lately."""

from __future__ import annotations

from collections.abc import Callable, Set

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from scope_gui.commands import Ask, key_of, with_ways
from scope_gui.library import details
from scope_gui.window.recent_list import RecentList
from views.drawing.spoken import explain
from views.drawing.theme import colours, give_font, text_font, widget_px
from views.loop.events import Event
from views.loop.recording_events import StartDemo
from views.loop.state import Assigns, RecentSession

_WIDTH_PX, _WAY_PX = 860, 68
_TITLES = ("Attach to a process", "Record a program from its start", "Open a session", "Record the demo")
"""The commands that the ways to begin are."""
_ABOUT_DEMO = "Bugs to find; {Guide to this panel} shows how"


class WelcomeView(QWidget):
    """A column in the middle of the window: four ways to begin, and the sessions opened lately."""

    reads: frozenset[str] = frozenset({"recent", "recent_described", "theme", "scale", "settings", "busy"})

    def __init__(self, send: Callable[[Event], None], ask: Callable[[Ask], None], parent: QWidget | None = None):
        super().__init__(parent)
        self._send = send
        self.setAccessibleName("Welcome")
        across = QHBoxLayout(self)
        body = QWidget(self)
        self._body = body
        across.addStretch(1)
        across.addWidget(body, 20)
        across.addStretch(1)
        column = QVBoxLayout(body)
        column.setSpacing(10)
        self.title = QLabel("Scope", self)
        give_font(self.title, text_font(28, bold=True))
        self.question = QLabel("Look at any moment of a running program's past.", self)
        give_font(self.question, text_font(12))
        self.attach_button = _Way("Attach to a process", "Pick a Python program that runs here")
        self.attach_button.clicked.connect(lambda: ask("attach"))
        self.launch_button = _Way("Record a program", "Start it with its recording on")
        self.launch_button.clicked.connect(lambda: ask("launch"))
        self.open_button = _Way("Open a recording", "Continue where you left it")
        self.open_button.clicked.connect(lambda: ask("open"))
        self.demo_button = _Way("Watch the demo", "Bugs to find")
        self.demo_button.clicked.connect(lambda: send(StartDemo()))
        self._ways = (self.attach_button, self.launch_button, self.open_button, self.demo_button)
        grid = QGridLayout()
        grid.setSpacing(12)
        for number, way in enumerate(self._ways):
            grid.addWidget(way, number // 2, number % 2)
        self.heading = QLabel("Opened lately", self)
        give_font(self.heading, text_font(bold=True))
        self.recent = RecentList(send, self)
        self.details = tuple(QLabel(self) for _ in range(2))
        self.recent.told.connect(self._show_details)
        self.how = QLabel(
            "In a terminal:  scope-gui attach PID   ·   scope-gui run -- python app.py   ·   scope-gui guide", self
        )
        column.addStretch(3)
        column.addWidget(self.title)
        column.addWidget(self.question)
        column.addSpacing(14)
        column.addLayout(grid)
        column.addSpacing(14)
        for widget in (self.heading, self.recent, *self.details):
            column.addWidget(widget)
        column.addSpacing(14)
        column.addWidget(self.how)
        for label in self.details:
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(1)  # a long command line is cut, not the window made wider
        column.addStretch(4)

    @property
    def with_keyboard_first(self) -> QWidget:
        """Where one goes on: the list of sessions, the one that was left last first; without any, a recording."""
        return self.attach_button if self.recent.isHidden() else self.recent

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Takes the keyboard, as soon as it is here to be taken."""
        super().showEvent(event)
        self.recent.begin()
        self.with_keyboard_first.setFocus()

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed."""
        c = colours(assigns.theme)
        for label in (self.question, self.heading, self.how, self.details[0]):
            label.setStyleSheet(f"color: {c.muted}")
        self._body.setMaximumWidth(widget_px(_WIDTH_PX))
        for way in self._ways:
            way.setMinimumHeight(widget_px(_WAY_PX))
            way.show_theme(c.text, c.muted, c.accent)
        if "settings" in changed:
            for way, title in zip(self._ways, _TITLES, strict=True):
                way.show_key(key_of(title, assigns.settings))
            self.demo_button.say(with_ways(_ABOUT_DEMO, assigns.settings))
        for way in (self.attach_button, self.launch_button, self.demo_button):
            way.setEnabled(not assigns.busy)
        self.heading.setVisible(bool(assigns.recent))
        for widget in (self.recent, *self.details):
            widget.setVisible(bool(assigns.recent))
        if changed & {"recent", "recent_described", "theme", "scale"}:
            self.recent.show_sessions(assigns.recent, assigns.recent_described, muted=c.muted, warning=c.warning)

    def _show_details(self, row: RecentSession | None) -> None:
        """More about a session of the list."""
        for label, text in zip(self.details, ("", "") if row is None else details(row), strict=True):
            label.setText(text)
            explain(label, text)


class _Way(QPushButton):
    """One way to begin: what it does, a line about it, its key."""

    def __init__(self, title: str, about: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.setAccessibleDescription(about)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 10)
        lines = QVBoxLayout()
        lines.setSpacing(2)
        self._title, self._about, self._key = QLabel(title), QLabel(about), QLabel()
        give_font(self._title, text_font(11.5, bold=True))
        for label in (self._title, self._about, self._key):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setFrameShape(QFrame.Shape.NoFrame)
        lines.addWidget(self._title)
        lines.addWidget(self._about)
        row.addLayout(lines, 1)
        row.addWidget(self._key)

    def say(self, about: str) -> None:
        """Has another line about it."""
        self._about.setText(about)
        self.setAccessibleDescription(about)

    def show_key(self, key: str) -> None:
        """Shows the key that does it, too."""
        self._key.setText(key)

    def show_theme(self, text: str, muted: str, accent: str) -> None:
        """Takes on these colours."""
        for label, colour in ((self._title, text), (self._about, muted), (self._key, accent)):
            label.setStyleSheet(f"color: {colour}; background: transparent")

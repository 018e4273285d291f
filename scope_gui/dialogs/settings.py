"""The settings: a page for each section of the table, each change in force at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from capture.errors import ScopeError
from scope_gui.dialogs.setting_fields import Field
from scope_gui.dialogs.settings_keys import KeysPage
from scope_gui.settings.file import settings_file
from scope_gui.settings.table import SECTIONS, Section, Setting, all_settings, value_of
from views.drawing.theme import colours, widget_px
from views.loop.events import ChangeSetting, Event
from views.loop.state import Assigns
from views.words.plain_text import rich

SIZE_PX = (860, 560)
_SECTIONS_PX, _APART_PX, _LINE_PX = 150, 10, 480


class SettingsDialog(QDialog):
    """Escape closes it; nothing waits for a confirmation, and each setting can go back to what it was at first."""

    def __init__(self, parent: QWidget, send: Callable[[Event], None], assigns: Assigns) -> None:
        super().__init__(parent)
        self._send = send
        self._settings: dict[str, Any] = dict(assigns.settings) | {
            "theme": assigns.settings.get("theme", assigns.theme)
        }
        self._theme = assigns.theme
        self._rows = all_settings()
        self._fields: dict[str, Field] = {}
        self.setWindowTitle("Settings")
        self.resize(*SIZE_PX)
        self.sections = QListWidget(self)
        self.sections.setObjectName("settings.sections")
        self.sections.setAccessibleName("Sections")
        self.sections.addItems(list(SECTIONS))
        self.sections.setFixedWidth(widget_px(_SECTIONS_PX))
        self.pages = QStackedWidget(self)
        self.keys = KeysPage(
            [row for row in self._rows if row.section == "Keys"], self.now, self._settle, self._warn, self
        )
        for section in SECTIONS:
            self.pages.addWidget(self.keys if section == "Keys" else self._page(section))
        self.told = QLabel(self)
        self.told.setObjectName("settings.told")
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.RichText)
        self.sections.currentRowChanged.connect(self._turn_to)
        self.at_first = QPushButton("All of this page as at first", self)
        self.at_first.setObjectName("settings.reset")
        self.at_first.setAutoDefault(False)
        self.at_first.clicked.connect(self._reset_page)
        close = QPushButton("Close", self)
        close.setObjectName("settings.close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        across, below, column = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        across.setSpacing(16)
        across.addWidget(self.sections)
        across.addWidget(self.pages, 1)
        below.addWidget(self.at_first)
        below.addStretch(1)
        below.addWidget(close)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        column.addLayout(across, 1)
        column.addWidget(self.told)
        column.addLayout(below)
        self.sections.setCurrentRow(0)
        self.sections.setFocus()

    def now(self) -> Mapping[str, Any]:
        """What is settled."""
        return self._settings

    def _page(self, section: Section) -> QWidget:
        """The fields of a section, each with what it means below it."""
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget(scroll)
        column, form = QVBoxLayout(body), QFormLayout()
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(form)
        column.addStretch(1)
        form.setVerticalSpacing(4)
        form.setHorizontalSpacing(14)
        for row in self._rows:
            if row.section != section:
                continue
            field = Field(row, value_of(row, self._settings), partial(self._settle, row), body)
            self._fields[row.name] = field
            says = QLabel(f"{row.says[:1].upper()}{row.says[1:]}", body)
            says.setTextFormat(Qt.TextFormat.PlainText)
            is_long = says.fontMetrics().horizontalAdvance(says.text()) > widget_px(_LINE_PX)
            says.setWordWrap(is_long)  # what wraps asks for a square of room, however wide its line is
            says.setAlignment(Qt.AlignmentFlag.AlignTop)
            says.setProperty("quiet", True)
            says.setContentsMargins(0, 0, 0, _APART_PX)
            if row.kind == "switch":
                form.addRow(field.widget)
                form.addRow(says)
            else:
                title = QLabel(row.title, body)
                title.setBuddy(field.inner)
                form.addRow(title, field.widget)
                form.addRow("", says)
        scroll.setWidget(body)
        return scroll

    def _settle(self, row: Setting, value: Any) -> None:
        """Has a value in force, or says why it cannot be; None brings back the one that it had at first."""
        try:
            wanted = None if value is None else row.checked(value)
        except ScopeError as problem:
            self._warn(str(problem))
            return
        self._tell_where()
        if wanted == value_of(row, self._settings) or (wanted is None and row.name not in self._settings):
            return
        if wanted is None or wanted == row.default:
            self._settings.pop(row.name, None)
            wanted = None
        else:
            self._settings[row.name] = wanted
        self._send(ChangeSetting(name=row.name, value=wanted))

    def _reset_page(self) -> None:
        section = SECTIONS[self.sections.currentRow()]
        for row in self._rows:
            if row.section == section:
                self._settle(row, None)
                if row.name in self._fields:
                    self._fields[row.name].show(row.default)
        self.keys.show_settings()

    def _turn_to(self, at: int) -> None:
        self.pages.setCurrentIndex(at)
        self._tell_where()

    def _tell_where(self) -> None:
        self._tell(f"Kept in {rich(str(settings_file()))}", colours(self._theme).muted)

    def _warn(self, sentence: str) -> None:
        self._tell(f"⚠ {rich(sentence)}", colours(self._theme).warning)

    def _tell(self, text: str, colour: str) -> None:
        self.told.setText(f'<span style="color:{colour}">{text}</span>')

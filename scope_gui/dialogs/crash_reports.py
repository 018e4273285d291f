"""The crash reports of Scope itself: read, copied and deleted here, and sent nowhere."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from scope_gui.logs import crashes, own_files
from views.words.plain_text import plain

MEANING = (
    "A report stays on this machine until you pass it on. Read it before: paths and messages in it may be private."
)


class CrashReports(QDialog):
    """A list of the reports, the newest first, and the text of the one that is chosen."""

    def __init__(self, parent: QWidget) -> None:
        """Reads them."""
        super().__init__(parent)
        self.setWindowTitle("Crash reports")
        self.resize(820, 520)
        self._names: list[str] = []
        self.list = QListWidget(self)
        self.list.setAccessibleName("Reports")
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(3)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("The report")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        parts = QSplitter(self)
        parts.addWidget(self.list)
        parts.addWidget(self.text)
        parts.setSizes([280, 540])
        parts.setChildrenCollapsible(False)
        meaning = QLabel(MEANING, self)
        meaning.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.copy_button = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        self.delete_button = buttons.addButton("Delete", QDialogButtonBox.ButtonRole.ActionRole)
        rows = QVBoxLayout(self)
        rows.addWidget(meaning)
        rows.addWidget(parts, 1)
        rows.addWidget(buttons)
        self.list.currentRowChanged.connect(self._show)
        self.copy_button.clicked.connect(self._copy)
        self.delete_button.clicked.connect(self._delete)
        buttons.rejected.connect(self.reject)
        self._read()

    def _read(self) -> None:
        found = crashes.reports()
        self._names = [report.name for report in found]
        self.list.clear()
        self.list.addItems([f"{report.time} UTC\n{plain(report.headline)}" for report in found])
        self._enable(self.copy_button, self.delete_button, to=bool(found))
        if found:
            self.list.setCurrentRow(0)
        else:
            self.text.setPlainText(f"Scope has not failed here, as far as {own_files.folder()} knows.")
        self.list.setFocus()

    def _enable(self, *buttons: QPushButton, to: bool) -> None:
        for button in buttons:
            button.setEnabled(to)

    def _show(self, row: int) -> None:
        if 0 <= row < len(self._names):
            try:
                self.text.setPlainText(plain_lines(crashes.read_report(self._names[row])))
            except OSError as error:
                self.text.setPlainText(f"The report cannot be read: {error.strerror}.")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def _delete(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._names):
            with contextlib.suppress(OSError):
                crashes.delete(self._names[row])
            self._read()
            self.list.setCurrentRow(min(row, self.list.count() - 1))


def plain_lines(text: str) -> str:
    """The report with nothing in it that is not seen."""
    return "\n".join(plain(line) for line in text.splitlines())

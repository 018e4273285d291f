"""A field for each kind of setting: what a person settles it in."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QSpinBox, QWidget

from scope_gui.recording.choice import patterns
from scope_gui.settings.table import Setting
from views.drawing.theme import NUMBER_MARGINS

Settle = Callable[[Any], None]
_STEP = 10


class Field:
    """The widget of one setting; `settle` gets what is chosen in it, as `Setting.checked` takes it."""

    def __init__(self, row: Setting, value: Any, settle: Settle, parent: QWidget) -> None:
        self.row = row
        self._settle = settle
        self.widget: QWidget
        self.inner: QWidget
        kind = row.flag.kind if row.flag is not None else row.kind
        match kind:
            case "choice":
                self.widget = self.inner = self._choice(parent)
            case "number" | "count":
                self.widget = self.inner = self._number(parent)
            case "switch":
                self.widget = self.inner = self._switch(parent)
            case "folder":
                self.widget = self._folder(parent)
            case _:
                self.widget = self.inner = self._line(parent, self._texts)
        self.inner.setObjectName(f"settings.{row.name}")
        self.inner.setAccessibleName(row.title.replace("&", ""))
        self.inner.setAccessibleDescription(row.says)
        self.show(value)

    def show(self, value: Any) -> None:
        """Shows a value, which is thereby not settled."""
        field = self.inner
        with QSignalBlocker(field):
            if isinstance(field, QComboBox):
                field.setCurrentIndex(field.findData(value))
            elif isinstance(field, QSpinBox):
                field.setValue(int(value))
            elif isinstance(field, QCheckBox):
                field.setChecked(bool(value))
            elif isinstance(field, QLineEdit):
                field.setText(shlex.join(value) if isinstance(value, tuple) else str(value))

    def _choice(self, parent: QWidget) -> QComboBox:
        box = QComboBox(parent)
        for name, words in self.row.flag.choices if self.row.flag is not None else self.row.choices:
            box.addItem(words, name)
        box.currentIndexChanged.connect(lambda _: self._settle(box.currentData()))
        return box

    def _number(self, parent: QWidget) -> QSpinBox:
        flag, number = self.row.flag, QSpinBox(parent)
        number.lineEdit().setTextMargins(*NUMBER_MARGINS)
        number.setKeyboardTracking(False)
        if flag is not None:
            number.setRange(-(-flag.least // flag.unit), flag.most // flag.unit)
            number.setSuffix(flag.hint)
        else:
            number.setRange(self.row.least, self.row.most)
            number.setSuffix(self.row.unit)
            number.setSingleStep(_STEP)
        number.valueChanged.connect(self._settle)
        return number

    def _switch(self, parent: QWidget) -> QCheckBox:
        box = QCheckBox(self.row.title, parent)
        box.toggled.connect(self._settle)
        return box

    def _folder(self, parent: QWidget) -> QWidget:
        both = QWidget(parent)
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        self.inner = line = self._line(both, str.strip)
        line.setPlaceholderText("where it was last")
        choose = QPushButton("Choose…", both)
        choose.setAutoDefault(False)
        choose.setAccessibleName(f"Choose: {self.row.title.replace('&', '')}")
        choose.clicked.connect(lambda: self._choose(line))
        row.addWidget(line, 1)
        row.addWidget(choose)
        return both

    def _choose(self, line: QLineEdit) -> None:
        dialog = QFileDialog(line, self.row.title.replace("&", ""), line.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(line.setText)
        dialog.fileSelected.connect(self._settle)
        dialog.open()

    def _line(self, parent: QWidget, read: Callable[[str], Any]) -> QLineEdit:
        line = QLineEdit(parent)
        if self.row.flag is not None:
            line.setPlaceholderText(self.row.flag.hint)
        line.editingFinished.connect(lambda: self._settle(read(line.text())))
        return line

    @staticmethod
    def _texts(text: str) -> list[str]:
        return list(patterns(text))

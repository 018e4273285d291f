"""What to record, folded away until somebody wants it otherwise: part of the dialogs that begin a recording."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from capture import flags
from capture.flags import Flag, Value
from capture.settings import CaptureSettings
from scope_gui.recording.choice import patterns, recordings_folder
from scope_gui.settings.table import capture_values
from views.drawing.theme import NUMBER_MARGINS
from views.loop.chosen import sessions_folder
from views.loop.state import Assigns

_UNIT, _ONE = "scope.unit", "scope.one"


class FlagFields(QWidget):
    """A row for each of these capture flags, with the value that it has."""

    def __init__(self, prefix: str, shown: Sequence[Flag], values: CaptureSettings, parent: QWidget) -> None:
        """`prefix` of the names by which the fields are known: "attach" gives "attach.mode"."""
        super().__init__(parent)
        self.rows = QFormLayout(self)
        self.fields = {flag.name: _field(flag, values.values[flag.name], self) for flag in shown}
        for flag in shown:
            widget = self.fields[flag.name]
            widget.setObjectName(f"{prefix}.{flag.name}")
            self.rows.addRow(flag.label, widget)

    def given(self) -> dict[str, object]:
        """What is in the fields, by the flags' names. Raises: TargetProblem when one cannot be read."""
        return {name: _value(field) for name, field in self.fields.items()}

    def show_values(self, values: CaptureSettings) -> None:
        """Puts these in the place of what is in the fields."""
        for name, field in self.fields.items():
            _put(field, values.values[name])


class CaptureForm(QWidget):
    """The capture flags as they are settled, and where the session goes."""

    def __init__(self, prefix: str, assigns: Assigns, parent: QWidget | None = None) -> None:
        """`prefix` of the names by which the fields are known: "attach" gives "attach.mode"."""
        super().__init__(parent)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        self.fold = QToolButton(self)
        self.fold.setObjectName(f"{prefix}.options")
        self.fold.setText("&What to record, and where to")
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setCheckable(True)
        self.fold.setStyleSheet("QToolButton:checked { background: transparent; }")
        self.fold.toggled.connect(self._unfold)
        rows.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        self._body = FlagFields(prefix, flags.FLAGS, CaptureSettings(**capture_values(assigns.settings)), self)
        self._body.hide()
        rows.addWidget(self._body)
        form = self._body.rows
        form.setContentsMargins(20, 2, 0, 2)
        self.folder = _line("")
        self.folder.setText(str(recordings_folder(sessions_folder(assigns))))
        browse = QPushButton("Choose…", self)
        browse.clicked.connect(self._ask_for_folder)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        self.folder.setObjectName(f"{prefix}.folder")
        where = QLabel("Save &in", self)
        where.setBuddy(self.folder)
        form.addRow(where, place)

    @property
    def mode(self) -> QComboBox:
        """The field that says what is recorded."""
        field = self._body.fields["mode"]
        assert isinstance(field, QComboBox)
        return field

    def settings(self) -> CaptureSettings:
        """What is chosen.

        Raises: ScopeError when a field cannot be read, or what is in it makes no sense.
        """
        return CaptureSettings.checked(**self.given())

    def given(self) -> dict[str, object]:
        """What is in the fields, by the flags' names. Raises: TargetProblem when one cannot be read."""
        return self._body.given()

    def chosen_folder(self) -> Path:
        """Where the session goes."""
        return Path(self.folder.text().strip() or ".").expanduser().absolute()

    def _unfold(self, on: bool) -> None:
        self.fold.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._body.setVisible(on)

    def _ask_for_folder(self) -> None:
        dialog = QFileDialog(self, "Where to keep recordings", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()


def _field(flag: Flag, value: Value, parent: QWidget) -> QWidget:
    """What a person chooses the value in."""
    field: QWidget
    if isinstance(value, tuple):
        field = _line(flag.hint)
    elif isinstance(value, int):
        field = QSpinBox(parent)
        field.lineEdit().setTextMargins(*NUMBER_MARGINS)
        field.setRange(-(-flag.least // flag.unit), flag.most // flag.unit)
        field.setSuffix(flag.hint)
        field.setSpecialValueText(flag.least_is)
        field.setProperty(_UNIT, flag.unit)
    elif flag.kind == "text":
        field = _line(flag.hint)
        field.setProperty(_ONE, True)
    else:
        field = QComboBox(parent)
        for name, words in flag.choices:
            field.addItem(words, name)
    _put(field, value)
    return field


def _put(field: QWidget, value: Value) -> None:
    if isinstance(field, QLineEdit):
        field.setText(shlex.join(value) if isinstance(value, tuple) else str(value))
    elif isinstance(field, QSpinBox):
        assert isinstance(value, int)
        field.setValue(value // int(field.property(_UNIT)))
    else:
        assert isinstance(field, QComboBox)
        field.setCurrentIndex(field.findData(value))


def _value(field: QWidget) -> object:
    if isinstance(field, QLineEdit):
        return field.text().strip() if field.property(_ONE) else patterns(field.text())
    if isinstance(field, QSpinBox):
        return field.value() * int(field.property(_UNIT))
    assert isinstance(field, QComboBox)
    return field.currentData()


def _line(placeholder: str) -> QLineEdit:
    line = QLineEdit()
    line.setPlaceholderText(placeholder)
    return line

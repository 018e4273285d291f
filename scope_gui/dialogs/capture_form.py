"""What to record, folded away until somebody wants it otherwise: part of the dialogs that begin a recording."""

from __future__ import annotations

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

from capture.settings import MAX_CHUNKS
from scope_gui.recording.choice import DEFAULT_MEMORY_MIB, MODES, CaptureChoice, patterns

_CHUNKS_PER_MIB = 16


class CaptureForm(QWidget):
    """The capture flags, with their defaults, and where the session goes."""

    def __init__(self, prefix: str, folder: Path, parent: QWidget | None = None) -> None:
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
        self._body = QWidget(self)
        self._body.hide()
        rows.addWidget(self._body)
        form = QFormLayout(self._body)
        form.setContentsMargins(20, 2, 0, 2)
        self.mode = QComboBox(self)
        for mode, text in MODES:
            self.mode.addItem(text, mode)
        self.include = _line("user code; orders.*, http.server, * for everything")
        self.exclude = _line("nothing; orders.audit, thread:poller-*")
        self.state = _line("module globals; orders.inventory.Stock: attributes of a class")
        self.redact = _line("password, token and the like; iban, card_number")
        self.when_full = QComboBox(self)
        self.when_full.addItem("Lose events and count them", "drop")
        self.when_full.addItem("Make the program wait", "block")
        self.memory = QSpinBox(self)
        self.memory.setRange(1, MAX_CHUNKS // _CHUNKS_PER_MIB)
        self.memory.setValue(DEFAULT_MEMORY_MIB)
        self.memory.setSuffix(" MiB of shared memory")
        self.folder = _line("")
        self.folder.setText(str(folder))
        browse = QPushButton("Choose…", self)
        browse.clicked.connect(self._ask_for_folder)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        fields: list[tuple[str, str, QWidget]] = [
            ("mode", "&Record", self.mode),
            ("include", "&Only these modules or files", self.include),
            ("exclude", "&Leave out", self.exclude),
            ("state", "Watch the &state of", self.state),
            ("redact", "&Hide what is called", self.redact),
            ("when_full", "When the &disk cannot keep up", self.when_full),
            ("memory", "At &most", self.memory),
        ]
        for name, text, widget in fields:
            widget.setObjectName(f"{prefix}.{name}")
            form.addRow(text, widget)
        self.folder.setObjectName(f"{prefix}.folder")
        where = QLabel("Save &in", self)
        where.setBuddy(self.folder)
        form.addRow(where, place)

    def choice(self) -> CaptureChoice:
        """What is chosen.

        Raises: TargetProblem when a field cannot be read.
        """
        return CaptureChoice(
            mode=self.mode.currentData(),
            include=patterns(self.include.text()),
            exclude=patterns(self.exclude.text()),
            state=patterns(self.state.text()),
            redact=patterns(self.redact.text()),
            when_full=self.when_full.currentData(),
            memory_mib=self.memory.value(),
        )

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


def _line(placeholder: str) -> QLineEdit:
    line = QLineEdit()
    line.setPlaceholderText(placeholder)
    return line

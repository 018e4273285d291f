"""The fields of an export: what, when, how large, at which pace, into which file. They know nothing of sessions."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from capture.errors import TargetProblem
from scope_gui.pictures import plan
from views.drawing.spoken import name_editable

AS_SEEN = "As on screen"
SIZES = (AS_SEEN, "1280x800", "1600x900", "1920x1080", "3840x2160")
THIS, VISIBLE, MARKED = "This moment", "All that the timeline shows", "From the marked moment to the cursor"
KIND_TITLES = {"png": "PNG: pixels, as on the screen", "svg": "SVG: shapes and text, at any size"}
RATES = ("5", "10", "15", "25", "30", "50")
SPEEDS = ("1", "0.5", "0.25", "0.1", "0.01", "0.001", "0.0001")
MAX_SPEED = 1e6


class ExportForm(QWidget):
    """`chosen` is emitted when another thing is to be exported, `named` when another file is meant."""

    chosen = Signal()
    named = Signal()

    def __init__(self, parent: QWidget, *, has_mark: bool) -> None:
        super().__init__(parent)
        self.view = self._choice("view", "What", [name.capitalize() for name in plan.views()])
        self.kind = self._choice("format", "As", [KIND_TITLES[name] for name in plan.FORMATS])
        self.moments = self._choice("moments", "When", [THIS, VISIBLE, *([MARKED] if has_mark else [])])
        self.extent = self._choice("size", "How large", list(SIZES), editable=True)
        self.fps = self._choice("fps", "Pictures a second", list(RATES), editable=True)
        self.fps.setCurrentText(f"{plan.DEFAULT_FPS:g}")
        self.speed = self._choice("speed", "Speed", list(SPEEDS), editable=True)
        self.path = QLineEdit(self)
        self.path.setObjectName("export.path")
        self.path.setAccessibleName("File")
        self.path.textChanged.connect(self._take_format)
        self.path.textChanged.connect(self.named)
        self.kind.currentIndexChanged.connect(self._rename)
        browse = QPushButton("&Choose…", self)
        browse.setAutoDefault(False)
        browse.clicked.connect(self._ask_for_file)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("&What", self.view)
        form.addRow("&As", self.kind)
        form.addRow("W&hen", self.moments)
        form.addRow("&Size", self.extent)
        between, after = (QLabel(text, self) for text in ("pictures a second, session time going", "times as fast"))
        self._row(form, "&Pace", (self.fps, between, self.speed, after))
        self._row(form, "&File", (self.path, browse))

    @property
    def view_name(self) -> str:
        """The view that is chosen."""
        return plan.views()[self.view.currentIndex()]

    @property
    def is_as_seen(self) -> bool:
        """Whether the picture is to be as large as on the screen."""
        return self.extent.currentText().strip() == AS_SEEN

    def size_in_px(self) -> plan.Size:
        """The size that is written.

        Raises: ValueError with a sentence.
        """
        return plan.size_from_text(self.extent.currentText().strip(), self.view_name)

    def pace(self) -> plan.Pace:
        """How a sequence goes.

        Raises: ValueError with a sentence.
        """
        return plan.Pace(fps=_number(self.fps, plan.MAX_FPS), speed=_number(self.speed, MAX_SPEED))

    def output(self) -> Path:
        """The file, or the folder.

        Raises: TargetProblem when there is none.
        """
        text = self.path.text().strip()
        if not text:
            raise TargetProblem("There is no file to write to.")
        return Path(text).expanduser().absolute()

    @property
    def suffix(self) -> str:
        """How the name of a single picture is to end."""
        return tuple(plan.FORMATS.values())[self.kind.currentIndex()]

    def allow_pace(self, is_sequence: bool) -> None:
        """A single picture has none, and a format of its own instead; the name says it when it ends in one."""
        for choice in (self.fps, self.speed):
            choice.setEnabled(is_sequence)
        self.kind.setEnabled(not is_sequence)

    def _rename(self) -> None:
        """The name ends as the format does that is chosen."""
        path = Path(self.path.text())
        if path.suffix.lower() in plan.FORMATS.values() and path.suffix.lower() != self.suffix:
            self.path.setText(str(path.with_suffix(self.suffix)))

    def _take_format(self, text: str) -> None:
        """The format is what the name that is written ends in."""
        suffix = Path(text).suffix.lower()
        if suffix in plan.FORMATS.values():
            with QSignalBlocker(self.kind):
                self.kind.setCurrentIndex(tuple(plan.FORMATS.values()).index(suffix))

    def _choice(self, name: str, label: str, texts: list[str], *, editable: bool = False) -> QComboBox:
        made = QComboBox(self)
        made.setObjectName(f"export.{name}")
        made.setAccessibleName(label)
        if editable:
            name_editable(made, label)
        made.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        made.addItems(texts)
        made.currentTextChanged.connect(self._changed)
        return made

    def _changed(self, text: str) -> None:
        self.chosen.emit()

    def _row(self, form: QFormLayout, text: str, fields: tuple[QWidget, ...]) -> None:
        row = QHBoxLayout()
        for field in fields:
            row.addWidget(field, 0 if isinstance(field, QLabel | QPushButton) else 1)
        label = QLabel(text, self)
        label.setBuddy(fields[0])
        form.addRow(label, row)

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self, "Export into", str(Path(self.path.text()).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.selectFile(Path(self.path.text()).name)
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()


def _number(choice: QComboBox, most: float) -> float:
    """The number that was chosen or typed.

    Raises: ValueError with a sentence.
    """
    text = choice.currentText().strip().replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{choice.accessibleName()}: {text!r} is no number") from None
    if not 0 < value <= most:
        raise ValueError(f"{choice.accessibleName()}: {text} is not between 0 and {most:g}")
    return value

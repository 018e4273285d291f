"""Which program? A command line, a folder to run it in, and Enter to start it with its recording on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from capture.errors import ScopeError, TargetProblem
from scope_gui.dialogs.buttons import last_row
from scope_gui.dialogs.capture_form import CaptureForm
from scope_gui.recording.choice import new_session_path, program_name, words_of
from views.drawing.spoken import name_editable
from views.drawing.theme import colours, give_font, number_font
from views.loop.events import Event
from views.loop.recording_events import StartRecording
from views.loop.state import Assigns, Launch
from views.words.plain_text import rich

_HOW = (
    "As in a terminal: <code>python app.py --port 8000</code>, <code>app.py</code>, <code>-m package</code>. What it "
    "prints appears where Scope itself was started from; it has no standard input."
)


class LaunchDialog(QDialog):
    """Enter starts, Escape closes; what was started before is offered with its folder."""

    def __init__(self, parent: QWidget, send: Callable[[Event], None], assigns: Assigns) -> None:
        super().__init__(parent)
        self._send, self._launches, self._theme = send, assigns.launches, assigns.theme
        self.setWindowTitle("Record a program from its start")
        self.resize(760, 220)
        self.command = QComboBox(self)
        self.command.setObjectName("launch.command")
        name_editable(self.command, "Command line")
        self.command.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        give_font(self.command, number_font(10))
        self.command.addItems([launch.command for launch in assigns.launches])
        self.command.setCurrentIndex(0 if assigns.launches else -1)
        self.command.activated.connect(self._offer_folder)
        line = self.command.lineEdit()
        if line is not None:
            line.setPlaceholderText("python app.py")
            line.selectAll()
            line.textChanged.connect(self._changed)
        first = assigns.launches[0].folder if assigns.launches else str(Path.cwd())
        self.folder = QComboBox(self)
        self.folder.setObjectName("launch.folder")
        name_editable(self.folder, "Working folder")
        self.folder.addItems(list(dict.fromkeys([first, *(launch.folder for launch in assigns.launches)])))
        browse = QPushButton("Choose…", self)
        browse.setAutoDefault(False)
        browse.clicked.connect(self._ask_for_folder)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        top = QFormLayout()
        top.addRow("&Command", self.command)
        where = QLabel("R&un in", self)
        where.setBuddy(self.folder)
        top.addRow(where, place)
        self.told = QLabel(_HOW, self)
        self.told.setObjectName("launch.told")
        self.told.setWordWrap(True)
        self.form = CaptureForm("launch", assigns, self)
        self.go = QPushButton("Start and record", self)
        buttons = last_row(self, self.go, "launch")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        rows.addLayout(top)
        rows.addWidget(self.told)
        rows.addWidget(self.form)
        rows.addStretch(1)
        rows.addLayout(buttons)
        self._changed("")
        self.command.setFocus()

    def request(self) -> StartRecording:
        """What Enter would do.

        Raises: TargetProblem for a command line, folder or option that cannot be what is meant.
        """
        command = self.command.currentText().strip()
        words = words_of(command)
        if not words:
            raise TargetProblem("There is no program to run.")
        folder = Path(self.folder.currentText().strip() or ".").expanduser().absolute()
        if not folder.is_dir():
            raise TargetProblem(f"{folder} is no folder.")
        name = program_name(words)
        return StartRecording(
            words=("run", *self.form.settings().words(), "--", *words),
            path=str(new_session_path(self.form.chosen_folder(), name)),
            what=name,
            launch=Launch(command, str(folder)),
        )

    def accept(self) -> None:
        """Starts the program; what cannot be started stays in the dialog with its reason."""
        try:
            request = self.request()
        except ScopeError as problem:
            self._tell(f"⚠ {rich(str(problem))}", colours(self._theme).warning)
            return
        self._send(request)
        super().accept()

    def _changed(self, text: str) -> None:
        self.go.setEnabled(bool(self.command.currentText().strip()))
        self._tell(_HOW, colours(self._theme).muted)

    def _tell(self, text: str, colour: str) -> None:
        self.told.setTextFormat(Qt.TextFormat.RichText)
        self.told.setText(f'<span style="color:{colour}">{text}</span>')

    def _offer_folder(self, index: int) -> None:
        if 0 <= index < len(self._launches):
            self.folder.setCurrentText(self._launches[index].folder)

    def _ask_for_folder(self) -> None:
        dialog = QFileDialog(self, "Run the program in", self.folder.currentText())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.folder.setCurrentText)
        dialog.open()

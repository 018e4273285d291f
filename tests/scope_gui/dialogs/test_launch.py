"""The launch dialog: a command line becomes a recording's request, and what was started is offered again."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from capture import flags
from capture.errors import WrongUsage
from scope_gui.dialogs.capture_form import CaptureForm
from scope_gui.dialogs.launch import LaunchDialog
from tests.capture.test_flags import DEPTH
from views.loop.events import Event
from views.loop.recording_events import StartRecording
from views.loop.state import Assigns, Launch

# What the display of these tests cannot do, and no window needs.


def opened(owner: QWidget, sent: list[Event], assigns: Assigns | None = None) -> LaunchDialog:
    dialog = LaunchDialog(owner, sent.append, assigns or Assigns())
    dialog.open()
    return dialog


def line_of(dialog: LaunchDialog) -> QLineEdit:
    line = dialog.command.lineEdit()
    assert line is not None
    return line


def test_a_command_line_is_split_as_a_shell_does(
    owner: QWidget, sent: list[Event], qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = opened(owner, sent)
    assert not dialog.go.isEnabled()
    QTest.keyClicks(line_of(dialog), "python app.py --name 'two words'")
    dialog.folder.setCurrentText(str(tmp_path))
    QTest.keyClick(line_of(dialog), Qt.Key.Key_Return)
    [request] = sent
    assert isinstance(request, StartRecording)
    assert request.words == ("run", "--", "python", "app.py", "--name", "two words")
    assert request.launch == Launch("python app.py --name 'two words'", str(tmp_path))
    assert Path(request.path).name.startswith("app-")


def test_what_was_started_before_is_offered_with_its_folder(owner: QWidget, sent: list[Event], tmp_path: Path) -> None:
    launches = (Launch("python a.py", str(tmp_path)), Launch("python b.py", "/"))
    dialog = opened(owner, sent, Assigns(launches=launches))
    assert (dialog.command.currentText(), dialog.folder.currentText()) == ("python a.py", str(tmp_path))
    dialog.command.setCurrentIndex(1)
    dialog.command.activated.emit(1)
    assert dialog.folder.currentText() == "/"
    dialog.reject()


def test_what_cannot_be_meant_stays_in_the_dialog_with_its_reason(
    owner: QWidget, sent: list[Event], qtbot: QtBot
) -> None:
    dialog = opened(owner, sent)
    QTest.keyClicks(line_of(dialog), "python 'app.py")
    dialog.go.click()
    assert "cannot be read" in dialog.told.text()
    line_of(dialog).setText("python app.py")
    dialog.folder.setCurrentText("/nowhere/at/all")
    dialog.go.click()
    assert "is no folder" in dialog.told.text()
    assert dialog.isVisible()
    assert sent == []
    dialog.reject()


def test_a_capture_flag_is_a_field_of_the_dialog_by_its_row(
    owner: QWidget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(flags, "FLAGS", (*flags.FLAGS, DEPTH))
    form = CaptureForm("launch", Assigns(recordings_folder=str(tmp_path)), owner)
    field = form.findChild(QSpinBox, "launch.deepest")
    assert field is not None
    assert (field.minimum(), field.maximum(), field.value(), field.suffix()) == (1, 1000, 100, " calls")
    field.setValue(7)
    assert form.settings().words() == ("--deepest", "7")
    include = form.findChild(QLineEdit, "launch.include")
    assert include is not None
    include.setText("''")
    with pytest.raises(WrongUsage, match="--include '' is empty"):
        form.settings()
    form.deleteLater()

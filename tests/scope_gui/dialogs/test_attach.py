"""The attach dialog on real processes: found by typing, examined, chosen and asked for with the keyboard."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QTreeView, QWidget
from pytestqt.qtbot import QtBot

from scope_gui.dialogs.attach import AttachDialog
from tests.targets import Launcher, Target
from views.loop.events import Event
from views.loop.recording_events import StartRecording
from views.loop.state import Assigns
from views.reading.worker_pool import WorkerPool

# What the display of these tests cannot do, and no window needs.
PATIENCE_MS = 20_000
WAITING = "import time; print('ready', flush=True); time.sleep(300)"


class OpenDialog(AttachDialog):
    """The dialog, and what it has asked for."""

    def __init__(self, owner: QWidget) -> None:
        self.sent: list[Event] = []
        super().__init__(owner, self.sent.append, Assigns(), WorkerPool())


@pytest.fixture
def dialog(owner: QWidget, qtbot: QtBot) -> Iterator[OpenDialog]:
    made = OpenDialog(owner)
    made.open()
    qtbot.waitUntil(lambda: bool(made.table.lines), timeout=PATIENCE_MS)
    yield made
    made.reject()
    made.deleteLater()


@pytest.fixture
def mark() -> str:
    """A word that is in no other command line of this machine, whoever else tests here."""
    return f"only-{uuid.uuid4().hex}"


@pytest.fixture
def waiting(target: Launcher, mark: str) -> Target:
    """A Python program with a command line of its own."""
    return target([sys.executable, "-c", WAITING, mark], ready="ready")


def type_filter(dialog: OpenDialog, qtbot: QtBot, text: str, pid: int) -> None:
    """Types, and waits until exactly that process is chosen and examined."""
    QTest.keyClicks(dialog.filter, text)

    def chosen() -> bool:
        line = dialog.current()
        return line is not None and line.row.pid == pid and line.key in dialog.table.diagnoses

    qtbot.waitUntil(chosen, timeout=PATIENCE_MS)


def test_its_parts_can_be_found_by_name(dialog: OpenDialog) -> None:
    assert dialog.findChild(QLineEdit, "attach.filter") is dialog.filter
    assert dialog.findChild(QTreeView, "attach.list") is dialog.list
    assert dialog.findChild(QPushButton, "attach.go") is dialog.go
    assert dialog.list.accessibleName() == "Processes"


def test_typing_and_enter_ask_for_the_program(
    dialog: OpenDialog, waiting: Target, mark: str, tmp_path: Path, qtbot: QtBot
) -> None:
    type_filter(dialog, qtbot, mark, waiting.pid)
    assert "Ready." in dialog.verdict.text()
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    [request] = dialog.sent
    assert isinstance(request, StartRecording)
    assert request.words == ("attach", str(waiting.pid))
    assert Path(request.path).parent == tmp_path / "Scope"
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_several_are_chosen_with_shift_and_recorded_in_one_session(
    dialog: OpenDialog, waiting: Target, mark: str, target: Launcher, qtbot: QtBot
) -> None:
    newer = target([sys.executable, "-c", WAITING, mark], ready="ready")
    QTest.keyClicks(dialog.filter, mark)
    qtbot.waitUntil(lambda: len(dialog.table.lines) == 2, timeout=PATIENCE_MS)
    QTest.keyClick(dialog.filter, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: "2 processes go into one session" in dialog.verdict.text(), timeout=PATIENCE_MS)
    assert dialog.go.text() == "Attach to 2 processes"
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    [request] = dialog.sent
    assert isinstance(request, StartRecording)
    assert set(request.words[1:3]) == {str(waiting.pid), str(newer.pid)}
    assert request.what in {f"processes {a}, {b}" for a, b in permutations((waiting.pid, newer.pid))}


@pytest.mark.usefixtures("waiting")
def test_one_of_several_that_cannot_be_recorded_is_named(
    dialog: OpenDialog, mark: str, target: Launcher, tmp_path: Path, qtbot: QtBot
) -> None:
    os.mkfifo(tmp_path / "never")
    other = target(["sh", "-c", f"echo ready; read line < never; : {mark}"], ready="ready", cwd=tmp_path)
    QTest.keyClicks(dialog.filter, mark)
    qtbot.waitUntil(lambda: len(dialog.table.lines) >= 2, timeout=PATIENCE_MS)
    dialog.list.selectAll()
    qtbot.waitUntil(
        lambda: f"Process {other.pid} (sh) is no CPython program" in dialog.verdict.text(), timeout=PATIENCE_MS
    )
    assert not dialog.go.isEnabled()
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    assert dialog.sent == []
    dialog.form.mode.setCurrentIndex(dialog.form.mode.findData("observe"))
    assert dialog.go.text() == "Observe 2 processes"
    assert dialog.go.isEnabled()


def test_options_travel_with_the_request(
    dialog: OpenDialog, waiting: Target, mark: str, tmp_path: Path, qtbot: QtBot
) -> None:
    type_filter(dialog, qtbot, mark, waiting.pid)
    dialog.form.fold.click()
    assert dialog.form.mode.isVisible()
    state = dialog.findChild(QLineEdit, "attach.state")
    assert state is not None
    assert state.text() == "'user.*'"
    state.selectAll()
    QTest.keyClicks(state, "orders.Stock, cart.*")
    dialog.form.mode.setCurrentIndex(dialog.form.mode.findData("performance"))
    dialog.form.folder.setText(str(tmp_path / "kept"))
    QTest.keyClick(state, Qt.Key.Key_Return)
    [request] = dialog.sent
    assert isinstance(request, StartRecording)
    assert request.words[2:] == ("--mode", "performance", "--state", "orders.Stock", "--state", "cart.*")
    assert Path(request.path).parent == tmp_path / "kept"


def test_the_chosen_process_stays_chosen_while_others_come(
    dialog: OpenDialog, waiting: Target, mark: str, target: Launcher, qtbot: QtBot
) -> None:
    type_filter(dialog, qtbot, mark, waiting.pid)
    newer = target([sys.executable, "-c", WAITING, mark], ready="ready")
    qtbot.waitUntil(lambda: len(dialog.table.lines) == 2, timeout=PATIENCE_MS)
    assert dialog.table.lines[0].row.pid == newer.pid
    line = dialog.current()
    assert line is not None
    assert line.row.pid == waiting.pid
    assert dialog.filter.text() == mark
    QTest.keyClick(dialog.filter, Qt.Key.Key_Up)
    line = dialog.current()
    assert line is not None
    assert line.row.pid == newer.pid


def test_a_process_that_ends_leaves_the_list(dialog: OpenDialog, waiting: Target, mark: str, qtbot: QtBot) -> None:
    type_filter(dialog, qtbot, mark, waiting.pid)
    waiting.end()
    qtbot.waitUntil(lambda: not dialog.table.lines, timeout=PATIENCE_MS)
    assert not dialog.go.isEnabled()
    assert "No process fits" in dialog.verdict.text()


def test_what_is_no_python_is_offered_to_be_observed(
    dialog: OpenDialog, target: Launcher, mark: str, tmp_path: Path, qtbot: QtBot
) -> None:
    log = tmp_path / mark
    log.write_text("ready\n")
    program = target(["tail", "-f", log], ready="ready")
    type_filter(dialog, qtbot, mark, program.pid)
    assert dialog.go.text() == "Observe from outside"
    assert "no CPython program" in dialog.verdict.text()
    dialog.go.click()
    [request] = dialog.sent
    assert isinstance(request, StartRecording)
    assert request.words == ("attach", str(program.pid), "--mode", "observe")


def test_the_rule_in_the_way_and_its_remedy_are_said(
    dialog: OpenDialog, target: Launcher, mark: str, qtbot: QtBot
) -> None:
    options = ["-X", "disable-remote-debug", "-c", WAITING, mark]
    program = target([sys.executable, *options], ready="ready")
    type_filter(dialog, qtbot, mark, program.pid)
    assert "Says no debuggers" in dialog.verdict.text()
    assert "remote debugging disabled" in dialog.verdict.text()
    assert "Start it without that" in dialog.verdict.text()
    assert dialog.go.text() == "Observe from outside"


def test_escape_asks_for_nothing(dialog: OpenDialog, qtbot: QtBot) -> None:
    QTest.keyClick(dialog.filter, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert dialog.sent == []

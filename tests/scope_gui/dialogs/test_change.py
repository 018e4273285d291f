"""The dialog that changes what is recorded: it shows what holds, asks for what is different, and says why it cannot."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox, QWidget

from capture import flags
from capture.changes import SettingsChange
from capture.events.definitions import ProcessRow
from capture.session.format import Manifest
from capture.session.session import Session
from scope_gui.dialogs.change import ChangeDialog, held_settings, why_not
from tests.capture.test_flags import DEPTH
from tests.sessions import build_session
from views.loop.events import Event
from views.loop.recording_events import ChangeRecording
from views.loop.state import Assigns, Recorder, SessionRef

# What the display of these tests cannot do, and no window needs.

LIVE = Assigns(session=SessionRef(key=1, path="/a.scope", name="a", live=True))


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of one whose filter was changed while it was recorded."""
    build_session(tmp_path / "a.scope", events=50, segments=1)
    with Session.open(tmp_path / "a.scope") as one:
        change = SettingsChange(time_ns=5, process_id=1, flags={"exclude": ["orders.audit"]})
        return msgspec.structs.replace(one.manifest, changes=[change])


def opened(owner: QWidget, sent: list[Event], assigns: Assigns, manifest: Manifest | None) -> ChangeDialog:
    dialog = ChangeDialog(owner, sent.append, assigns, manifest)
    dialog.open()
    return dialog


def line(dialog: ChangeDialog, name: str) -> QLineEdit:
    field = dialog.findChild(QLineEdit, f"change.{name}")
    assert field is not None
    return field


def test_what_is_different_is_asked_for_and_nothing_else(owner: QWidget, sent: list[Event], manifest: Manifest) -> None:
    dialog = opened(owner, sent, LIVE, manifest)
    assert line(dialog, "exclude").text() == "orders.audit"
    assert dialog.focusWidget() is dialog.fields.fields["include"]
    assert dialog.findChild(QSpinBox, "change.chunk_count") is None
    assert dialog.findChild(QLineEdit, "change.redact") is None
    QTest.keyClicks(line(dialog, "include"), "orders.*, http.server")
    line(dialog, "exclude").clear()
    mode = dialog.findChild(QComboBox, "change.mode")
    assert mode is not None
    mode.setCurrentIndex(mode.findData("performance"))
    QTest.keyClick(line(dialog, "include"), Qt.Key.Key_Return)
    assert sent == [
        ChangeRecording(flags={"mode": "performance", "include": ("orders.*", "http.server"), "exclude": ()})
    ]


def test_one_of_several_processes_is_chosen_and_shown_as_it_is_recorded(
    owner: QWidget, sent: list[Event], manifest: Manifest
) -> None:
    rows = [
        ProcessRow(process_id=n, pid=100 + n, name=f"p{n}", tier=tier, end_ns=end_ns)
        for n, tier, end_ns in ((1, "python", None), (2, "python", None), (3, "observe", None), (4, "python", 9))
    ]
    dialog = ChangeDialog(owner, sent.append, LIVE, manifest, rows)
    dialog.open()
    choice = dialog.process
    assert [choice.itemText(at) for at in range(choice.count())] == ["all 2 processes", "p1 101", "p2 102"]
    assert choice.isVisible()
    assert line(dialog, "exclude").text() == "orders.audit"
    choice.setCurrentIndex(2)
    assert line(dialog, "exclude").text() == ""
    choice.setCurrentIndex(1)
    assert line(dialog, "exclude").text() == "orders.audit"
    line(dialog, "exclude").clear()
    QTest.keyClick(line(dialog, "exclude"), Qt.Key.Key_Return)
    assert sent == [ChangeRecording(flags={"exclude": ()}, pid=101)]


def test_of_one_process_there_is_nothing_to_choose(owner: QWidget, sent: list[Event], manifest: Manifest) -> None:
    row = ProcessRow(process_id=1, pid=101, name="p1", tier="python")
    dialog = ChangeDialog(owner, sent.append, LIVE, manifest, [row])
    dialog.open()
    assert not dialog.process.isVisible()
    dialog.reject()


def test_enter_without_a_change_asks_for_nothing(owner: QWidget, sent: list[Event], manifest: Manifest) -> None:
    dialog = opened(owner, sent, LIVE, manifest)
    QTest.keyClick(line(dialog, "state"), Qt.Key.Key_Return)
    assert sent == []
    assert not dialog.isVisible()


def test_what_makes_no_sense_stays_with_its_reason(owner: QWidget, sent: list[Event], manifest: Manifest) -> None:
    dialog = opened(owner, sent, LIVE, manifest)
    QTest.keyClicks(line(dialog, "include"), "thread:")
    QTest.keyClick(line(dialog, "include"), Qt.Key.Key_Return)
    assert "names no thread" in dialog.told.text()
    assert dialog.isVisible()
    assert sent == []
    dialog.reject()


@pytest.mark.parametrize(
    ("assigns", "reason"),
    [
        (Assigns(session=SessionRef(key=1, path="/a.scope", name="a")), "is finished"),
        (Assigns(session=SessionRef(key=1, path="/a", name="a", live=True, unfinished=True)), "recorder .* is gone"),
        (msgspec.structs.replace(LIVE, recorder=Recorder(pid=1, state="saving")), "is being saved"),
    ],
)
def test_where_nothing_is_recorded_the_reason_is_there_and_nothing_can_be_done(
    owner: QWidget, sent: list[Event], manifest: Manifest, assigns: Assigns, reason: str
) -> None:
    dialog = opened(owner, sent, assigns, manifest)
    assert not dialog.go.isEnabled()
    assert not dialog.fields.isEnabled()
    assert re.search(reason, dialog.told.text())
    dialog.reject()
    assert sent == []


def test_a_program_that_is_only_watched_has_nothing_to_change(manifest: Manifest) -> None:
    held = held_settings(manifest)
    assert why_not(LIVE, held) == ""
    about = msgspec.structs.replace(manifest.about, mode="observe")
    watched = msgspec.structs.replace(manifest, about=about)
    assert "only watched" in why_not(LIVE, held_settings(watched))


def test_a_made_up_flag_that_may_change_is_a_field(
    owner: QWidget, sent: list[Event], manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "FLAGS", (*flags.FLAGS, DEPTH))
    dialog = opened(owner, sent, LIVE, manifest)
    field = dialog.findChild(QSpinBox, "change.deepest")
    assert field is not None
    field.setValue(12)
    dialog.go.click()
    assert sent == [ChangeRecording(flags={"deepest": 12})]

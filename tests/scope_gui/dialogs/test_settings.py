"""The settings dialog: every row of the table has a field, and what is chosen in one is in force at once."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from capture import flags
from scope_gui.dialogs.settings import SettingsDialog
from scope_gui.settings.table import SECTIONS, all_settings
from tests.capture.test_flags import DEPTH
from views.loop.chosen import with_settings
from views.loop.events import ChangeSetting, Event
from views.loop.state import Assigns


@pytest.fixture
def dialog(owner: QWidget, sent: list[Event]) -> SettingsDialog:
    made = SettingsDialog(owner, sent.append, with_settings(Assigns(), {"capture.redact": ("iban", "my pin")}))
    made.open()
    return made


def field(dialog: SettingsDialog, name: str) -> Any:
    found = dialog.findChild(QWidget, f"settings.{name}")
    assert found is not None
    return found


def test_every_setting_has_a_field_that_says_what_it_is(dialog: SettingsDialog) -> None:
    for row in all_settings():
        if row.kind == "keys":
            assert dialog.keys.list.findItems(row.title, Qt.MatchFlag.MatchExactly), row.name
        else:
            assert field(dialog, row.name).accessibleName(), row.name
    assert dialog.pages.count() == len(SECTIONS)


def test_what_a_short_setting_means_takes_a_line_and_no_more(dialog: SettingsDialog) -> None:
    for section in range(len(SECTIONS)):
        dialog.sections.setCurrentRow(section)
        QApplication.processEvents()
        page = dialog.pages.widget(section)
        said = [label for label in page.findChildren(QLabel) if label.property("quiet")] if page is not None else []
        lines = [label for label in said if not label.wordWrap()]
        assert all(label.height() < 2 * label.fontMetrics().height() + 10 for label in lines)
        assert all(label.fontMetrics().horizontalAdvance(label.text()) <= label.width() for label in lines)
        assert len(lines) > 1 or SECTIONS[section] == "Keys"


def test_what_is_chosen_is_in_force_at_once(dialog: SettingsDialog, sent: list[Event]) -> None:
    theme, scale, grows = (field(dialog, name) for name in ("theme", "scale", "analyses.grows"))
    assert isinstance(theme, QComboBox)
    assert isinstance(scale, QSpinBox)
    assert isinstance(grows, QCheckBox)
    theme.setCurrentIndex(theme.findData("contrast"))
    scale.setValue(125)
    grows.click()
    grows.click()
    assert sent == [
        ChangeSetting(name="theme", value="contrast"),
        ChangeSetting(name="scale", value=125),
        ChangeSetting(name="analyses.grows", value=False),
        ChangeSetting(name="analyses.grows", value=None),
    ]


def test_names_to_hide_are_a_line_of_words_and_what_makes_no_sense_is_refused(
    dialog: SettingsDialog, sent: list[Event]
) -> None:
    line = field(dialog, "capture.redact")
    assert isinstance(line, QLineEdit)
    assert line.text() == "iban 'my pin'"
    line.setText("iban, card_number")
    line.editingFinished.emit()
    assert sent == [ChangeSetting(name="capture.redact", value=("iban", "card_number"))]
    line.setText("x" * 64)
    line.editingFinished.emit()
    assert len(sent) == 1
    assert "may have 63 bytes" in dialog.told.text()


def test_a_command_gets_a_key_that_is_free_and_no_other(dialog: SettingsDialog, sent: list[Event]) -> None:
    dialog.sections.setCurrentRow(SECTIONS.index("Keys"))
    keys = dialog.keys
    keys.filter.setText("next exception")
    current = keys.current()
    assert current is not None
    assert current.title == "Next exception"
    keys.key.setKeySequence(QKeySequence("Ctrl+K"))
    keys.give.click()
    assert sent == []
    assert "Ctrl+K is the key of “Find anything”." in dialog.told.text()
    keys.key.setKeySequence(QKeySequence("Ctrl+Alt+X"))
    keys.give.click()
    assert sent[-1] == ChangeSetting(name="keys.Next exception", value=("Ctrl+Alt+X",))
    keys.filter.setText("Previous exception")
    keys.key.setKeySequence(QKeySequence("X"))  # nobody's any more
    keys.give.click()
    assert sent[-1] == ChangeSetting(name="keys.Previous exception", value=("X",))
    keys.filter.setText("next exception")
    keys.reset.click()
    assert len(sent) == 2
    assert "X is the key of “Previous exception”." in dialog.told.text()
    keys.take.click()
    assert sent[-1] == ChangeSetting(name="keys.Next exception", value=())


def test_a_page_goes_back_to_how_it_was_at_first(dialog: SettingsDialog, sent: list[Event]) -> None:
    field(dialog, "scale").setValue(150)
    dialog.at_first.click()
    assert sent[-1] == ChangeSetting(name="scale", value=None)
    assert field(dialog, "scale").value() == 100
    dialog.sections.setCurrentRow(SECTIONS.index("Recordings"))
    dialog.at_first.click()
    assert sent[-1] == ChangeSetting(name="capture.redact", value=None)
    assert field(dialog, "capture.redact").text() == ""


def test_a_made_up_flag_has_a_field(
    owner: QWidget, sent: list[Event], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "FLAGS", (*flags.FLAGS, DEPTH))
    made = SettingsDialog(owner, sent.append, Assigns())
    number = field(made, f"capture.{DEPTH.option.removeprefix('--')}")
    assert isinstance(number, QSpinBox)
    QTest.keyClick(number, Qt.Key.Key_Up)
    assert len(sent) == 1

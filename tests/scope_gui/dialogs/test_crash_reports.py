"""The window shows the crash reports, whole and safely, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PySide6
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from scope_gui.dialogs.crash_reports import CrashReports
from scope_gui.logs import crashes


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    crashes._told.clear()


def shown(owner: QWidget, qtbot: QtBot) -> CrashReports:
    dialog = CrashReports(owner)
    dialog.open()
    qtbot.waitExposed(dialog)
    return dialog


@pytest.fixture
def two_failures() -> Iterator[None]:
    for kind in (ValueError, KeyError):
        try:
            raise kind("order\u202e 7")
        except Exception as error:
            crashes.write_report(error, "window")
    yield
    crashes._told.clear()


def test_the_newest_is_shown_copied_and_deleted(two_failures: None, owner: QWidget, qtbot: QtBot) -> None:
    dialog = shown(owner, qtbot)
    assert dialog.list.count() == 2
    first = dialog.text.toPlainText()
    assert "where: window, process " in first
    assert f"PySide6 {PySide6.__version__}" in first
    assert "\u202e" not in first
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    assert dialog.text.toPlainText() != first
    dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == dialog.text.toPlainText()
    QTest.keyClick(dialog.delete_button, Qt.Key.Key_Space)
    assert [dialog.list.count(), len(crashes.reports())] == [1, 1]
    assert dialog.text.toPlainText() == first
    dialog.delete_button.click()
    assert crashes.reports() == []
    assert "Scope has not failed here" in dialog.text.toPlainText()
    assert not dialog.delete_button.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()

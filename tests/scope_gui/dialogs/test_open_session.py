"""Sessions are opened by what is typed, be they files or folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from capture.session.format import MANIFEST
from scope_gui.dialogs.open_session import OpenSessionDialog, session_at

# What the display of these tests cannot do, and the list below the line asks of it.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", r"raise\(\)", "grabbing the keyboard")


@pytest.fixture
def chosen() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a session of each kind, and one that is none."""
    for name in ("whole.scope", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "whole.scope" / MANIFEST).write_text("{}")
    (tmp_path / "packed.scope").write_bytes(b"PK")
    return tmp_path


@pytest.fixture
def dialog(owner: QWidget, folder: Path, chosen: list[str], qtbot: QtBot) -> Iterator[OpenSessionDialog]:
    made = OpenSessionDialog(owner, chosen.append)
    made.setOption(QFileDialog.Option.DontUseNativeDialog)
    made.setDirectory(str(folder))
    made.open()
    qtbot.waitExposed(made)
    yield made
    made.reject()
    made.deleteLater()


def type_in(dialog: OpenSessionDialog, text: str) -> None:
    line = dialog.findChild(QLineEdit, "fileNameEdit")
    assert line is not None
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("typed", "session"),
    [
        ("packed.scope", "packed.scope"),
        ("whole.scope", "whole.scope"),
        (f"whole.scope/{MANIFEST}", "whole.scope"),
        (f"none/../whole.scope/{MANIFEST}", "none/../whole.scope"),
    ],
)
def test_what_is_typed_is_opened_at_once(
    dialog: OpenSessionDialog, folder: Path, chosen: list[str], typed: str, session: str
) -> None:
    """Return comes before the dialog has read the folder: it then took what was highlighted above it."""
    type_in(dialog, typed)
    assert chosen == [str(folder / session)]
    assert not dialog.isVisible()


def test_a_session_whose_folder_is_entered_is_opened_once(
    dialog: OpenSessionDialog, folder: Path, chosen: list[str]
) -> None:
    dialog.directoryEntered.emit(str(folder / "none"))
    assert dialog.isVisible()
    for _ in range(2):
        dialog.directoryEntered.emit(str(folder / "whole.scope"))
    assert chosen == [str(folder / "whole.scope")]
    assert not dialog.isVisible()


def test_another_folder_is_entered_and_the_dialog_stays(
    dialog: OpenSessionDialog, folder: Path, chosen: list[str]
) -> None:
    type_in(dialog, "none")
    assert dialog.directory().absolutePath() == str(folder / "none")
    assert dialog.isVisible()
    assert chosen == []


@pytest.mark.parametrize("name", ["", "nothing", "none", "a" * 5000, "\0"])
def test_what_is_no_session_is_none(folder: Path, name: str) -> None:
    assert session_at(str(folder / name)) is None

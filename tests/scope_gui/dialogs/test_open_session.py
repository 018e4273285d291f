"""Sessions are opened from a list of what there is, or by what is typed, be they files or folders; by keys alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from capture.session.format import MANIFEST
from scope_gui.dialogs import open_session
from scope_gui.dialogs.open_lines import COLUMNS
from scope_gui.dialogs.open_session import OpenSessionDialog
from tests.sessions import build_session
from views.loop.events import Event
from views.reading.worker_pool import WorkerPool

# What the display of these tests cannot do.


@pytest.fixture
def chosen() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a session, another tool's recording, and two that are neither."""
    place = tmp_path / "recordings"
    place.mkdir()
    build_session(place / "orders.scope", events=400)
    (place / "trace.json").write_text(json.dumps({"traceEvents": []}))
    os.utime(place / "trace.json", (1, 1))
    (place / "notes.txt").write_text("nothing of ours")
    (place / "older").mkdir()
    build_session(place / "older" / "billing.scope", events=20)
    return place


@pytest.fixture
def dialog(
    owner: QWidget, folder: Path, chosen: list[str], sent: list[Event], qtbot: QtBot
) -> Iterator[OpenSessionDialog]:
    pool = WorkerPool()
    made = OpenSessionDialog(owner, chosen.append, folder, sent.append, pool)
    made.open()
    qtbot.waitExposed(made)
    yield made
    made.reject()
    made.deleteLater()
    pool.settle(10)
    assert sent == []


def lines(dialog: OpenSessionDialog) -> list[QTreeWidgetItem]:
    found = (dialog.list.topLevelItem(at) for at in range(dialog.list.topLevelItemCount()))
    return [item for item in found if item is not None]


def names(dialog: OpenSessionDialog) -> list[str]:
    return [item.text(0) for item in lines(dialog)]


def until_listed(dialog: OpenSessionDialog, qtbot: QtBot, *wanted: str) -> None:
    qtbot.waitUntil(lambda: names(dialog) == list(wanted), timeout=10_000)


def type_in(dialog: OpenSessionDialog, text: str) -> None:
    QTest.keyClicks(dialog.line, text)
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)


def test_each_thing_to_open_is_one_line_that_says_what_it_holds(dialog: OpenSessionDialog, qtbot: QtBot) -> None:
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    qtbot.waitUntil(lambda: "orders.py" in lines(dialog)[0].text(1), timeout=10_000)
    assert [lines(dialog)[0].text(at) for at in (1, 3)] == ["orders.py", "400"]
    assert lines(dialog)[1].text(1) == "recording of another tool"
    assert dialog.told.text().startswith("orders.py · ")


@pytest.mark.parametrize(
    "case",
    [
        ("orders.scope", "orders.scope"),
        (f"orders.scope/{MANIFEST}", "orders.scope"),
        ("orders.scope/", "orders.scope"),
        ("orders.scope/segments", "orders.scope"),
        ("older/billing.scope", "older/billing.scope"),
        ("trace.json", "trace.json"),
    ],
)
def test_what_is_typed_is_opened_at_once_and_no_session_is_walked_into(
    dialog: OpenSessionDialog, folder: Path, chosen: list[str], qtbot: QtBot, case: tuple[str, str]
) -> None:
    """Return comes before the folder has been read."""
    type_in(dialog, case[0])
    qtbot.waitUntil(lambda: bool(chosen), timeout=10_000)
    assert chosen == [str(folder / case[1])]
    assert not dialog.isVisible()


def test_a_few_letters_are_enough(dialog: OpenSessionDialog, folder: Path, chosen: list[str], qtbot: QtBot) -> None:
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    QTest.keyClicks(dialog.line, "ace")
    assert names(dialog) == ["trace.json"]
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(chosen), timeout=10_000)
    assert chosen == [str(folder / "trace.json")]


def test_folders_are_entered_and_left_by_keys(
    dialog: OpenSessionDialog, folder: Path, chosen: list[str], qtbot: QtBot
) -> None:
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    QTest.keyClick(dialog.line, Qt.Key.Key_Down)
    QTest.keyClick(dialog.line, Qt.Key.Key_Down)
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    until_listed(dialog, qtbot, "billing.scope")
    QTest.keyClick(dialog.line, Qt.Key.Key_Backspace)
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    assert dialog.isVisible()
    assert chosen == []


def test_tab_completes_a_path_and_lists_its_folder(dialog: OpenSessionDialog, folder: Path, qtbot: QtBot) -> None:
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    QTest.keyClicks(dialog.line, f"{folder}/ol")
    QTest.keyClick(dialog.line, Qt.Key.Key_Tab)
    assert dialog.line.text() == f"{folder}/older/"
    assert dialog.line.hasFocus()
    until_listed(dialog, qtbot, "billing.scope")


def test_a_path_that_is_typed_on_lists_its_last_folder(dialog: OpenSessionDialog, folder: Path, qtbot: QtBot) -> None:
    """It leads through other folders, back into the one that is still shown while they are read."""
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    QTest.keyClicks(dialog.line, f"{folder}/ord")
    until_listed(dialog, qtbot, "orders.scope")
    assert dialog.where.text().endswith(f"{folder.name}  ·  1 other file")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("notes.txt", "Nobody here knows what "),
        ("/nowhere/at/all.scope", "There is no /nowhere/at/all.scope."),
        ("/" + "a" * 5000, "cannot be looked at: File name too long."),
    ],
)
def test_what_is_no_session_says_why_and_the_dialog_stays(
    dialog: OpenSessionDialog, chosen: list[str], qtbot: QtBot, typed: str, why: str
) -> None:
    until_listed(dialog, qtbot, "orders.scope", "trace.json", "older/")
    type_in(dialog, typed)
    qtbot.waitUntil(lambda: why in dialog.told.text(), timeout=10_000)
    assert dialog.isVisible()
    assert chosen == []


def test_a_folder_that_cannot_be_read_says_so(dialog: OpenSessionDialog, folder: Path, qtbot: QtBot) -> None:
    dialog.look_into(str(folder / "gone"))
    qtbot.waitUntil(lambda: "No such file or directory" in dialog.told.text(), timeout=10_000)
    assert names(dialog) == []


def test_of_thousands_the_newest_are_listed_and_the_others_found_by_name(
    dialog: OpenSessionDialog, folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_session, "MOST_LISTED", 2)
    dialog.look_into(str(folder))
    until_listed(dialog, qtbot, "orders.scope", "trace.json")
    assert dialog.where.text().endswith("1 other file  ·  1 more, found by name")
    QTest.keyClicks(dialog.line, "old")
    assert names(dialog) == ["older/"]


def test_every_line_is_told_of_however_one_types_meanwhile(
    dialog: OpenSessionDialog, folder: Path, qtbot: QtBot
) -> None:
    for number in range(8):
        shutil.copytree(folder / "orders.scope", folder / f"copy-{number}.scope")
    dialog.look_into(str(folder))
    qtbot.waitUntil(lambda: len(lines(dialog)) == 11, timeout=10_000)
    for key in (Qt.Key.Key_C, Qt.Key.Key_Backspace, Qt.Key.Key_O, Qt.Key.Key_Backspace):
        QTest.keyClick(dialog.line, key)
    sessions = [item for item in lines(dialog) if item.text(0).endswith(".scope")]
    qtbot.waitUntil(lambda: all(item.text(3) == "400" for item in sessions), timeout=10_000)


def test_a_narrow_list_keeps_names_and_days(dialog: OpenSessionDialog, qtbot: QtBot) -> None:
    def hidden() -> list[str]:
        return [title for at, title in enumerate(COLUMNS) if dialog.list.isColumnHidden(at)]

    dialog.resize(940, 500)
    qtbot.waitUntil(lambda: hidden() == [], timeout=10_000)
    dialog.resize(600, 500)
    qtbot.waitUntil(lambda: hidden() == ["Length", "Events", "Size"], timeout=10_000)

"""The window's own way to the desktop's menu: the same command, its outcome as a notice."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from scope_gui.commands import COMMANDS
from scope_gui.menu_entry import MenuEntry
from views.events import Busy, Event, Tell
from views.state import Notice

LIMIT_MS = 30_000


def told_by(qtbot: QtBot, what: str = "add") -> tuple[list[Event], Notice]:
    """(all events, the outcome) of asking twice at once."""
    events: list[Event] = []
    entry = MenuEntry(parent := QObject(), events.append)
    getattr(entry, what)()
    getattr(entry, what)()
    qtbot.waitUntil(lambda: any(isinstance(event, Tell) for event in events), timeout=LIMIT_MS)
    parent.deleteLater()
    (notice,) = (event.notice for event in events if isinstance(event, Tell))
    assert notice is not None
    return events, notice


def test_the_window_adds_scope_to_the_menu_and_says_so(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    events, told = told_by(qtbot)
    assert told.text.startswith("Scope is in the desktop's menu and opens packed sessions")
    assert not told.serious
    assert [event.what for event in events if isinstance(event, Busy)] == ["Changing the desktop's menu", ""]
    assert (tmp_path / "applications" / "scope-gui.desktop").is_file()
    _, told = told_by(qtbot, "remove")
    assert told.text == "Scope is no longer in the desktop's menu."
    assert not (tmp_path / "applications" / "scope-gui.desktop").exists()


def test_what_is_in_the_way_is_said_in_the_window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null")
    _, told = told_by(qtbot)
    assert told.serious
    assert told.text.startswith("/dev/null/icons/hicolor/scalable/apps/scope-gui.svg cannot be written")


def test_the_commands_are_there_without_a_session() -> None:
    found = [command for command in COMMANDS if command.ask in ("desktop", "no desktop")]
    assert len(found) == 2
    assert not any(command.needs_session for command in found)

"""For tests of dialogs: a widget to open them from, and what they send. For those of the window: one that is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.dags.frame.test_reader import seal, story
from tests.scope_gui.window.test_parts import Desk
from views.drawing.theme import dress
from views.loop.events import Event


@pytest.fixture
def sent() -> list[Event]:
    return []


@pytest.fixture
def owner(qtbot: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QWidget]:
    """A window to open dialogs from; settings and home are the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    window = QWidget()
    yield window
    window.close()
    window.deleteLater()


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A real window that shows a sealed story."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    seal(tmp_path / "story.scope", story()).close()
    made = Desk(qtbot, tmp_path / "story.scope", monkeypatch)
    yield made
    made.window.close()
    made.effects.stop()
    dress("dark", 100)


Send = Callable[[Event], None]

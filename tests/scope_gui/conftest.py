"""For tests of dialogs: a widget to open them from, and what they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

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


Send = Callable[[Event], None]

"""A session of 600 events whose tables are known, and a window without a screen that has it open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import Truth, build_session
from views.loop import recording_events as r


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """The session and its tables."""
    return build_session(tmp_path / "orders.scope", events=600, tracks=3, segments=4)


@pytest.fixture
def opened_at() -> str:
    """The moment at which the window begins."""
    return "0%"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truth: Truth, opened_at: str) -> Iterator[Desk]:
    """The window, with the session open."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Desk()
    made.do(r.OpenSession(path=str(truth.path), at=opened_at), until=has_frame)
    yield made
    made.effects.stop()

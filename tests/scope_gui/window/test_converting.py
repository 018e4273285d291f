"""Recordings of other tools are opened as sessions are: made once, kept where sessions are, and told about."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from capture.importers.registry import is_foreign, suffixes
from scope_gui.dialogs.own_verb import OwnVerb
from scope_gui.recording.choice import converted_path
from scope_gui.window.converting import Converting
from scope_gui.window.effects import Effects
from tests.sessions import build_session
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns
from views.loop.store import Store
from views.reading.source import Source

LIMIT_MS = 30_000
EVENTS = [{"ph": "X", "name": f"f{at}", "ts": at * 10, "dur": 5, "pid": 1, "tid": 1} for at in range(30)]


class Desk:
    """A Store with the effects of a window that open things; `happened` are the events that it has folded."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.frame = QMainWindow()
        qtbot.addWidget(self.frame)
        self.store = Store(Assigns(recordings_folder=str(folder)))
        self.effects = Effects(Source(), self.store.send)
        self.happened: list[e.Event] = []
        verb = OwnVerb(self.frame, self.store.send)
        self.store.effects += [self.effects, Converting(verb, self.store.send), self._note]
        self._qtbot = qtbot

    def _note(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        self.happened.append(event)

    def open(self, path: Path, until: Callable[[Assigns], bool]) -> Assigns:
        self.store.send(r.OpenSession(path=str(path), at="50%"))

        def answered() -> bool:
            self.store.fold()
            return until(self.store.assigns)

        self._qtbot.waitUntil(answered, timeout=LIMIT_MS)
        return self.store.assigns


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Desk(qtbot, tmp_path / "kept")
    yield made
    made.effects.stop()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"traceEvents": EVENTS}))
    return path


def is_told(assigns: Assigns) -> bool:
    return assigns.frame is not None and assigns.notice is not None


def conversions(desk: Desk) -> int:
    return sum(isinstance(event, r.OpenConverted) for event in desk.happened)


def test_a_session_is_made_once_opened_where_it_was_asked_for_and_told_about(
    desk: Desk, trace: Path, tmp_path: Path
) -> None:
    shown = desk.open(trace, is_told)
    assert shown.session is not None
    made = Path(shown.session.path)
    assert made == converted_path(trace, tmp_path / "kept")
    assert made.name.startswith("result-")
    assert shown.notice is not None
    assert shown.notice.text.startswith("60 events of ")
    assert shown.cursor_ns == sum(shown.range_ns) // 2
    assert conversions(desk) == 1
    key = shown.session.key
    again = desk.open(trace, lambda assigns: assigns.session is not None and assigns.session.key != key)
    assert again.session is not None
    assert (again.session.path, conversions(desk)) == (str(made), 1)


def test_one_that_has_no_call_is_refused_in_a_sentence_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"traceEvents": []}')
    shown = desk.open(empty, lambda assigns: assigns.notice is not None)
    assert shown.notice is not None
    assert "there is nothing to show" in shown.notice.text
    assert shown.notice.serious
    assert list((tmp_path / "kept").iterdir()) == []


def test_where_no_session_can_be_made_is_said(desk: Desk, trace: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way")
    shown = desk.open(trace, lambda assigns: assigns.notice is not None)
    assert shown.notice is not None
    assert shown.notice.text.startswith(f"No session can be made of result.json: {tmp_path / 'kept'}: ")


def test_a_file_that_has_changed_is_another_recording(trace: Path, tmp_path: Path) -> None:
    before = converted_path(trace, tmp_path)
    assert converted_path(trace, tmp_path) == before
    os.utime(trace, ns=(1, 1))
    assert converted_path(trace, tmp_path) != before
    other = tmp_path / "other" / "result.json"
    other.parent.mkdir()
    other.write_bytes(trace.read_bytes())
    os.utime(other, ns=(1, 1))
    assert converted_path(other, tmp_path) != converted_path(trace, tmp_path)


def test_what_is_foreign_is_known_by_what_is_in_it(trace: Path, tmp_path: Path) -> None:
    packed = tmp_path / "t.json.gz"
    packed.write_bytes(gzip.compress(trace.read_bytes()))
    misnamed = tmp_path / "t.scope"
    misnamed.write_bytes(trace.read_bytes())
    assert all(map(is_foreign, (trace, packed, misnamed)))
    session = build_session(tmp_path / "s.scope", 20).path
    notes = tmp_path / "notes.json"
    notes.write_text('{"version": 1, "notes": []}')
    assert not any(map(is_foreign, (session, notes, tmp_path, tmp_path / "nowhere.json")))
    assert set(suffixes()) >= {".json", ".json.gz"}

"""What the window does with a session's files is what the command line does, said in the window, and can be stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow
from pytestqt.qtbot import QtBot

from capture.session.session import Session
from dags.frame.reader import frame_at
from scope_gui.commands import COMMANDS, Ask
from scope_gui.dialogs import own_verb
from scope_gui.dialogs.keeping import Keeping
from scope_gui.verbs.registry import verb_named
from tests.sessions import build_session
from views.loop.events import FrameReady, SessionOpened
from views.loop.state import Notice, SessionRef
from views.loop.store import Store

LIMIT_MS = 30_000


class Window:
    """A window of nothing, with the store that its notices go to."""

    def __init__(self, qtbot: QtBot) -> None:
        self.frame = QMainWindow()
        qtbot.addWidget(self.frame)
        self.store = Store()
        self.keeping = Keeping(self.frame, self.store)
        self.qtbot = qtbot
        self.busy: list[str] = []

    def show(self, path: Path, *, live: bool = False) -> None:
        session = SessionRef(key=1, path=str(path), name=path.name, live=live)
        self.store.send(SessionOpened(session=session, range_ns=(0, 1)))
        self.store.fold()

    def said(self, do: Callable[[], None]) -> Notice:
        """The notice that doing this leads to."""
        before = self.store.assigns.notice
        do()

        def answered() -> bool:
            self.store.fold()
            self.busy.append(self.store.assigns.busy)
            return self.store.assigns.notice not in (None, before) and not self.store.assigns.busy

        self.qtbot.waitUntil(answered, timeout=LIMIT_MS)
        notice = self.store.assigns.notice
        assert notice is not None
        return notice

    def asked(self, what: Ask) -> Notice:
        return self.said(lambda: self.keeping.ask(what))

    def begun(self, verb: str) -> Notice:
        return self.said(lambda: self.keeping.begin(verb_named(verb)))


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Window(qtbot)
    yield made
    made.frame.deleteLater()


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return build_session(tmp_path / "orders.scope", 600, 1, segments=3).path


def test_a_session_is_kept_as_one_file_under_a_name_that_was_free(
    window: Window, session: Path, tmp_path: Path
) -> None:
    window.show(session)
    target = tmp_path / "kept.scope"
    assert window.said(lambda: window.keeping.write(verb_named("pack"), str(target))) == Notice(f"Kept as {target}.")
    assert "Packing orders.scope" in window.busy
    with Session.open(target) as packed:
        assert packed.complete
    again = window.said(lambda: window.keeping.write(verb_named("pack"), str(target)))
    assert again.text == f"{target} exists already; choose another name."


def test_a_graph_is_that_of_the_event_at_the_cursor(window: Window, session: Path, tmp_path: Path) -> None:
    window.show(session)
    assert window.said(lambda: window.keeping.begin(verb_named("graph"))).text.startswith("No event lies at the cursor")
    with Session.open(session) as read:
        at = read.end_ns // 2
        window.store.send(FrameReady(key=1, time_ns=at, frame=frame_at(read, at)))
    window.store.fold()
    target = tmp_path / "graph.json"
    said = window.said(lambda: window.keeping.write(verb_named("graph"), str(target)))
    assert said.text.endswith(f" edges are in {target}.")
    frame = window.store.assigns.frame
    assert frame is not None
    assert json.loads(target.read_text())["graph"]["around"] == frame.event_id > 1


def test_a_session_is_converted_for_another_tool(window: Window, session: Path, tmp_path: Path) -> None:
    window.show(session)
    target = tmp_path / "orders.json"
    said = window.said(lambda: window.keeping.write(verb_named("convert"), str(target)))
    assert said == Notice(f"Converted into {target}.")
    assert "Converting orders.scope" in window.busy
    assert len(json.loads(target.read_text())["traceEvents"]) > 300


def test_the_dialog_asks_where_to_keep_it(window: Window, session: Path, qtbot: QtBot) -> None:
    window.show(session)
    window.keeping.begin(verb_named("pack"))
    qtbot.waitUntil(lambda: isinstance(QApplication.activeModalWidget(), QFileDialog), timeout=LIMIT_MS)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QFileDialog)
    assert dialog.acceptMode() is QFileDialog.AcceptMode.AcceptSave
    dialog.close()


def test_a_live_or_packed_session_is_not_packed_and_the_window_says_why(window: Window, tmp_path: Path) -> None:
    window.show(tmp_path / "a.scope", live=True)
    assert "still being recorded" in window.begun("pack").text
    packed = tmp_path / "b.scope"
    packed.touch()
    window.show(packed)
    assert window.begun("pack").text == f"{packed} is one file already."


def test_a_session_is_checked_and_damage_is_serious(window: Window, session: Path) -> None:
    window.show(session)
    assert window.begun("verify") == Notice("orders.scope: nothing that was recorded is missing.")
    broken = next(session.glob("segments/*.events.parquet"))
    broken.write_bytes(broken.read_bytes()[:-3])
    assert window.begun("verify") == Notice("orders.scope: this session has lost something.", serious=True)


def test_caches_are_rebuilt(window: Window, session: Path) -> None:
    shutil.rmtree(session / "cache")
    window.show(session)
    assert window.begun("index").text.startswith(
        "orders.scope: 3 keyframes, 0 levels of detail, 0 summaries of calls written"
    )
    assert len(list((session / "cache").iterdir())) == 3


def test_the_worlds_reasons_reach_the_window(window: Window, tmp_path: Path) -> None:
    window.show(tmp_path / "gone.scope")
    told = window.begun("verify")
    assert told.serious
    assert "gone.scope" in told.text
    assert not told.text.startswith("scope-gui:")


def test_the_desktops_menu_is_changed_and_changed_back(window: Window, tmp_path: Path) -> None:
    entry = tmp_path / "data" / "applications" / "scope-gui.desktop"
    assert window.asked("desktop").text.startswith("Scope is in the desktop's menu and opens packed sessions")
    assert entry.is_file()
    assert window.asked("no desktop") == Notice("Scope is no longer in the desktop's menu.")
    assert not entry.exists()


def test_what_is_under_way_can_be_stopped_and_is_not_started_twice(
    window: Window, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is one that would take an hour, and ends as ours does at an interrupt."""
    slow = tmp_path / "scope-gui"
    slow.write_text("#!/bin/sh\necho 'scope-gui: packing: 40 %' >&2\nexec sleep 3600\n")
    slow.chmod(0o755)
    monkeypatch.setattr(own_verb, "own_program", lambda: [str(slow)])
    window.show(session)
    window.keeping.begin(verb_named("verify"))
    window.qtbot.waitUntil(
        lambda: bool(window.store.fold()) or window.store.assigns.busy == "packing: 40 %", timeout=LIMIT_MS
    )
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    started = [child for child in children if str(slow) in child.cmdline() or child.name() == "sleep"]
    assert len(started) == 1
    window.keeping.begin(verb_named("index"))
    window.store.fold()
    assert window.store.assigns.notice == Notice("Checking orders.scope is still under way; stop it or wait.")
    assert window.asked("stop work") == Notice("Checking orders.scope was stopped.")
    assert not started[0].is_running()
    assert window.asked("stop work") == Notice("Nothing is under way that could be stopped.")


def test_every_one_of_these_is_a_command() -> None:
    asked = {command.ask: command for command in COMMANDS if command.ask}
    assert {"stop work", "desktop", "no desktop"} <= asked.keys()
    assert not asked["desktop"].needs_session
    begun = {command.verb: command for command in COMMANDS if command.verb}
    assert {"pack", "verify", "index"} <= begun.keys()
    assert all(command.needs_session for command in begun.values())

"""Recordings that a window starts: real recorders on real programs, followed through the Store as the window does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from capture.attach.doctor import Diagnosis
from capture.attach.rules import Rule
from capture.session.session import Session
from scope_gui.recording import demo
from scope_gui.recording.recordings import Recordings
from scope_gui.window.effects import Effects
from tests.leftovers import wait_for
from tests.scope_command import scope
from tests.sessions import build_session
from tests.targets import Launcher, Target
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Launch
from views.loop.store import Store
from views.reading.source import Source
from views.reading.worker_pool import WorkerPool

PATIENCE_S = 30.0
TICKING = """
import time

def beat(n):
    return n + 1

print("ready", flush=True)
n = 0
while True:
    n = beat(n)
    time.sleep(0.005)
"""


class Desk:
    """A Store with the effects of a window, folded by hand; it remembers which recordings are over."""

    def __init__(self) -> None:
        self.store = Store()
        self.effects = Effects(Source(), self.store.send)
        self.recordings = Recordings(self.store.send, WorkerPool())
        self.over: list[str] = []
        self.store.effects += [self.effects, self.recordings, self._note]

    def _note(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, r.RecordingOver):
            self.over.append(event.path)

    def do(self, *events: e.Event, until: Callable[[Assigns], bool]) -> Assigns:
        for event in events:
            self.store.send(event)

        def answered() -> bool:
            self.store.fold()
            return until(self.store.assigns)

        assert wait_for(answered, PATIENCE_S), self.store.assigns
        return self.store.assigns

    def wait_until_over(self) -> Assigns:
        return self.do(until=lambda assigns: bool(self.over))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Desk()
    yield made
    made.recordings.close()
    made.effects.stop()


@pytest.fixture
def ticking(target: Launcher, tmp_path: Path) -> Target:
    (tmp_path / "ticking.py").write_text(TICKING)
    return target([sys.executable, tmp_path / "ticking.py"], ready="ready")


def attach_to(program: Target, path: Path) -> r.StartRecording:
    return r.StartRecording(words=("attach", str(program.pid)), path=str(path), what="ticking")


def is_live(assigns: Assigns) -> bool:
    return assigns.session is not None and assigns.session.live and assigns.range_ns[1] > 0


def assert_whole(path: Path) -> int:
    """Everything is there and accounted for; the number of events."""
    with Session.open(path) as session:
        info = session.info()
    assert info.complete
    assert info.produced == info.recorded + info.dropped
    return info.produced


def test_a_started_recording_is_opened_live_and_stops_when_asked(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "ticking.scope"
    live = desk.do(attach_to(ticking, path), until=is_live)
    assert live.session is not None
    assert live.session.path == str(path)
    assert live.busy == ""
    told = desk.do(until=lambda assigns: assigns.recorder is not None and assigns.recorder.produced > 100)
    assert told.recorder is not None
    assert (told.recorder.pid, told.recorder.state, told.recorder.dropped) == (ticking.pid, "recording", 0)
    assert told.recorder.memory_bytes > 0
    desk.store.send(r.StopRecording())
    over = desk.wait_until_over()
    assert over.notice is not None
    assert "stopped on request" in over.notice.text
    assert not over.notice.serious
    assert assert_whole(path) >= told.recorder.produced
    assert ticking.alive


def test_what_is_recorded_changes_from_the_window_and_what_cannot_is_told(
    desk: Desk, ticking: Target, tmp_path: Path
) -> None:
    path = tmp_path / "ticking.scope"
    desk.do(attach_to(ticking, path), until=is_live)
    changed = desk.do(
        r.ChangeRecording(flags={"exclude": ("nosuch",)}),
        until=lambda assigns: assigns.notice is not None and "from now on" in assigns.notice.text,
    )
    assert changed.notice is not None
    assert changed.notice.text.endswith("--exclude nosuch")
    assert changed.busy == ""
    refused = desk.do(
        r.ChangeRecording(flags={"chunk_count": 16}),
        until=lambda assigns: assigns.notice is not None and assigns.notice.serious,
    )
    assert refused.notice is not None
    assert "--memory cannot change" in refused.notice.text
    desk.store.send(r.StopRecording())
    desk.wait_until_over()
    with Session.open(path) as session:
        assert [change.flags["exclude"] for change in session.info().changes] == [["nosuch"]]


def test_a_target_that_is_gone_is_said_once_and_leaves_nothing(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    ticking.end()
    desk.store.send(attach_to(ticking, tmp_path / "gone.scope"))
    told = desk.wait_until_over()
    assert told.notice is not None
    assert told.notice.serious
    assert told.notice.text.startswith(f"There is no process {ticking.pid}.")
    assert (told.session, told.busy) == (None, "")
    assert not (tmp_path / "gone.scope").exists()


def test_a_rule_in_the_way_comes_back_with_its_remedy(desk: Desk, target: Launcher, tmp_path: Path) -> None:
    waiting = "print('ready', flush=True); import time; time.sleep(300)"
    program = target([sys.executable, "-X", "disable-remote-debug", "-c", waiting], ready="ready")
    desk.store.send(attach_to(program, tmp_path / "no.scope"))
    told = desk.wait_until_over()
    assert told.notice is not None
    assert told.notice.serious
    assert "remote debugging disabled" in told.notice.text
    assert "Start it without that" in told.notice.text
    assert program.alive


def test_a_target_that_ends_is_said_and_its_recording_is_whole(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    path = tmp_path / "short.scope"
    desk.do(attach_to(ticking, path), until=is_live)
    ticking.end()
    over = desk.do(until=lambda assigns: bool(desk.over) and assigns.notice is not None)
    assert over.notice is not None
    assert "ended" in over.notice.text
    assert_whole(path)


def test_a_session_that_is_there_already_is_not_touched(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    path = build_session(tmp_path / "old.scope", events=50).path
    before = {file.name for file in path.rglob("*")}
    told = desk.do(attach_to(ticking, path), until=lambda assigns: bool(desk.over))
    assert told.notice is not None
    assert "already exists" in told.notice.text
    assert told.session is None
    assert {file.name for file in path.rglob("*")} == before


def test_a_folder_that_cannot_be_made_is_said(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = desk.do(attach_to(ticking, tmp_path / "file" / "a.scope"), until=lambda assigns: assigns.notice is not None)
    assert told.notice is not None
    assert "cannot be recorded" in told.notice.text
    assert told.busy == ""


def test_opening_another_session_stops_and_saves_the_windows_own(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    other = build_session(tmp_path / "other.scope", events=50).path
    path = tmp_path / "own.scope"
    desk.do(attach_to(ticking, path), until=is_live)
    desk.do(r.OpenSession(path=str(other)), until=lambda assigns: bool(desk.over))
    assert desk.over == [str(path)]
    assert_whole(path)


def test_a_launched_program_is_recorded_from_its_first_line_in_its_folder(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "once.py").write_text("def once():\n    open('here', 'w').close()\nonce()\n")
    path = tmp_path / "once.scope"
    words = ("run", "--", sys.executable, "once.py")
    launch = Launch("python once.py", str(tmp_path))
    over = desk.do(
        r.StartRecording(words=words, path=str(path), what="once", launch=launch),
        until=lambda assigns: bool(desk.over) and assigns.session is not None,
    )
    assert over.launches == (launch,)
    assert (tmp_path / "here").exists()
    assert assert_whole(path) > 0
    with Session.open(path) as session:
        assert "once" in [row.function for row in session.sites()]


def test_the_demo_is_recorded_with_its_state_and_ends_with_its_recording(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "demo.scope"
    live = desk.do(r.StartDemo(path=str(path)), until=lambda assigns: is_live(assigns) and assigns.recorder is not None)
    assert live.recorder is not None
    program = psutil.Process(live.recorder.pid)
    assert "orders" in program.cmdline()
    desk.do(until=lambda assigns: assigns.frame is not None and len(assigns.frame.states) > 5)
    desk.store.send(r.StopRecording())
    desk.wait_until_over()
    assert not program.is_running()
    assert_whole(path)


def test_where_only_parents_may_enter_the_demo_is_started_by_its_recorder(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = Rule("ptrace scope", False, "The kernel lets a process be entered only by its parents.")
    monkeypatch.setattr(demo, "examine", lambda pid: Diagnosis(pid, False, "observe", (forbidden,)))
    path = tmp_path / "demo.scope"
    live = desk.do(r.StartDemo(path=str(path)), until=lambda assigns: is_live(assigns) and assigns.recorder is not None)
    assert live.recorder is not None
    program = psutil.Process(live.recorder.pid)
    desk.do(e.SessionClosed(), until=lambda assigns: bool(desk.over))
    assert not program.is_running()
    assert_whole(path)


def test_what_is_no_python_is_observed(desk: Desk, target: Launcher, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ready\n")
    program = target(["tail", "-f", log], ready="ready")
    path = tmp_path / "tail.scope"
    words = ("attach", str(program.pid), "--mode", "observe")
    live = desk.do(
        r.StartRecording(words=words, path=str(path), what="tail"),
        until=lambda assigns: is_live(assigns) and assigns.frame is not None and bool(assigns.frame.processes),
    )
    assert live.frame is not None
    assert live.frame.processes[0].pid == program.pid
    desk.store.send(r.StopRecording())
    desk.wait_until_over()
    assert assert_whole(path) == 0
    assert program.alive


def test_a_recorder_that_is_killed_leaves_a_session_to_recover(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    path = tmp_path / "killed.scope"
    desk.do(attach_to(ticking, path), until=is_live)
    [recorder] = [process for process in psutil.Process().children() if str(path) in process.cmdline()]
    recorder.kill()
    told = desk.do(until=lambda assigns: assigns.session is not None and assigns.session.unfinished)
    assert desk.over == [str(path)]
    assert told.notice is not None
    assert told.notice.offer is not None
    scope("recover", path)
    assert_whole(path)
    assert ticking.alive


def test_what_a_window_leaves_behind_saves_itself(desk: Desk, ticking: Target, tmp_path: Path) -> None:
    path = tmp_path / "left.scope"
    desk.do(attach_to(ticking, path), until=is_live)
    desk.recordings.close()
    assert desk.recordings.running == 0

    def is_saved() -> bool:
        with Session.open(path) as session:
            return session.complete

    assert wait_for(is_saved, PATIENCE_S)
    assert_whole(path)


def test_a_flight_recorder_saves_at_a_key_and_the_window_goes_on_with_what_it_has_saved(
    desk: Desk, ticking: Target, tmp_path: Path
) -> None:
    for name, reason in (("saved", "asked for in the window"), ("left", "")):
        path = tmp_path / f"{name}.scope"
        flags = ("--flight", "30s", "--tail", "0")
        desk.over.clear()
        desk.do(r.StartRecording(words=("attach", *flags, str(ticking.pid)), path=str(path), what=name), until=is_live)
        desk.do(until=lambda assigns: assigns.recorder is not None and assigns.recorder.produced > 10)
        if reason:
            desk.do(r.SaveFlight(), until=lambda _: (tmp_path / "saved-1.scope" / "notes.json").exists())
        desk.store.send(r.StopRecording())
        if reason:
            shown = desk.do(until=lambda a: a.session is not None and a.session.name == "saved-1.scope")
            assert shown.session is not None
            assert not shown.session.live
            assert [note.text for note in shown.bookmarks if note.author] == [reason]
            assert shown.cursor_ns == next(note.time_ns for note in shown.bookmarks if note.author)
            assert_whole(tmp_path / "saved-1.scope")
        else:
            shown = desk.do(until=lambda assigns: assigns.session is None and assigns.notice is not None)
            assert shown.notice is not None
            assert "othing is kept, for no trigger of the flight recorder came" in shown.notice.text
        desk.wait_until_over()
        assert not path.exists()
    assert sorted(one.name for one in tmp_path.glob("*.scope*")) == ["saved-1.scope"]

"""One row of QUESTIONS is all that a slow question needs: asked by its event, answered beside, stopped in time."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capture.named import named
from scope_gui.window.effects import Effects
from tests.leftovers import wait_for
from tests.sessions import build_session
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Notice
from views.loop.store import Store
from views.reading import questions
from views.reading.questions import QUESTIONS, Asked, Question
from views.reading.source import Source

WAIT_S = 15


class HowMany(e.Event, frozen=True, kw_only=True):
    """The made-up question: how many events the tracks up to this one have."""

    track_id: int


class SoMany(e.Event, frozen=True, kw_only=True):
    """Its answer."""

    key: int
    events: int


go_on = threading.Event()
begun: list[int] = []


def count(asked: Asked) -> Iterator[e.Event]:
    """Reads the session segment by segment, and waits in between while a test wants it to take long."""
    assert isinstance(asked.event, HowMany)
    session = asked.source.session
    assert session is not None
    begun.append(asked.event.track_id)
    found = 0
    for index in range(len(session.segments)):
        found += int((asked.source.segment_events(index).track_id <= asked.event.track_id).sum())
    while not go_on.wait(0.01):
        asked.source.segment_events(0)
    yield SoMany(key=asked.key, events=found)


HOW_MANY = Question("how many", f"{__name__}:HowMany", f"{__name__}:count", f"{__name__}:SoMany", "Counting events")


class Desk:
    """A Store with the window's effects, folded by hand; it keeps the answers."""

    def __init__(self) -> None:
        self.store, self.answers, self.busy = Store(), list[SoMany](), set[str]()
        self.effects = Effects(Source(), self.store.send)
        self.store.effects += [self.effects, self._keep]

    def _keep(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        self.busy.add(after.busy.partition(",")[0])
        if isinstance(event, SoMany):
            self.answers.append(event)

    def do(self, *events: e.Event, until: Callable[[], object]) -> None:
        """Sends events and folds until that is so."""
        for event in events:
            self.store.send(event)

        def is_so() -> bool:
            self.store.fold()
            return bool(until())

        assert wait_for(is_so, WAIT_S), self.store.assigns

    def open(self, path: Path) -> int:
        """Opens a session and says its key."""
        before = self.store.assigns.session

        def is_open() -> bool:
            now = self.store.assigns
            return now.session is not None and now.session != before and now.frame is not None

        self.do(r.OpenSession(path=str(path)), until=is_open)
        assert self.store.assigns.session is not None
        return self.store.assigns.session.key


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(questions, "QUESTIONS", (HOW_MANY, *QUESTIONS))
    go_on.clear()
    begun.clear()
    made = Desk()
    yield made
    go_on.set()
    made.effects.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return build_session(tmp_path / "orders.scope", events=400, tracks=2, segments=3).path


def test_a_made_up_question_is_answered(desk: Desk, path: Path) -> None:
    key = desk.open(path)
    go_on.set()
    desk.do(HowMany(track_id=9), until=lambda: desk.answers)
    assert desk.answers == [SoMany(key=key, events=400)]


def test_what_takes_long_is_said_to_be_under_way_and_can_be_stopped(desk: Desk, path: Path) -> None:
    desk.open(path)
    desk.do(HowMany(track_id=9), until=lambda: desk.store.assigns.busy.startswith("Counting events, "))
    desk.do(e.StopLooking(), until=lambda: not desk.store.assigns.busy)
    go_on.set()
    desk.do(e.StopLooking(), until=lambda: desk.store.assigns.notice is not None)
    assert desk.store.assigns.notice == Notice("Nothing is under way that could be stopped.")
    desk.do(HowMany(track_id=2), until=lambda: desk.answers)
    assert [begun, len(desk.answers)] == [[9, 2], 1]


def test_what_is_quick_is_not_said_to_be_under_way(desk: Desk, path: Path) -> None:
    desk.open(path)
    go_on.set()
    desk.do(HowMany(track_id=9), until=lambda: desk.answers)
    assert "Counting events" not in desk.busy


def test_the_same_question_asked_anew_gives_up_the_older_one(desk: Desk, path: Path) -> None:
    desk.open(path)
    desk.do(HowMany(track_id=1), until=lambda: begun == [1])
    desk.do(HowMany(track_id=3), until=lambda: begun == [1, 3])
    go_on.set()
    desk.do(until=lambda: desk.answers)
    assert [len(desk.answers), desk.answers[0].events] == [1, 400]


def test_a_question_about_a_session_that_is_closed_is_given_up(desk: Desk, path: Path, tmp_path: Path) -> None:
    desk.open(path)
    desk.do(HowMany(track_id=1), until=lambda: begun == [1])
    other = desk.open(build_session(tmp_path / "b.scope", events=60, tracks=2).path)
    go_on.set()
    desk.do(HowMany(track_id=9), until=lambda: desk.answers)
    assert desk.answers == [SoMany(key=other, events=60)]


def test_without_a_session_nothing_is_asked(desk: Desk) -> None:
    go_on.set()
    desk.do(HowMany(track_id=1), e.FitSelection(), e.Search(text="put"), until=lambda: not desk.store.has_waiting)
    assert (begun, desk.store.assigns.notice) == ([], None)


def test_each_row_names_what_is_there() -> None:
    names = [row.name for row in QUESTIONS]
    assert len(set(names)) == len(names)
    for row in QUESTIONS:
        assert issubclass(named(row.ask_event), e.Event)
        assert issubclass(named(row.answer_event), e.Event)
        assert inspect.isgeneratorfunction(named(row.find))
        assert not row.in_hand or named(row.in_hand)(Assigns()) is None
        assert row.words


def test_a_quiet_question_gives_way_once_it_has_read_what_it_reads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given_way: list[bool] = []
    asked = Asked(HOW_MANY._replace(is_quiet=True, at_once=2), HowMany(track_id=1), Assigns(), lambda event: None)
    monkeypatch.setattr(asked.source.pool, "give_way", lambda is_given_up: given_way.append(is_given_up()))
    for pieces in range(5):
        asked.reads_on()
        assert len(given_way) == max(0, pieces - 1)
    asked.wait(0.001)
    asked.stop()
    for read in (asked.reads_on, lambda: asked.wait(60)):
        with pytest.raises(questions.Stopped):
            read()

"""What is picked has its page: asked once for each thing, answered beside, shown as old until the new one is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from capture.session.session import Session
from dags.analyses.call_facts import CallFacts
from dags.analyses.process_facts import ProcessFacts
from dags.analyses.thread_facts import ThreadFacts
from dags.analyses.value_facts import ValueFacts
from scope_gui.pictures.offscreen import Offscreen
from tests.scope_gui.window.test_effects import Desk
from tests.sessions import Truth
from tests.views.frames import showing
from tests.views.windows import KEY, after, frame, opened
from views.inspector.asking import find, wanted
from views.inspector.pages import registry
from views.inspector.pages.registry import page_at
from views.inspector.state import FactsFound, InspectorState, WriteNote
from views.inspector.view import InspectorView
from views.loop import events as e
from views.loop.state import Assigns, Selection
from views.loop.store import Store
from views.reading import questions
from views.reading.questions import Asked
from views.reading.source import Source


@pytest.fixture
def opened_at() -> str:
    return "50%"


def facts_of(desk: Desk, selection: Selection) -> msgspec.Struct:
    """The best answer about it."""

    def is_known(now: Assigns) -> bool:
        found, is_fresh = now.of(InspectorState).page_facts(now.selection)
        counted = {CallFacts: "among", ThreadFacts: "all_calls", ProcessFacts: "calls", ValueFacts: "earlier"}
        return found is not None and is_fresh and getattr(found, counted[type(found)]) is not None

    found, _ = desk.do(e.Select(selection=selection), until=is_known).of(InspectorState).page_facts(selection)
    assert found is not None
    return found


PROCESS = ((Selection("process", 1), ProcessFacts), (Selection("track", 1, 1), ProcessFacts))
"""By itself, and by its line on the timeline."""


def test_a_picked_call_thread_process_and_value_have_their_facts(desk: Desk, truth: Truth) -> None:
    call = next(row for row in truth.tables["calls"].to_pylist() if row["parent_call_id"])
    facts = facts_of(desk, Selection("call", call["call_id"], call["track_id"]))
    assert isinstance(facts, CallFacts)
    assert facts.call.start_ns == call["start_ns"]
    for picked, of in ((Selection("track", 3, 3), ThreadFacts), *PROCESS):
        assert isinstance(facts_of(desk, picked), of)
        shown = desk.store.assigns
        assert shown.frame is not None
        page = page_at(shown.frame, shown.of(InspectorState), picked, shown.stretch_ns)
        assert page
        assert not any(section.is_old for section in page)
    value = facts_of(desk, Selection("state", 2, 2))
    assert isinstance(value, ValueFacts)
    assert [one.new for one in value.versions] == ["1", "2", "3", "4"]


def test_it_is_asked_once_for_each_thing_wherever_the_cursor_goes() -> None:
    shown = after(opened(), e.Select(selection=Selection("call", 4, 2)))
    asked = wanted(shown)
    assert asked is not None
    assert wanted(after(shown, e.SeekTo(time_ns=400), e.Zoom(factor=0.5))) == asked
    assert wanted(after(shown, e.Select(selection=Selection("call", 5, 2)))) != asked
    assert wanted(after(shown, e.PickNothing())) is None
    thread = after(opened(), e.Select(selection=Selection("track", 2, 2)))
    assert wanted(after(thread, e.Zoom(factor=0.5))) != wanted(thread)


def test_of_a_session_that_grows_it_is_asked_anew_once_there_is_much_more_of_it() -> None:
    shown = after(opened(live=True), e.Select(selection=Selection("call", 4, 2)))
    asked = []
    for second in range(1, 601):
        shown = after(shown, e.SessionGrew(key=KEY, range_ns=(0, second * 10**9), live=True))
        asked.append(wanted(shown))
    assert 4 <= len(set(asked[:10])) <= 6
    assert len(set(asked[300:])) <= 20
    ended = after(shown, e.SessionGrew(key=KEY, range_ns=(0, 600 * 10**9), live=False))
    assert wanted(ended) != asked[-1]


class Better(msgspec.Struct):
    """Made-up facts, of the first answer or of the second."""

    counted: bool


def in_two_answers(asked: Asked, picked: Selection) -> Iterator[msgspec.Struct]:
    yield Better(counted=False)
    yield Better(counted=True)


def test_what_is_known_does_not_go_back_to_less_when_it_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [page._replace(find=f"{__name__}:in_two_answers") for page in registry.PAGES]
    monkeypatch.setattr(registry, "PAGES", tuple(rows))
    [row] = (row for row in questions.QUESTIONS if row.name == "page")
    picked = Selection("call", 4, 2)
    shown = after(opened(), e.Select(selection=picked))
    source = Source()
    told: list[list[bool]] = []
    for _ in range(2):
        asked = Asked(row, e.Select(selection=picked), shown, lambda event: None)
        monkeypatch.setattr(asked, "source", _Open(source))
        found = list(find(asked))
        facts = [one.facts for one in found if isinstance(one, FactsFound)]
        told.append([one.counted for one in facts if isinstance(one, Better)])
        shown = after(shown, *found)
    assert told == [[False, True], [True]]


class _Open:
    """A source with a session, which nobody reads."""

    session = object()

    def __init__(self, source: Source) -> None:
        self.pool = source.pool


class Made(msgspec.Struct):
    """Facts that no page is for."""


def test_facts_are_shown_for_what_they_are_about_and_as_old_until_the_new_ones_are_known() -> None:
    one, other = Selection("call", 4, 2), Selection("call", 5, 2)
    shown = after(opened(), e.Select(selection=one), FactsFound(key=KEY, about=one, facts=Made()))
    state = shown.of(InspectorState)
    assert state.page_facts(one) == (Made(), True)
    assert state.page_facts(other) == (Made(), False)
    assert state.page_facts(Selection("track", 2, 2)) == (None, True)
    assert state.page_facts(None) == (None, True)
    late = after(shown, e.Select(selection=other), FactsFound(key=KEY, about=one, facts=Made()))
    assert late.of(InspectorState) == state
    assert after(shown, FactsFound(key=KEY + 1, about=one, facts=Made())) is shown
    assert page_at(frame(5), state, one) == ()


def test_a_note_is_written_only_where_there_is_a_bookmark() -> None:
    shown = after(opened(at_ns=40), e.AddBookmark(text="leak"))
    writing = after(shown, WriteNote(time_ns=40))
    assert writing.of(InspectorState).note_ns == 40
    assert after(writing, WriteNote(time_ns=None)).of(InspectorState).note_ns is None
    assert after(shown, WriteNote(time_ns=41)).of(InspectorState).note_ns is None


class Stretch(msgspec.Struct):
    """Made-up facts of a stretch."""

    visible_ns: tuple[int, int]


read: list[tuple[int, int]] = []


def of_stretch(asked: Asked, picked: Selection) -> Iterator[msgspec.Struct]:
    read.append(asked.assigns.visible_ns)
    yield Stretch(asked.assigns.visible_ns)


def test_a_stretch_that_moves_with_every_key_is_read_about_once_it_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read.clear()
    rows = [page._replace(find=f"{__name__}:of_stretch") if page.of_stretch else page for page in registry.PAGES]
    monkeypatch.setattr(registry, "PAGES", tuple(rows))

    def is_told(now: Assigns) -> bool:
        return now.of(InspectorState).facts == Stretch(now.visible_ns)

    desk.do(e.Select(selection=Selection("track", 3, 3)), until=is_told)
    desk.do(*[e.Zoom(factor=0.9)] * 12, until=is_told)
    assert len(read) == 2
    assert read[-1] == desk.store.assigns.visible_ns


def no_desk(store: Store, source: Source) -> NoReturn:
    raise AssertionError("one view needs no desk")


def test_a_picture_has_the_page_of_what_is_picked(qtbot: QtBot, truth: Truth) -> None:
    call = next(row for row in truth.tables["calls"].to_pylist() if row["parent_call_id"])
    with Session.open(truth.path) as session:
        picked = Selection("call", call["call_id"], call["track_id"])
        shown = showing(frame(call["start_ns"]), selection=picked)
        pictures = Offscreen("inspector", Source(session), shown, (450, 600), make_desk=no_desk)
        pictures.show(frame(call["start_ns"]))
        pictures.load()
        view = pictures.widget
        assert isinstance(view, InspectorView)
        among = next(row for section in view.sections() for row in section.rows if row.key == "among")
        assert " of " in among.pieces[0].text
        pictures.close()

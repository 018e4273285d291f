"""Sections and rows of the inspector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dags.frame_parts import FrameException, FrameSettings
from tests.views.frames import call, frame, process, state, track
from views.inspector.layout import Site, inspector_sections
from views.inspector.sections import Row, Section
from views.loop.events import SeekTo, Select, Visit
from views.loop.state import Selection
from views.words.figures import THIN

STACK = [call(1, "main", 100, line=3), call(2, "Store.put", 900, line_is="defined", line=40)]
AT = frame(
    1_000,
    tracks=[track(2, stack=STACK, waiting_on=3), track(3)],
    states=[state(5, "stock", "19", 400), state(6, "open", "True", 700, writer_track_id=3, writer_call_id=None)],
)


def named(sections: tuple[Section, ...]) -> dict[str, Section]:
    return {section.key: section for section in sections}


def row(section: Section, key: str) -> Row:
    return next(row for row in section.rows if row.key == key)


def test_a_thread_shows_its_stack_innermost_first_with_where_each_call_stands() -> None:
    stack = named(inspector_sections(AT, Selection("track", 2, 2)))["stack"]
    assert [(r.label, r.pieces[0].text) for r in stack.rows] == [
        ("Store.put", "defined at orders.py:40"),
        ("main", "at orders.py:3"),
    ]
    assert stack.rows[0].links[0].event == SeekTo(time_ns=900, visit=True)
    assert stack.rows[0].links[1].event == Select(selection=Selection("call", 2, 2))


def test_recursion_is_folded_to_its_ends_and_to_the_call_that_is_picked() -> None:
    walk = [call(n, "walk", n) for n in range(2, 3_002)]
    at = frame(10_000, tracks=[track(2, stack=[call(1, "main", 1), *walk, call(5_000, "rest", 6_000)])])
    stack = named(inspector_sections(at, Selection("call", 700, 2)))["stack"]
    assert stack.title == "Stack, innermost first (3002)"
    between = "2\N{NARROW NO-BREAK SPACE}997 more calls of walk between"
    assert [row.label for row in stack.rows] == ["rest", "walk", "walk", between, "walk", "main"]
    assert [row.key.partition(":")[2] for row in stack.rows if row.links] == ["5000", "3001", "700", "2", "1"]
    assert [row.picked for row in stack.rows] == [False, False, True, False, False, False]
    few = frame(10_000, tracks=[track(2, stack=walk[:4])])
    assert len(named(inspector_sections(few, Selection("track", 2, 2)))["stack"].rows) == 4


def test_what_a_thread_waits_for_can_be_followed() -> None:
    waits = row(named(inspector_sections(AT, Selection("track", 2, 2)))["identity"], "waiting")
    assert waits.pieces[0].text == "worker-3"
    assert waits.links[0].event == Select(selection=Selection("track", 3, 3))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"status_confidence": "sampled"}, "running · sampled"),
        ({}, "running"),
        (
            {"status": "waiting", "wait_kind": "io", "waiting_since_ns": 400, "status_confidence": "sampled"},
            f"waiting for I/O · 600{THIN}ns · sampled",
        ),
        ({"status": "waiting", "wait_kind": "join", "waiting_on": 3}, "waiting for another to end"),
        ({"status": "waiting", "wait_kind": "of a newer Scope"}, "waiting"),
    ],
)
def test_the_status_says_what_a_thread_waits_for_and_how_that_is_known(given: dict[str, Any], text: str) -> None:
    shown = frame(1_000, tracks=[track(2, **given), track(3)])
    assert row(named(inspector_sections(shown, Selection("track", 2, 2)))["identity"], "status").pieces[0].text == text


def test_states_are_newest_first_with_their_writer_and_the_difference() -> None:
    section = named(inspector_sections(AT, None, {5: "12"}))["state"]
    assert [r.label for r in section.rows] == ["orders.open", "orders.stock"]
    assert section.rows[1].note == f"600{THIN}ns ago by worker-2"
    assert [(p.only_in, p.text) for p in section.rows[1].pieces] == [("old", "12"), ("new", "19")]
    assert section.rows[1].links[0].event == SeekTo(time_ns=400, visit=True)
    assert section.rows[1].links[1].event == Visit(time_ns=400, selection=Selection("call", 5, 2))
    assert section.rows[1].links[2].event == Select(selection=Selection("state", 5, 2))


def test_an_exception_that_a_thread_has_just_raised_leads_to_its_page() -> None:
    raised = FrameException(exception_id=44, type="orders.NoStock", message="paper")
    identity = named(inspector_sections(frame(tracks=[track(2, exception=raised)]), Selection("track", 2, 2)))[
        "identity"
    ]
    assert row(identity, "raises").pieces[0].text == "orders.NoStock: paper"
    assert row(identity, "raises").links[0].event == Select(selection=Selection("event", 44, 2))


def test_a_selected_thread_shows_only_what_it_wrote() -> None:
    section = named(inspector_sections(AT, Selection("track", 3, 3)))["state"]
    assert [r.label for r in section.rows] == ["orders.open"]


def test_a_selected_state_comes_first_and_is_marked() -> None:
    rows = named(inspector_sections(AT, Selection("state", 5)))["state"].rows
    assert [(r.label, r.picked) for r in rows] == [("orders.stock", True), ("orders.open", False)]


def test_what_is_not_there_at_this_moment_is_said() -> None:
    for kind in ("track", "process", "call"):
        identity = named(inspector_sections(AT, Selection(kind, 99)))["identity"]
        assert identity.rows[0].label == "not there at this moment"


def test_a_process_says_what_is_not_captured() -> None:
    at = frame(processes=[process(1, cpu_percent=None, rss_bytes=None, tier="observe")])
    identity = named(inspector_sections(at, Selection("process", 1)))["identity"]
    assert {row(identity, key).pieces[0].text for key in ("cpu", "rss", "threads")} == {"not captured"}


def test_what_was_recorded_at_that_moment_explains_what_is_not_there() -> None:
    settings = FrameSettings(
        mode="state", include=[], exclude=["orders.audit"], state=[], when_full="drop", since_ns=400
    )
    at = msgspec.structs.replace(frame(1_000, processes=[process(1)]), settings=settings)
    for selection, key in ((None, "settings"), (Selection("process", 1), "identity")):
        section = named(inspector_sections(at, selection))[key]
        assert row(section, "recorded").pieces[0].text == "State only, no calls; --exclude orders.audit; --state off"
        assert row(section, "changed").links[0].event == SeekTo(time_ns=400, visit=True)
    unchanged = msgspec.structs.replace(at, settings=msgspec.structs.replace(settings, since_ns=None))
    assert "settings" not in named(inspector_sections(unchanged, None))


def test_a_room_shows_its_function_and_its_thread() -> None:
    site = Site(function="Store.put", module="orders", file="/srv/o.py", line=4, calls=1234, own_ns=10, window_ns=100)
    sections = named(inspector_sections(AT, Selection("site", 1, 2), site=site))
    assert list(sections) == ["site", "calls", "identity", "stack", "state"]
    assert row(sections["site"], "place").source is not None


@pytest.mark.parametrize("hostile", ["\u202egnp.exe", "a\nb\x00", "<img src=x>"])
def test_hostile_text_is_plain_everywhere(hostile: str) -> None:
    at = frame(
        processes=[process(name=hostile, command=hostile)],
        tracks=[track(2, name=hostile, stack=[call(1, hostile, 5, file=hostile)])],
        states=[state(1, hostile, hostile, 5, owner=hostile)],
    )
    for selection in (None, Selection("track", 2, 2), Selection("process", 1), Selection("state", 1)):
        for section in inspector_sections(at, selection, {1: hostile + "1"}):
            for one in section.rows:
                texts = [one.label, one.note, *(piece.text for piece in one.pieces), *(link.text for link in one.links)]
                assert all(text.isprintable() or "\N{NARROW NO-BREAK SPACE}" in text for text in texts)
                assert not any(char in text for text in texts for char in "\u202e\n\x00")

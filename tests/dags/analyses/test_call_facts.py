"""What is told of a call, as a slow look through all calls tells it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median_low
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.session.session import Session
from dags.analyses import call_finder
from dags.analyses.call_facts import MOST_CALLEES, CallFacts, call_facts
from dags.analyses.call_finder import call_with_id, longer_calls
from tests.dags.analyses.test_function_statistics import any_session, rows_of
from tests.sessions import build_session
from tests.streams import Event, streams


def lasted(row: dict[str, Any], end_ns: int) -> int:
    return int((end_ns if row["end_ns"] is None else row["end_ns"]) - row["start_ns"])


def check(facts: CallFacts, row: dict[str, Any], rows: list[dict[str, Any]], end_ns: int) -> None:
    """Against all calls of the session."""
    made = [one for one in rows if one["parent_call_id"] == row["call_id"]]
    counts, totals = Counter(one["site_id"] or 0 for one in made), Counter[int]()
    for one in made:
        totals[one["site_id"] or 0] += lasted(one, end_ns)
    assert facts.lasted_ns == lasted(row, end_ns)
    assert facts.own_ns == facts.lasted_ns - sum(totals.values())
    assert (facts.end_ns, facts.outcome) == (row["end_ns"], row["outcome"])
    assert (facts.caller.call_id if facts.caller else None) == (row["parent_call_id"] or None)
    assert facts.made_calls == len(made)
    told = [(one.site_id, one.calls, one.total_ns) for one in facts.callees]
    expected = sorted(((site, counts[site], totals[site]) for site in counts), key=lambda one: (-one[2], one[0]))
    assert told == expected[:MOST_CALLEES]
    alike = [lasted(one, end_ns) for one in rows if (one["site_id"] or 0) == (row["site_id"] or 0)]
    given = None if facts.arguments is None else ", ".join(f"{one.name}={one.value}" for one in facts.arguments)
    is_stored = "result" in row  # what is open in a live session is on the stacks alone
    assert (given, facts.result) == ((row["arguments"], row["result"]) if is_stored else (None, None))
    assert facts.among is not None
    assert (facts.among.calls, facts.among.longer) == (len(alike), sum(one > facts.lasted_ns for one in alike))
    assert facts.among.is_counted


@settings(max_examples=15)
@given(streams(max_size=40, hostile=False), st.data())
def test_every_call_of_any_session_is_told_as_a_list_of_all_tells_it(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        rows = rows_of(session)
        for row in rows:
            *_, facts = call_facts(session, row["call_id"], data.draw(st.sampled_from(times)))
            check(facts, row, rows, session.end_ns)
        assert not list(call_facts(session, 1 << 40, session.start_ns))


def test_a_call_of_many_segments_costs_their_summaries_and_the_calls_at_its_ends(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=20).path
    with Session.open(path) as session:
        rows = rows_of(session)
        by_length = sorted(rows, key=lambda row: -lasted(row, session.end_ns))
        for row in (*by_length[:6], *by_length[500:503]):
            *_, facts = call_facts(session, row["call_id"], row["start_ns"])
            check(facts, row, rows, session.end_ns)
        longest = by_length[0]
        first, _ = call_facts(session, longest["call_id"], longest["start_ns"])
        with mock.patch.object(Session, "calls", autospec=True, side_effect=Session.calls) as read:
            next(call_facts(session, longest["call_id"], longest["start_ns"]))
            assert read.call_count <= 4
        assert first.among is None


def test_how_long_the_calls_of_a_function_usually_take_is_told_beside(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=4_000, tracks=2, segments=4).path
    with Session.open(path) as session:
        rows = [row for row in rows_of(session) if row["end_ns"] is not None and row["site_id"] == 5]
        usual = median_low(lasted(row, 0) for row in rows)
        *_, facts = call_facts(session, rows[0]["call_id"], rows[0]["start_ns"])
        assert facts.among is not None
        assert facts.among.median_ns is not None
        assert abs(facts.among.median_ns - usual) <= usual / 32


def test_where_too_many_segments_have_calls_as_long_it_is_said_that_they_are_not_counted(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=4_000, tracks=2, segments=8).path
    with Session.open(path) as session:
        rows = [row for row in rows_of(session) if row["site_id"] == 5]
        usual = sorted(lasted(row, session.end_ns) for row in rows)[len(rows) // 2]
        exact = sum(lasted(row, session.end_ns) > usual for row in rows)
        assert longer_calls(session, 5, usual) == (exact, True)
        with mock.patch.object(call_finder, "MOST_COMPARED", 0):
            about, is_counted = longer_calls(session, 5, usual)
        assert not is_counted
        assert abs(about - exact) < len(rows) / 10


def test_a_far_call_is_found_without_reading_calls_in_between(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=20).path
    with Session.open(path) as session:
        rows = [row for row in rows_of(session) if row["end_ns"] is not None]
        call_with_id(session, 1 << 40, session.start_ns)  # makes the summaries
        for row in (rows[3], rows[len(rows) // 2], rows[-1]):
            with mock.patch.object(call_finder, "_read_begun", side_effect=call_finder._read_begun) as read:
                found = call_with_id(session, row["call_id"], session.end_ns - row["end_ns"])
                assert found is not None
                assert (found.start_ns, found.end_ns) == (row["start_ns"], row["end_ns"])
                assert read.call_count <= 3

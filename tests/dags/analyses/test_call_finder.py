"""The next, the previous and the slowest calls of a function, as a slow search of all calls finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses import call_finder
from dags.analyses.call_finder import Fitting, FoundCall, begun_over_time, next_call, previous_call, slowest_calls
from tests.dags.analyses.test_function_statistics import any_session, rows_of, sealed
from tests.sessions import build_session
from tests.streams import Event, streams


def same(found: FoundCall | None, row: dict[str, Any] | None) -> bool:
    if found is None or row is None:
        return found is None and row is None
    said = (found.call_id, found.start_ns, found.end_ns, found.track_id, found.site_id, found.raised)
    raised = row["outcome"] == "raise"
    return said == (row["call_id"], row["start_ns"], row["end_ns"], row["track_id"], row["site_id"] or 0, raised)


def slowest(rows: list[dict[str, Any]], start_ns: int, end_ns: int) -> list[tuple[int, int, bool]]:
    """(part inside, id, whether cut) of calls that have a part in the stretch, the longest first."""
    found = []
    for row in rows:
        ended_ns = 1 << 62 if row["end_ns"] is None else row["end_ns"]
        if row["start_ns"] <= end_ns and (ended_ns > start_ns or row["start_ns"] >= start_ns):
            inside = min(ended_ns, end_ns) - max(row["start_ns"], start_ns)
            found.append((inside, row["call_id"], row["start_ns"] < start_ns or ended_ns > end_ns))
    return sorted(found, key=lambda call: (-call[0], call[1]))


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_any_session_is_searched_as_a_list_would_be(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        every = rows_of(session)
        for _ in range(4):
            site, tracks = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([None, {1}, {2, 3}]))
            rows = [row for row in every if (row["site_id"] or 0) == site]
            rows = [row for row in rows if tracks is None or row["track_id"] in tracks]
            rows.sort(key=lambda row: (row["start_ns"], row["call_id"]))
            at_ns = data.draw(st.sampled_from(times)) + data.draw(st.integers(-1, 1))
            after = [row for row in rows if row["start_ns"] > at_ns]
            before = [row for row in rows if row["start_ns"] < at_ns]
            assert same(next_call(session, site, at_ns, track_ids=tracks), after[0] if after else None)
            assert same(previous_call(session, site, at_ns, track_ids=tracks), before[-1] if before else None)
            for number, row in enumerate(rows):
                here = {"call_id": row["call_id"], "track_ids": tracks}
                following = rows[number + 1] if number + 1 < len(rows) else None
                assert same(next_call(session, site, row["start_ns"], **here), following)
                last = rows[number - 1] if number else None
                assert same(previous_call(session, site, row["start_ns"], **here), last)
            start_ns, end_ns = sorted(data.draw(st.sampled_from(times)) for _ in range(2))
            found = slowest_calls(session, site, 3, (start_ns, end_ns), track_ids=tracks)
            expected = slowest(rows, start_ns, end_ns)[:3]
            assert [(one.inside_ns, one.call_id, one.is_cut) for one in found] == expected
        found = slowest_calls(session, None, 5)
        assert [one.call_id for one in found] == [
            call_id for _, call_id, _ in slowest(every, session.start_ns, session.end_ns)[:5]
        ]


def fits(row: dict[str, Any], fitting: Fitting) -> bool:
    low_ns, below_ns = fitting.lasting_ns or (0, 1 << 62)
    if row["end_ns"] is None or not low_ns <= row["end_ns"] - row["start_ns"] < below_ns:
        return False
    in_time = fitting.ends_by_ns is None or row["end_ns"] <= fitting.ends_by_ns
    return in_time and (row["outcome"] == "raise" or not fitting.raised)


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_calls_that_took_so_long_or_failed_are_found_in_any_session(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        every = rows_of(session)
        lengths = [0, *sorted(row["end_ns"] - row["start_ns"] for row in every if row["end_ns"] is not None)]
        for _ in range(4):
            site, at_ns = data.draw(st.integers(0, 4)), data.draw(st.sampled_from(times))
            low_ns, high_ns = sorted(data.draw(st.sampled_from(lengths)) for _ in range(2))
            fitting = Fitting(
                lasting_ns=data.draw(st.sampled_from([None, (low_ns, high_ns + 1)])),
                raised=data.draw(st.booleans()),
                ends_by_ns=data.draw(st.sampled_from([None, *times])),
            )
            if fitting == Fitting():
                continue
            rows = [row for row in every if (row["site_id"] or 0) == site and fits(row, fitting)]
            rows.sort(key=lambda row: (row["start_ns"], row["call_id"]))
            after = [row for row in rows if row["start_ns"] > at_ns]
            before = [row for row in rows if row["start_ns"] < at_ns]
            assert same(next_call(session, site, at_ns, fitting=fitting), after[0] if after else None)
            assert same(previous_call(session, site, at_ns, fitting=fitting), before[-1] if before else None)


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_when_calls_began_is_counted_as_a_list_would_be(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        every = rows_of(session)
        for _ in range(4):
            site, tracks = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([None, {1}, {2, 3}]))
            low_ns, high_ns = sorted(data.draw(st.sampled_from(times)) for _ in range(2))
            parts = data.draw(st.integers(1, 7))
            expected = [0] * parts
            for row in every:
                is_mine = (row["site_id"] or 0) == site and (tracks is None or row["track_id"] in tracks)
                if is_mine and low_ns <= row["start_ns"] <= high_ns:
                    expected[(row["start_ns"] - low_ns) * parts // (high_ns - low_ns + 1)] += 1
            assert begun_over_time(session, site, (low_ns, high_ns), parts, track_ids=tracks).tolist() == expected


def test_the_slowest_of_an_instant_are_also_those_at_the_end_of_a_segment(tmp_path: Path) -> None:
    events = [Event(5, Kind.CALL, 1, 1), Event(24, Kind.CALL, 1, 2), Event(24, Kind.RETURN, 1, 2)]
    events += [Event(24, Kind.CALL, 1, 2), Event(30, Kind.RETURN, 1, 2), Event(31, Kind.RETURN, 1, 1)]
    with Session.open(sealed(tmp_path / "s.scope", events, [3], finish=True)) as session:
        found = slowest_calls(session, 2, 1, (24, 24))
    assert [(one.call_id, one.is_cut) for one in found] == [(2, False)]


def test_only_segments_that_span_a_part_of_the_strip_are_read(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=40).path
    with Session.open(path) as session:
        whole = (session.start_ns, session.end_ns)
        with mock.patch.object(call_finder, "_began_and_ended", side_effect=call_finder._began_and_ended) as read:
            counts = begun_over_time(session, 5, whole, 4)
            assert read.call_count <= 4
        assert counts.sum() == sum(row["site_id"] == 5 for row in rows_of(session))


def test_only_segments_that_can_hold_the_answer_are_read(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=20).path
    with Session.open(path) as session:
        rows = [row for row in rows_of(session) if row["end_ns"] is not None]
        by_length = sorted(rows, key=lambda row: (row["start_ns"] - row["end_ns"], row["call_id"]))
        slowest_calls(session, 5, 1)  # makes the summaries
        with mock.patch.object(call_finder, "_read_begun", side_effect=call_finder._read_begun) as read:
            site = by_length[0]["site_id"]
            [longest] = slowest_calls(session, site, 1)
            assert same(longest, by_length[0])
            assert read.call_count <= 2
            read.reset_mock()
            found = next_call(session, site, session.start_ns)
            assert found is not None
            assert read.call_count <= 2
            read.reset_mock()
            assert next_call(session, 77, session.start_ns) is None
            assert previous_call(session, 77, session.end_ns) is None
            assert read.call_count == 0

"""Calls of a stretch of time: counts, own time, evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from capture.session.rows import as_table
from capture.session.session import Session
from dags.analyses.recent_calls import BINS, RecentCalls, recent_calls
from dags.columns import row_of
from dags.frame.reader import FrameReader
from tests.sessions import build_session
from tests.views.frames import call, calls_of, ended_call, frame, track


def by_room(calls: RecentCalls) -> dict[tuple[int, int], tuple[int, int]]:
    rows = zip(
        calls.track_id.tolist(), calls.site_id.tolist(), calls.calls.tolist(), calls.own_ns.tolist(), strict=True
    )
    return {(track, site): (count, own) for track, site, count, own in rows}


def test_own_time_is_what_is_left_of_a_call_without_its_callees() -> None:
    rows = [ended_call(2, (30, 70), 2, 2, 1), ended_call(1, (10, 90), 2, 1, None)]
    calls = calls_of(rows, None, 0, 100)
    assert by_room(calls) == {(2, 1): (1, 40), (2, 2): (1, 40)}
    assert calls.call_id.tolist() == [1, 2]


def test_what_began_earlier_counts_its_time_but_not_as_a_call() -> None:
    calls = calls_of([ended_call(1, (10, 90), 2, 1, None)], None, 50, 100)
    assert by_room(calls) == {(2, 1): (0, 40)}


def test_open_calls_come_from_the_frame_and_calls_after_the_instant_do_not_count() -> None:
    now = frame(100, tracks=[track(2, stack=[call(7, "main", 20, site_id=1), call(8, "put", 60, site_id=2)])])
    rows = [ended_call(8, (60, 140), 2, 2, 7), ended_call(9, (30, 50), 2, 2, 7)]
    assert by_room(calls_of(rows, now, 0, 100)) == {(2, 1): (1, 20), (2, 2): (2, 60)}


def waits_of(*rows: tuple[int, int | None, int]) -> pa.Table:
    return as_table("waits", [{"start_ns": start, "end_ns": end, "track_id": track} for start, end, track in rows])


def waited(calls: RecentCalls) -> dict[tuple[int, int], tuple[int, int]]:
    rows = zip(
        calls.track_id.tolist(), calls.site_id.tolist(), calls.waited_ns.tolist(), calls.cpu_ns.tolist(), strict=True
    )
    return {(track, site): (slept, cpu) for track, site, slept, cpu in rows}


MS = 1_000_000


def test_what_a_thread_slept_counts_for_the_innermost_call_it_slept_in() -> None:
    """main calls get, which returns, then put, which sleeps; then main itself sleeps; another thread never does."""
    rows = [
        ended_call(2, (1 * MS, 3 * MS), 2, 2, 1),
        ended_call(3, (4 * MS, 30 * MS), 2, 3, 1),
        ended_call(1, (0, 90 * MS), 2, 1, None),
        ended_call(9, (0, 90 * MS), 3, 1, None),
    ]
    slept = waits_of((5 * MS, 25 * MS, 2), (5 * MS, 25 * MS, 2), (40 * MS, 80 * MS, 2), (10 * MS, None, 2))
    calls = recent_calls(as_table("calls", rows), None, 0, 100 * MS, waits=slept)
    assert waited(calls) == {
        (2, 1): (40 * MS, 22 * MS),
        (2, 2): (0, 2 * MS),
        (2, 3): (20 * MS, 6 * MS),
        (3, 1): (0, 90 * MS),
    }


def test_a_wait_is_cut_to_the_stretch_and_one_that_goes_on_is_told_by_the_frame() -> None:
    stack = [call(7, "main", 20 * MS, site_id=1), call(8, "put", 30 * MS, site_id=2)]
    now = frame(100 * MS, tracks=[track(2, stack=stack, status="waiting", waiting_since_ns=60 * MS)])
    goes_on = waits_of((60 * MS, None, 2), (60 * MS, 140 * MS, 2))
    calls = recent_calls(as_table("calls", []), now, 50 * MS, 100 * MS, waits=goes_on)
    assert waited(calls) == {(2, 1): (0, 0), (2, 2): (40 * MS, 10 * MS)}


def test_a_wait_outside_every_call_belongs_to_no_room() -> None:
    calls = recent_calls(
        as_table("calls", [ended_call(1, (50 * MS, 60 * MS), 2, 1, None)]),
        None,
        0,
        100 * MS,
        waits=waits_of((0, 40 * MS, 2), (70 * MS, 90 * MS, 2), (0, 90 * MS, 5)),
    )
    assert waited(calls) == {(2, 1): (0, 10 * MS)}


def test_no_function_computes_more_than_its_process_did() -> None:
    rows = [ended_call(1, (0, 90 * MS), 2, 1, None), ended_call(2, (0, 5 * MS), 3, 1, None)]
    rows.append(ended_call(3, (0, 90 * MS), 4, 1, None))
    calls = recent_calls(as_table("calls", rows), None, 0, 100 * MS, cpu_shares={2: 0.2, 3: 0.2})
    assert waited(calls) == {(2, 1): (0, 20 * MS), (3, 1): (0, 5 * MS), (4, 1): (0, 90 * MS)}


def test_begun_calls_are_spread_over_the_parts_of_the_stretch() -> None:
    rows = [ended_call(at, (at * 10, at * 10 + 1), 3, 1, None) for at in range(40)]
    calls = calls_of(rows, None, 0, 400)
    assert calls.begun_on(3).tolist() == [1] * BINS
    assert calls.begun_on(99).tolist() == [0] * BINS
    assert calls.latest_calls.tolist() == [3]


def test_ids_far_apart_are_counted_like_near_ones() -> None:
    far = 1 << 40
    rows = [ended_call(far, (30, 70), 2, 1 << 25, 5), ended_call(5, (10, 90), 2, 1, None)]
    assert by_room(calls_of(rows, None, 0, 100)) == {(2, 1): (1, 40), (2, 1 << 25): (1, 40)}


def test_callers_open_since_long_ago_are_found_beside_many_near_ones() -> None:
    base = 1 << 40
    near = [ended_call(base + at, (at, at + 1), 2, 3, 7 if at % 2 else 5) for at in range(1, 41)]
    rows = [*near, ended_call(7, (0, 60), 2, 2, 5), ended_call(5, (0, 90), 2, 1, None)]
    assert by_room(calls_of(rows, None, 0, 100)) == {(2, 1): (1, 90 - 60 - 20), (2, 2): (1, 60 - 20), (2, 3): (40, 40)}


def test_rows_that_did_not_end_in_order_count_once_each() -> None:
    rows = [ended_call(1, (0, 20), 2, 1, None), ended_call(2, (0, 200), 2, 1, None), ended_call(3, (0, 30), 2, 1, 1)]
    assert by_room(calls_of(rows, None, 10, 100)) == {(2, 1): (0, 10 + 20 - 20)}


@pytest.mark.parametrize("far", [0, 1, 3, 40])
def test_rows_of_ids_are_those_that_a_search_finds(far: int) -> None:
    choose = np.random.default_rng(far)
    ids = choose.permutation(np.concatenate([np.arange(far), (1 << 50) + choose.permutation(4000)[:600]]))
    wanted = np.concatenate([ids, [-(1 << 62), -1, 0, far + 1, 1 << 49, (1 << 50) + 4001, (1 << 62)], ids[::-1]])
    places = {number: row for row, number in enumerate(ids.tolist())}
    assert row_of(ids, wanted).tolist() == [places.get(number, -1) for number in wanted.tolist()]


def test_a_stretch_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="lies after"):
        calls_of([], None, 2, 1)


def test_a_frame_without_what_is_open_is_refused() -> None:
    bare = frame(100, left_out=["stacks", "states"])
    with pytest.raises(ValueError, match="stacks"):
        calls_of([], bare, 0, 100)
    assert len(calls_of([], frame(100, left_out=["states"]), 0, 100)) == 0


def test_a_built_session_agrees_with_its_own_tables(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "s.scope", events=2_000, tracks=3)
    with Session.open(truth.path) as session:
        at = FrameReader(session).at(session.end_ns)
        ended_rows = pa.concat_tables([session.calls(index) for index in range(len(session.segments))])
        calls = recent_calls(ended_rows, at, 0, at.time_ns)
        table = truth.tables["calls"].to_pylist()
    ended = {row["call_id"]: row for row in table if row["end_ns"] is not None}
    outermost = [row for row in ended.values() if row["parent_call_id"] not in ended]
    assert int(calls.calls.sum()) == len(ended)
    for track_id in (2, 3, 4):
        own_ns = np.sum(calls.own_ns[calls.track_id == track_id])
        assert own_ns == sum(row["end_ns"] - row["start_ns"] for row in outermost if row["track_id"] == track_id)

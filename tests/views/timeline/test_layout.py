"""Lanes, pixels and ticks, with worked values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.events.definitions import ProcessRow, TrackRow
from dags.analyses.detail import OPEN_END, SPAN_DTYPE
from dags.analyses.lod import Array
from views.timeline.layout import (
    GUTTER,
    HEADER,
    MANY_THREADS,
    MAX_DEPTH_ROWS,
    MAX_ROW,
    OVERVIEW,
    PADDING,
    ROW,
    RULER,
    columns_of,
    in_sight,
    in_view,
    lane_at,
    lanes_height,
    ns_from_px,
    pinned,
    px_from_ns,
    span_at,
    stacked,
    zone_at,
)
from views.timeline.ruler import THIN, ticks, time_label

TRACKS = [
    TrackRow(track_id=3, process_id=1, name="worker"),
    TrackRow(track_id=1, process_id=1, kind="process", name="orders.py"),
    TrackRow(track_id=2, process_id=1, name="", os_id=77),
    TrackRow(track_id=4, process_id=2, kind="process", name="child"),
]
PROCESSES = [ProcessRow(process_id=1, pid=11, name="orders.py"), ProcessRow(process_id=2, pid=12, name="child")]


def spans(*rows: tuple[int, int, int, int, int]) -> Array:
    """(call_id, start_ns, end_ns, track_id, depth)"""
    return np.array([(*row, 1, 0) for row in rows], SPAN_DTYPE)


def test_lanes_stand_below_each_other_a_process_before_its_threads() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3}, frozenset())
    assert [(lane.track_id, lane.y, lane.height, lane.rows) for lane in lanes] == [
        (1, 0, 20, 0),
        (2, 20, 58, 3),
        (3, 78, 26, 1),
        (4, 104, 20, 0),
    ]
    assert [lane.name for lane in lanes] == ["orders.py 11", "thread 77", "worker", "child 12"]
    assert lanes_height(lanes) == 124
    assert lanes[3].note and not lanes[0].note


def test_a_folded_process_hides_its_threads_and_a_folded_thread_keeps_one_row() -> None:
    assert [lane.track_id for lane in stacked(TRACKS, PROCESSES, {}, frozenset({1}))] == [1, 4]
    thread = stacked(TRACKS, PROCESSES, {2: 9}, frozenset({2}))[1]
    assert (thread.rows, thread.depth, thread.folded) == (1, 9, True)


def test_a_very_deep_lane_is_cut_and_knows_how_deep_it_is() -> None:
    deep = stacked(TRACKS, PROCESSES, {2: 900}, frozenset())[1]
    assert (deep.rows, deep.depth) == (MAX_DEPTH_ROWS, 900)


def test_only_lanes_in_sight_are_in_view() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3}, frozenset())
    assert [lane.track_id for lane in in_view(lanes, 20, 58)] == [2]
    assert [lane.track_id for lane in in_view(lanes, 19, 60)] == [1, 2, 3]
    found = lane_at(lanes, 78)
    assert found is not None and found.track_id == 3
    assert lane_at(lanes, 124) is None


def test_zones_lie_where_the_picture_in_the_docstring_says() -> None:
    assert zone_at(GUTTER - 1, 0) == "gutter"
    assert zone_at(GUTTER, OVERVIEW - 1) == "overview"
    assert zone_at(GUTTER, OVERVIEW) == "ruler"
    assert zone_at(GUTTER, OVERVIEW + RULER) == "lanes"


@given(st.integers(0, 10**15), st.integers(100, 10**15), st.integers(1, 4000), st.floats(0, 1))
def test_a_pixel_and_its_instant_agree(start_ns: int, width_ns: int, width: int, share: float) -> None:
    visible = (start_ns, start_ns + width_ns)
    x = share * width
    assert px_from_ns(ns_from_px(x, visible, width), visible, width) == pytest.approx(x, abs=width / width_ns + 1e-3)


def test_columns_are_clipped_just_outside_the_picture() -> None:
    times = np.array([-5, 0, 99, 200, 250, OPEN_END], np.int64)
    assert columns_of(times, (0, 200), 100).tolist() == [-1, 0, 49, 100, 100, 100]


def test_the_call_under_a_point_is_found_and_a_near_miss_counts() -> None:
    calls = spans((1, 0, 100, 2, 0), (2, 10, 20, 2, 1), (3, 40, OPEN_END, 2, 1), (4, 10, 20, 3, 1))
    assert span_at(calls, 2, 0, 50, 0) == 0
    assert span_at(calls, 2, 1, 15, 0) == 1
    assert span_at(calls, 2, 1, 22, 1) is None
    assert span_at(calls, 2, 1, 22, 2) == 1
    assert span_at(calls, 2, 1, 10**15, 0) == 2
    assert span_at(calls, 9, 0, 50, 10) is None


def test_ticks_are_round_and_say_as_much_as_tells_them_apart() -> None:
    assert [time_ns for time_ns, _ in ticks((0, 1_000_000_000), 400)] == [i * 200_000_000 for i in range(6)]
    assert ticks((0, 1_000_000_000), 400)[1][1] == f"0.2{THIN}s"
    assert time_label(1_234_500_000, 100_000) == f"1.234{THIN}5{THIN}s"
    assert time_label(3_723_000_000_000, 1_000_000_000) == "1:02:03"
    assert time_label(83_500_000_000, 500_000_000) == "1:23.5"
    assert ticks((5, 5), 400) == []


@given(st.integers(0, 10**17), st.integers(100, 10**17), st.integers(50, 4000))
def test_labels_of_ticks_never_overlap_and_are_all_different(start_ns: int, width_ns: int, width: int) -> None:
    found = ticks((start_ns, start_ns + width_ns), width)
    places = [px_from_ns(time_ns, (start_ns, start_ns + width_ns), width) for time_ns, _ in found]
    assert len({label for _, label in found}) == len(found)
    for (_, label), x, following in zip(found, places, places[1:], strict=False):
        assert following - x >= 6 * len(label)


def test_rows_grow_into_spare_room_and_no_farther_than_can_be_read_at_a_glance() -> None:
    grown = stacked(TRACKS, PROCESSES, {2: 3}, frozenset(), room_px=160)
    assert {lane.row_px for lane in grown} == {(160 - 2 * HEADER - 4 * PADDING) // 4} == {25}
    assert lanes_height(grown) <= 160
    assert stacked(TRACKS, PROCESSES, {2: 3}, frozenset(), room_px=4_000)[1].row_px == MAX_ROW
    assert stacked(TRACKS, PROCESSES, {2: 3}, frozenset(), room_px=50)[1].row_px == ROW
    thread = grown[1]
    assert (thread.row_y(0), thread.row_y(2)) == (thread.first_row_y, thread.first_row_y + 2 * thread.row_px)
    assert [lane.y for lane in grown][1:] == [lane.y + lane.height for lane in grown][:-1]


def test_of_very_many_threads_those_that_lived_in_sight_have_a_lane() -> None:
    process = TrackRow(track_id=1, process_id=1, kind="process", name="server")
    main = TrackRow(track_id=2, process_id=1, name="MainThread", start_ns=0)
    requests = [
        TrackRow(track_id=3 + n, process_id=1, name=f"Thread-{n}", start_ns=100 * n, end_ns=100 * n + 50)
        for n in range(MANY_THREADS)
    ]
    few = [process, main, *requests[: MANY_THREADS - 1]]
    assert in_sight(few, (0, 10), 2) == few
    many = [process, main, *requests]
    assert [row.track_id for row in in_sight(many, (1_040, 1_160), 2)] == [1, 2, 13, 14]
    assert [row.track_id for row in in_sight(many, (1_060, 1_090), 5)] == [1, 2, 5]
    assert in_sight(many, (0, 100 * MANY_THREADS), 2) == many


def test_the_process_stays_at_the_top_while_its_threads_are_scrolled() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3}, frozenset())
    assert pinned(lanes, 0) is None
    over = pinned(lanes, 30)
    assert over is not None and (over.track_id, over.y) == (1, 30)
    pushed = pinned(lanes, 90)  # the next process begins at 104
    assert pushed is not None and (pushed.track_id, pushed.y) == (1, 84)
    assert pinned(lanes, 104) is None
    found = lane_at(lanes, 35, 30)
    assert found is not None and (found.track_id, found.y) == (1, 0)
    below = lane_at(lanes, 55, 30)
    assert below is not None and below.track_id == 2

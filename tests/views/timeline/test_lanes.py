"""Which lanes there are, and how all of them fit, with worked values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from capture.events.definitions import ProcessRow, TrackRow
from tests.views.timeline.test_packs import short, threads
from views.timeline.lanes import (
    HEADER,
    LEAST_SKYLINE,
    MANY_THREADS,
    MAX_DEPTH_ROWS,
    MAX_LANE,
    MAX_ROW,
    METRIC,
    PADDING,
    ROW,
    SENTENCE_PX,
    SKYLINE,
    Ends,
    Lane,
    Wanted,
    ends_of,
    in_sight,
    in_zone,
    lane_at,
    lanes_height,
    over_height,
    stacked,
    staying_height,
)
from views.timeline.packs import packs_of

TRACKS = [
    TrackRow(track_id=3, process_id=1, name="worker"),
    TrackRow(track_id=1, process_id=1, kind="process", name="orders.py"),
    TrackRow(track_id=2, process_id=1, name="", os_id=77),
    TrackRow(track_id=4, process_id=2, kind="process", name="child"),
]
PROCESSES = [ProcessRow(process_id=1, pid=11, name="orders.py"), ProcessRow(process_id=2, pid=12, name="child")]


def test_lanes_stand_below_each_other_a_process_before_its_threads() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3})
    assert [(lane.track_id, lane.y, lane.height, lane.rows) for lane in lanes] == [
        (1, 0, 20, 0),
        (2, 20, 55, 3),
        (3, 75, 25, 1),
        (4, 100, 20, 0),
    ]
    assert [lane.name for lane in lanes] == ["orders.py 11", "thread 77", "worker", "child 12"]
    assert lanes_height(lanes) == 120
    assert lanes[3].note and not lanes[0].note


TITLES = {"cpu_percent": "CPU", "rss_bytes": "Memory"}


def test_one_shallow_thread_leaves_its_room_to_the_metrics() -> None:
    lanes = stacked(TRACKS[:2], PROCESSES, {3: 2}, room_px=401, metrics=TITLES)
    thread = 2 * MAX_ROW + 2 * PADDING
    left = 401 - HEADER - thread
    assert [(lane.shape, lane.height) for lane in lanes] == [
        ("metric", left // 2 + left % 2),
        ("metric", left // 2),
        ("head", HEADER),
        ("open", thread),
    ]
    assert lanes_height(lanes) == 401


def test_where_no_call_is_recorded_a_sentence_has_room_below_the_lanes() -> None:
    for tracks in (TRACKS[:2], TRACKS[1:2]):
        lanes = stacked(tracks, PROCESSES, {}, room_px=401, metrics=TITLES)
        assert lanes_height(lanes) == 401 - SENTENCE_PX
        assert lanes[0].height > METRIC


@given(
    st.integers(0, 1_200),
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.integers(1, 12),
    st.sampled_from([0.25, 1.0, 4.0]),
)
def test_what_is_left_is_filled_and_nothing_is_squeezed_for_it(
    room_px: int, depths: list[int], focus: int, factor: float
) -> None:
    tracks = [TrackRow(track_id=at, process_id=1, name=f"t{at}") for at in range(1, len(depths) + 1)]
    wanted = Wanted(focus=focus, larger={focus: factor})
    known = dict(enumerate(depths, 1))
    few = stacked(tracks, [], known, wanted, room_px=max(room_px - 2 * METRIC, 0))
    lanes = stacked(tracks, [], known, wanted, room_px=room_px, metrics=TITLES)
    threads = [lane for lane in lanes if lane.shape != "metric"]
    if room_px > 2 * METRIC:
        assert [(lane.height, lane.rows) for lane in threads] == [(lane.height, lane.rows) for lane in few]
    assert all(lane.height >= METRIC for lane in lanes if lane.shape == "metric")
    if any(depths) and sum(lane.height for lane in threads) + 2 * METRIC <= room_px:
        assert lanes_height(lanes) == room_px


def test_a_folded_process_hides_its_threads() -> None:
    assert [lane.track_id for lane in stacked(TRACKS, PROCESSES, {}, Wanted(folded=frozenset({1})))] == [1, 4]


def test_a_very_deep_lane_is_cut_and_knows_how_deep_it_is() -> None:
    deep = stacked(TRACKS, PROCESSES, {2: 900})[1]
    assert (deep.rows, deep.depth) == (MAX_DEPTH_ROWS, 900)


def test_a_lane_is_called_what_its_thread_is_and_knows_what_tells_it_apart() -> None:
    lanes = stacked(threads(3), PROCESSES, {}, names={2: "worker · 1", 3: "worker · 2"})
    assert [lane.name for lane in lanes] == ["orders.py 11", "worker · 1", "worker · 2", "worker-2"]
    assert [lane.name[slice(*lane.telling)] for lane in lanes] == ["11", "1", "2", "-"]


def test_rows_grow_into_spare_room_and_no_farther_than_can_be_read_at_a_glance() -> None:
    grown = stacked(TRACKS, PROCESSES, {2: 3}, room_px=160)
    assert {lane.row_px for lane in grown if lane.rows} == {(160 - 2 * HEADER - 4 * PADDING) // 4} == {25}
    assert lanes_height(grown) <= 160
    assert stacked(TRACKS, PROCESSES, {2: 3}, room_px=4_000)[1].row_px == MAX_ROW
    thread = grown[1]
    assert (thread.row_y(0), thread.row_y(2)) == (thread.first_row_y, thread.first_row_y + 2 * thread.row_px)
    assert [lane.y for lane in grown][1:] == [lane.y + lane.height for lane in grown][:-1]


def test_where_not_all_can_be_open_the_focused_lane_is_and_the_others_are_skylines() -> None:
    depths = dict.fromkeys(range(2, 12), 6)
    lanes = stacked(threads(10), [], depths, Wanted(focus=5), room_px=388)
    by_id = {lane.track_id: lane for lane in lanes}
    assert lanes_height(lanes) <= 388
    assert (by_id[5].shape, by_id[5].rows, by_id[5].row_px) == ("open", 6, ROW)
    others = [lane for lane in lanes if lane.shape == "skyline"]
    assert len(others) == 9
    assert all(lane.height >= SKYLINE and lane.rows == 6 and 3 <= lane.row_px < ROW for lane in others)
    kept = stacked(threads(10), [], depths, Wanted(focus=5, kept_open=frozenset({9})), room_px=388)
    assert [lane.track_id for lane in kept if lane.shape == "open"] == [5, 9]


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=30),
    st.integers(120, 900),
    st.integers(0, 31),
    st.frozensets(st.integers(2, 31), max_size=4),
)
def test_every_thread_is_in_sight_wherever_there_is_room_for_the_least_of_each(
    deep: list[int], room_px: int, focus: int, kept: frozenset[int]
) -> None:
    depths = {2 + at: depth for at, depth in enumerate(deep)}
    lanes = stacked(threads(len(deep)), [], depths, Wanted(focus=focus, kept_open=kept), room_px=room_px)
    assert [lane.track_id for lane in lanes] == list(range(1, 2 + len(deep)))
    assert [lane.y for lane in lanes][1:] == [lane.y + lane.height for lane in lanes][:-1]
    assert all(lane.height >= LEAST_SKYLINE and lane.row_px * lane.rows <= lane.height for lane in lanes)
    few_open = sum(lane.shape == "open" for lane in lanes) <= 1
    if few_open and HEADER + LEAST_SKYLINE * len(deep) + 3 * ROW + 2 * PADDING <= room_px:
        assert lanes_height(lanes) <= room_px


def test_the_lanes_have_the_order_that_is_asked_for_within_their_process() -> None:
    order = {4: 0, 2: 1, 3: 2}
    assert [lane.track_id for lane in stacked(threads(3), [], {}, Wanted(order=order))] == [1, 4, 2, 3]


def test_metrics_and_pinned_lanes_stay_at_the_top_while_the_others_are_scrolled() -> None:
    lanes = stacked(threads(9), [], {}, Wanted(stays=frozenset({5})), metrics={"cpu_percent": "CPU"})
    assert [(lane.track_id, lane.shape) for lane in lanes[:3]] == [(-1, "metric"), (5, "open"), (1, "head")]
    top = METRIC + lanes[1].height
    placed = in_zone(lanes, 50, 200)
    assert [(lane.y, lane.lies_over) for lane in placed if lane.track_id in (-1, 5)] == [(0, True), (METRIC, True)]
    found = lane_at(placed, METRIC + 3)
    assert found is not None and found.track_id == 5
    held = lane_at(placed, top + 3)  # the process whose threads are seen
    assert held is not None and held.track_id == 1


def test_only_lanes_in_sight_are_in_the_zone() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3})
    assert [(lane.track_id, lane.y) for lane in in_zone(lanes, 0, 75)] == [(1, 0), (2, 20)]
    assert [lane.track_id for lane in in_zone(lanes, 0, 76)] == [1, 2, 3]
    found = lane_at(in_zone(lanes, 0, 200), 75)
    assert found is not None and found.track_id == 3
    assert lane_at(in_zone(lanes, 0, 200), 120) is None


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
    assert in_sight(many, (1_040, 1_160), 2, packs_of(many, 10_000)) == many


def test_the_process_stays_at_the_top_while_its_threads_are_scrolled() -> None:
    lanes = stacked(TRACKS, PROCESSES, {2: 3})

    def held(scroll: int) -> list[tuple[int, int]]:
        return [(lane.track_id, lane.y) for lane in in_zone(lanes, scroll, 300) if lane.lies_over]

    assert held(0) == []
    assert held(30) == [(1, 0)]
    assert over_height(in_zone(lanes, 30, 300)) == HEADER
    assert held(86) == [(1, -6)]  # the next process begins at 100, which is 14 px below the top
    assert held(100) == []
    found: Lane | None = lane_at(in_zone(lanes, 30, 300), 5)
    assert found is not None and found.track_id == 1


@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.integers(120, 900), st.floats(0.25, 40.0))
def test_a_larger_lane_is_so_many_times_as_high_and_moves_the_others_down(
    deep: list[int], room_px: int, factor: float
) -> None:
    depths = {2 + at: depth for at, depth in enumerate(deep)}
    before = stacked(threads(len(deep)), [], depths, Wanted(focus=2), room_px=room_px)
    after = stacked(threads(len(deep)), [], depths, Wanted(focus=2, larger={2: factor}), room_px=room_px)
    height = min(max(round(before[1].height * factor), LEAST_SKYLINE), MAX_LANE)
    assert (after[1].height == height) or factor == 1.0
    assert after[1].row_px * after[1].rows <= after[1].height
    assert [lane.y for lane in after][1:] == [lane.y + lane.height for lane in after][:-1]
    assert [lane.height for lane in after[2:]] == [lane.height for lane in before[2:]]
    if after[1].shape == "open":
        assert after[1].rows == max(min(deep[0], MAX_DEPTH_ROWS), 1)


def test_the_ends_count_the_threads_that_are_not_seen() -> None:
    lanes = stacked(threads(9), [], {}, Wanted(stays=frozenset({5})), metrics={"cpu_percent": "CPU"})
    top = staying_height(lanes)
    assert ends_of(lanes, 0, lanes_height(lanes)) == Ends()
    each = lanes[-1].height
    scrolled = ends_of(lanes, HEADER + 2 * each, top + 3 * each, left_out=4)
    assert (scrolled.above, scrolled.below, scrolled.left_out) == (2, 8 - 2 - 3, 4)
    rows = short(60, 4)
    packed = stacked(rows, [], {}, packs=packs_of(rows, 10_000))
    assert ends_of(packed, 0, 0) == Ends(below=60)

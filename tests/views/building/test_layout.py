"""Where rooms stand and how high they are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.views.frames import SECOND_NS, call, calls_of, ended_call, frame, process, sites, track
from views.building.layout import MAX_ENDED, MAX_HEIGHT, MIN_HEIGHT, ROOM_WIDTH, building, neighbour, slot_width
from views.building.legend import height_words

SITES = sites("main", "put", "get")
GAP = (1 - ROOM_WIDTH) / 2


def rows_of(count: int, track_id: int, site_id: int, first: int) -> list[dict[str, object]]:
    return [ended_call(first + n, (first + n, first + n + 1), track_id, site_id, None) for n in range(count)]


def test_floors_are_threads_from_the_ground_up_and_rooms_have_the_slot_of_their_function() -> None:
    at = frame(SECOND_NS, tracks=[track(1, kind="process"), track(2), track(3), track(4, status="ended")])
    rows = [*rows_of(9, 2, 3, 100), *rows_of(99, 3, 3, 300), *rows_of(1, 3, 1, 500)]
    plan = building(at, calls_of(rows, at, 0, SECOND_NS), SITES, "calls")
    assert [(floor.name, round(floor.z / plan.storey), floor.calls) for floor in plan.floors] == [
        ("worker-2", 0, 9),
        ("worker-3", 1, 100),
    ]
    assert list(zip(plan.track_id.tolist(), plan.site_id.tolist(), strict=True)) == [(2, 3), (3, 1), (3, 3)]
    assert (
        plan.box[0, :2].tolist()
        == plan.box[2, :2].tolist()
        == pytest.approx([(2 % plan.columns + GAP) * plan.slot_width, GAP])
    )
    assert plan.box[:, 2].tolist() == pytest.approx([0, plan.storey, plan.storey])


def test_heights_of_calls_go_by_powers_of_ten_and_of_time_in_proportion() -> None:
    at = frame(SECOND_NS, tracks=[track(2)])
    rows = [*rows_of(9, 2, 1, 100), *rows_of(99, 2, 2, 300)]
    calls = calls_of(rows, at, 0, SECOND_NS)
    share = (building(at, calls, SITES, "calls").box[:, 3] - MIN_HEIGHT) / (MAX_HEIGHT - MIN_HEIGHT)
    assert share.tolist() == pytest.approx([0.5, 1.0])
    timed = building(at, calls, SITES, "time")
    assert timed.value.tolist() == [9, 99]
    assert timed.box[1, 3] / MAX_HEIGHT == pytest.approx(1.0)
    assert timed.top == 99


def test_heat_is_the_rate_of_the_last_tenth() -> None:
    at = frame(SECOND_NS, tracks=[track(2)])
    late = SECOND_NS - 1_000
    plan = building(at, calls_of([*rows_of(99, 2, 1, late), *rows_of(99, 2, 2, 100)], at, 0, SECOND_NS), SITES, "calls")
    assert plan.heat[0] == pytest.approx(np.log10(1 + 990) / 6, abs=0.01)
    assert plan.heat[1] == 0


def test_rooms_stay_where_they_are_when_others_appear() -> None:
    at = frame(SECOND_NS, tracks=[track(2)])
    few = building(at, calls_of(rows_of(5, 2, 2, 10), at, 0, SECOND_NS), SITES, "calls")
    more = building(at, calls_of([*rows_of(5, 2, 2, 10), *rows_of(5, 2, 1, 50)], at, 0, SECOND_NS), SITES, "calls")
    assert few.box[few.room(2, 2) or 0, :3].tolist() == more.box[more.room(2, 2) or 0, :3].tolist()
    assert more.room(2, 3) is None


def test_nothing_that_ran_leaves_floors_without_rooms() -> None:
    at = frame(SECOND_NS, tracks=[track(2, confidence="not captured")])
    plan = building(at, calls_of([], at, 0, SECOND_NS), {}, "time")
    assert (len(plan), plan.top, [floor.known for floor in plan.floors]) == (0, 0, [False])


def test_processes_watched_from_outside_have_no_floors() -> None:
    at = frame(processes=[process(1), process(2, tier="observe")], tracks=[track(2), track(5, process_id=2)])
    assert [f.track_id for f in building(at, calls_of([], at, 0, 1), {}, "calls").floors] == [2]


def test_open_calls_are_rooms_and_names_are_plain() -> None:
    at = frame(SECOND_NS, tracks=[track(2, name="a\u202eb", stack=[call(3, "main", 10, site_id=1)])])
    plan = building(at, calls_of([], at, 0, SECOND_NS), SITES, "time")
    assert plan.floors[0].name == "a\N{REPLACEMENT CHARACTER}b"
    assert plan.value.tolist() == [SECOND_NS - 10]


def test_slots_are_wider_than_deep_where_that_fills_the_picture() -> None:
    at = frame(SECOND_NS, tracks=[track(n) for n in range(2, 12)])
    rows = [row for n in range(2, 12) for row in rows_of(3, n, 1, 100 * n)]
    wide, high = (building(at, calls_of(rows, at, 0, SECOND_NS), SITES, "calls", aspect) for aspect in (4.0, 0.2))
    assert wide.slot_width > high.slot_width == 1.0
    assert wide.room_width == pytest.approx(ROOM_WIDTH * wide.slot_width)
    assert wide.width == wide.columns * slot_width(wide.columns, wide.rows, 10, 4.0)


def test_arrows_lead_from_room_to_room_and_stop_at_the_walls() -> None:
    at = frame(SECOND_NS, tracks=[track(2), track(3), track(4)])
    rows = [*rows_of(5, 2, 1, 100), *rows_of(9, 2, 2, 200), *rows_of(7, 2, 3, 300), *rows_of(2, 4, 3, 400)]
    plan = building(at, calls_of(rows, at, 0, SECOND_NS), SITES, "calls", 4.0)
    highest = neighbour(plan, None, "right")
    assert highest == plan.room(2, 2)
    assert neighbour(plan, highest, "right") == plan.room(2, 3)
    assert neighbour(plan, highest, "left") == plan.room(2, 1)
    assert neighbour(plan, plan.room(2, 1), "left") == plan.room(2, 1)
    assert neighbour(plan, plan.room(2, 3), "up") == plan.room(4, 3)
    assert neighbour(plan, plan.room(4, 3), "up") == plan.room(4, 3)
    assert neighbour(plan, plan.room(4, 3), "down") == plan.room(2, 3)
    assert neighbour(building(at, calls_of([], at, 0, SECOND_NS), SITES, "calls"), None, "up") is None


def test_a_floor_knows_whose_thread_it_is() -> None:
    at = frame(processes=[process(1), process(2, name="child")], tracks=[track(2), track(5, process_id=2)])
    floors = building(at, calls_of([], at, 0, 1), {}, "calls").floors
    assert [floor.process for floor in floors] == ["orders.py 4001", "child 4002"]


def test_of_many_threads_that_have_ended_the_newest_have_a_floor_and_the_others_are_counted() -> None:
    ended = [track(10 + n, status="ended") for n in range(100)]
    at = frame(SECOND_NS, tracks=[track(1, kind="process"), track(2), *ended])
    rows = [row for one in [2, *range(10, 110)] for row in rows_of(3, one, 1, 100 * one)]
    plan = building(at, calls_of(rows, at, 0, SECOND_NS), SITES, "calls")
    assert [floor.track_id for floor in plan.floors] == [2, *range(110 - MAX_ENDED, 110)]
    assert sorted(plan.track_id.tolist()) == [2, *range(110 - MAX_ENDED, 110)]
    assert plan.left_out == 100 - MAX_ENDED
    assert height_words(plan).endswith("without 88 ended threads")

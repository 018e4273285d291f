"""Which floors and rooms there are, where they stand and how high they are."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from tests.views.building.houses import begun, module_sites, of_rows
from tests.views.frames import SECOND_NS, call, frame, process, sites, track
from views.building.cards import card_name, card_words, change_words, telling_of
from views.building.controls import count_words
from views.building.layout import FLAT, FULL, LARGEST, MAX_SLOTS, neighbour, without_rooms
from views.building.legend import height_words
from views.building.measures import MEASURES, full_height
from views.building.state import QUIET
from views.building.steady import Memory
from views.building.trend import Moment, Trend
from views.reading.heat_figures import HEAT_FIGURES
from views.words.figures import THIN
from views.words.heat_steps import CALL_RATE, steps_of

SITES = module_sites("audit", "fraud")


def test_floors_are_threads_from_the_ground_up_and_a_function_has_one_slot_on_all_of_them() -> None:
    at = frame(SECOND_NS, tracks=[track(1, kind="process"), track(2), track(3), track(4, status="ended")])
    plan = of_rows([*begun(9, 2, 3, 100), *begun(99, 3, 3, 300), *begun(4, 3, 1, 500)], SITES, at)
    assert [(floor.name, floor.total) for floor in plan.floors] == [("worker-2", 9), ("worker-3", 103)]
    assert list(zip(plan.level.tolist(), plan.site_id.tolist(), strict=True)) == [(0, 3), (1, 1), (1, 3)]
    assert plan.box[0, 0] == plan.box[2, 0]
    assert plan.box[:, 2].tolist() == [0, 1, 1]


def test_only_what_holds_something_has_a_room_and_a_slot() -> None:
    stack = [call(1, "main", 10, site_id=1), call(2, "put", 500, site_id=2)]
    at = frame(2 * SECOND_NS, tracks=[track(2, stack=stack)])
    counted, timed = (of_rows([], SITES, at, measure=measure) for measure in ("calls", "time"))
    assert (len(counted), counted.wings) == (0, ())
    assert timed.site_id.tolist() == [2]  # main has called put all the time
    assert [(wing.module, wing.width) for wing in timed.wings] == [("audit", 1.0)]


def test_heights_are_in_proportion_on_one_scale_for_all_floors() -> None:
    rows = [*begun(30, 2, 1, 100), *begun(60, 2, 2, 200), *begun(120, 3, 1, 300), *begun(1, 3, 2, 500)]
    plan = of_rows(rows, SITES)
    assert plan.full == full_height(120) == 120
    heights = {value: float(high) for value, high in zip(plan.value.tolist(), plan.box[:, 5], strict=True)}
    assert heights[120] == pytest.approx(FULL)
    assert heights[60] == pytest.approx(2 * heights[30]) == pytest.approx(FULL / 2)
    assert heights[1] == pytest.approx(FLAT)  # a floor tile, still to be seen and hit


def test_the_scale_is_that_of_the_visible_stretch_not_of_the_moment() -> None:
    trend = Trend((Moment(0, {"calls": 1_000}, {"calls": {}}),))
    assert of_rows(begun(10, 2, 1), SITES, trend=trend).full == full_height(1_000)
    assert of_rows(begun(2_000, 2, 1), SITES, trend=trend).full == full_height(2_000)


@pytest.mark.parametrize("peak", [1, 2, 7, 99, 100, 101, 4_567, 999_999_999, 10**15])
def test_a_third_of_the_full_height_is_a_round_number(peak: int) -> None:
    full = full_height(peak)
    assert peak <= full <= max(2 * peak, 3)
    assert full % 3 == 0
    assert len(str(full // 3).rstrip("0")) == 1


def test_quiet_threads_are_one_floor_at_the_ground_whose_rooms_are_their_sums() -> None:
    rows = [*begun(5_000, 2, 1, 10_000), *begun(7, 3, 1, 100), *begun(9, 4, 1, 200), *begun(2, 4, 2, 300)]
    at = frame(SECOND_NS, tracks=[track(2), track(3), track(4), track(5)])
    plan = of_rows(rows, SITES, at)
    assert [(floor.key, floor.name) for floor in plan.floors] == [(QUIET, "3 quiet threads"), (2, "worker-2")]
    assert plan.value.tolist() == [16, 2, 5_000]
    assert plan.track_id.tolist() == [4, 4, 2]  # who has the most of it
    assert plan.room(3, 1) == plan.room(4, 1) == 0
    assert plan.floor_of(5) == 0


def test_a_single_quiet_thread_keeps_its_name() -> None:
    plan = of_rows([*begun(5_000, 2, 1, 10_000), *begun(7, 3, 1, 100)], SITES)
    assert [floor.name for floor in plan.floors] == ["worker-3", "worker-2"]


def test_a_floor_stays_for_a_minute_after_its_thread_became_quiet() -> None:
    memory = Memory()

    def floors_at(seconds: int, own: int) -> list[str]:
        at = frame(seconds * SECOND_NS, tracks=[track(2), track(3), track(4)])
        first = (seconds - 1) * SECOND_NS + 1
        rows = [*begun(2_000, 2, 1, first), *begun(own, 3, 1, first)]
        return [floor.name for floor in of_rows(rows, SITES, at, memory=memory).floors]

    assert floors_at(10, 100) == ["worker-4", "worker-2", "worker-3"]
    assert floors_at(60, 1) == ["worker-4", "worker-2", "worker-3"]
    assert floors_at(80, 1) == ["2 quiet threads", "worker-2"]


def test_of_more_threads_than_fit_the_largest_have_a_floor() -> None:
    rows = [row for n in range(2, 502) for row in begun(n if n > 400 else 1, n, 1, 1_000 * n)]
    plan = of_rows(rows, SITES, most_floors=4)
    assert [floor.name for floor in plan.floors] == ["497 other threads", "worker-499", "worker-500", "worker-501"]
    assert sum(floor.total for floor in plan.floors) == len(rows)


def test_an_entered_floor_is_alone_and_the_threads_of_the_quiet_one_get_floors_there() -> None:
    rows = [*begun(5_000, 2, 1, 10_000), *begun(7, 3, 1, 100), *begun(9, 4, 1, 200)]
    assert [floor.name for floor in of_rows(rows, SITES, floor=2).floors] == ["worker-2"]
    assert of_rows(rows, SITES, floor=2).value.tolist() == [5_000]
    assert [floor.name for floor in of_rows(rows, SITES, floor=QUIET).floors] == ["worker-3", "worker-4"]


def test_the_filter_hides_rooms_moves_nothing_and_counts() -> None:
    rows = [*begun(30, 2, 1, 100), *begun(3, 2, 6, 200), *begun(40, 3, 6, 300)]
    whole = of_rows(rows, SITES)
    by_text, by_size = of_rows(rows, SITES, text=" FRAUD"), of_rows(rows, SITES, least=10)
    assert by_text.site_id.tolist() == [6, 6]
    assert by_text.box[:, 0].tolist() == whole.box[whole.site_id == 6, 0].tolist()
    assert by_size.value.tolist() == [30, 40]
    assert (count_words(whole), count_words(by_size)) == ("3 of 3 rooms", "2 of 3 rooms")
    assert [floor.total for floor in by_size.floors] == [33, 40]


def test_the_colour_of_a_room_is_the_step_of_its_rate_whatever_the_others_are() -> None:
    rows = [*begun(5, 2, 1, 100), *begun(500, 3, 1, 1_000), *begun(20_000, 4, 1, 10_000)]
    plan = of_rows(rows, SITES)
    assert plan.rate.tolist() == [20_000, 5, 500] or sorted(plan.rate.tolist()) == [5, 500, 20_000]
    assert plan.step.tolist() == steps_of(CALL_RATE, plan.rate).tolist()
    assert of_rows(rows[:5], SITES).step.tolist() == [0]


def test_every_measure_and_tint_says_what_it_is() -> None:
    for measure in MEASURES:
        plan = of_rows(begun(12, 2, 1, 100, 1_000), SITES, measure=measure.name)
        assert plan.measure.text(plan.full) in height_words(plan)
        assert plan.floors[0].total == (12 if measure.name == "calls" else 12_000)
    for figure in HEAT_FIGURES:
        assert of_rows(begun(12, 2, 1), SITES, heat_by=figure.name).tint is figure
    assert of_rows(begun(12, 2, 1), SITES, heat_by="memory").tint is HEAT_FIGURES[0]


def test_the_largest_rooms_are_eight_and_the_largest_first() -> None:
    plan = of_rows([row for n in range(1, 9) for t in (2, 3) for row in begun(n * t, t, n, n * 1_000)], SITES)
    found = plan.largest()
    assert len(found) == LARGEST
    assert plan.value[list(found)].tolist() == sorted(plan.value.tolist(), reverse=True)[:LARGEST]


def test_of_very_many_functions_the_largest_have_a_room() -> None:
    many = module_sites("big", each=MAX_SLOTS + 50)
    rows = [row for site in many for row in begun(1 + (site % 7 == 0), 2, site, site * 10)]
    plan = of_rows(rows, many)
    assert len(plan) == MAX_SLOTS
    assert set(np.flatnonzero(np.array(sorted(many)) % 7 == 0) + 1) <= set(plan.site_id.tolist())


def test_nothing_that_ran_leaves_floors_without_rooms() -> None:
    plan = of_rows([], {}, frame(SECOND_NS, tracks=[track(2, confidence="not captured")]), measure="time")
    assert (len(plan), [floor.known for floor in plan.floors]) == (0, [False])
    assert "not captured" in card_words(plan, plan.floors[0])


def test_why_nothing_stands_there_says_what_to_do() -> None:
    there = frame(SECOND_NS, tracks=[track(2)])
    assert "step on" in without_rooms(there)
    unseen = replace(there, confidence=replace(there.confidence, stacks="not captured"))
    assert "mode full" in without_rooms(unseen)
    assert "is lost" in without_rooms(replace(there, complete=False))


def test_a_card_says_how_fast_its_total_changes() -> None:
    totals = [{2: 100 + n * 10, 3: 50} for n in range(8)]
    trend = Trend(tuple(Moment(n * SECOND_NS, {"calls": 9}, {"calls": total}) for n, total in enumerate(totals)))
    plan = of_rows([*begun(170, 2, 1, 100), *begun(50, 3, 1, 900)], SITES, trend=trend)
    assert [floor.per_minute for floor in plan.floors] == pytest.approx([600, 0])
    assert [change_words(plan, floor) for floor in plan.floors] == ["+600/min", ""]
    assert of_rows(begun(170, 2, 1, 100), SITES).floors[0].per_minute is None
    grows = Trend(tuple(Moment(n * SECOND_NS, {}, {"cpu": {2: n * 1_000_000}}) for n in range(8)))
    bounded = of_rows(begun(17, 2, 1, 100, 1_000_000), SITES, trend=grows, measure="cpu")
    assert change_words(bounded, bounded.floors[0]).replace(THIN, " ") == "+60 ms/min"  # of a bound: no sign for one


def test_processes_watched_from_outside_have_no_floors_and_names_are_plain() -> None:
    at = frame(
        processes=[process(1), process(2, tier="observe")],
        tracks=[track(2, name="a\u202eb"), track(5, process_id=2)],
    )
    assert [floor.name for floor in of_rows([], {}, at).floors] == ["a\N{REPLACEMENT CHARACTER}b"]


def test_of_several_processes_a_floor_says_whose_it_is() -> None:
    at = frame(processes=[process(1), process(2, name="child")], tracks=[track(2), track(5, process_id=2)])
    plan = of_rows([*begun(9, 2, 1, 100), *begun(9, 5, 1, 200)], SITES, at)
    assert [floor.process for floor in plan.floors] == ["orders.py 4001", "child 4002"]
    assert [floor.process for floor in of_rows(begun(9, 2, 1), SITES).floors] == [""]


def test_a_thread_whose_name_is_lost_has_a_floor() -> None:
    assert [floor.name for floor in of_rows(begun(9, 7, 1), SITES, frame(SECOND_NS)).floors] == ["track 7"]


def test_arrows_lead_from_room_to_room_and_stop_at_the_walls() -> None:
    rows = [
        *begun(5, 2, 1, 100),
        *begun(9, 2, 2, 200),
        *begun(7, 2, 3, 300),
        *begun(2, 4, 3, 400),
        *begun(3, 3, 5, 500),
    ]
    plan = of_rows(rows, sites("f1", "f2", "f3", "f4", "f5"))
    highest = neighbour(plan, None, "right")
    assert highest == plan.room(2, 2)
    assert neighbour(plan, highest, "right") == plan.room(2, 3)
    assert neighbour(plan, plan.room(2, 1), "left") == plan.room(2, 1)
    assert neighbour(plan, plan.room(2, 3), "up") == plan.room(3, 5)
    assert neighbour(plan, plan.room(4, 3), "up") == plan.room(4, 3)
    assert neighbour(plan, plan.room(3, 5), "down") == plan.room(2, 3)
    assert neighbour(of_rows([], SITES, frame(SECOND_NS)), None, "up") is None


def test_a_card_tells_threads_apart_by_what_is_their_own_and_by_the_number_of_their_process() -> None:
    floors = [
        (f"ThreadPoolExecutor-0_{at}", f"gunicorn: worker {process} 200{process}")
        for process in (1, 2)
        for at in range(4)
    ]

    def shown(most: int, names: tuple[str, ...]) -> list[str]:
        telling = telling_of(names)
        return [card_name(name, process, telling[name], lambda text: len(text) <= most) for name, process in floors]

    names = tuple(name for name, _ in floors)
    for room in (60, 36, 20, 15):
        assert len(set(shown(room, names))) == len(floors)
        assert all(len(text) <= room for text in shown(room, names))
    assert (shown(15, names)[0], shown(8, names)[0]) == ("Thread…0 · 2001", "Thread…0")
    alone = telling_of((names[0], "302 quiet threads"))[names[0]]
    assert card_name(*floors[0], alone, lambda text: len(text) <= 15) == "Thr…-0_0 · 2001"
    assert card_name("302 quiet threads", "", None, lambda text: len(text) <= 12) == "302 quiet"

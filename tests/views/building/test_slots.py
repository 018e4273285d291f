"""Rooms stay where they are: while a session grows, and in sessions of very many functions."""

from __future__ import annotations

import numpy as np
import pytest

from capture.events.definitions import SiteRow
from tests.views.frames import SECOND_NS, calls_of, ended_call, frame, track
from views.building.layout import building
from views.building.slots import MAX_STEADY_SLOTS, PLOT, Places, rounded_up


def sites(count: int, modules: int = 7) -> dict[int, SiteRow]:
    return {
        at: SiteRow(site_id=at, function=f"f{at}", module=f"m{at % modules}", file=f"m{at % modules}.py", line=at)
        for at in range(1, count + 1)
    }


@pytest.mark.parametrize("count", [1, 5, 60, 900, MAX_STEADY_SLOTS - 1])
def test_what_has_a_slot_keeps_it_however_the_session_grows(count: int) -> None:
    before, after = Places(sites(count)), Places(sites(min(count * 2, MAX_STEADY_SLOTS)))
    ids = np.arange(1, count + 1)
    assert before.slots(ids)[0].tolist() == after.slots(ids)[0].tolist()
    assert len(set(after.slots(ids)[0].tolist())) == count


def test_functions_of_one_module_stand_together() -> None:
    slots, _ = Places(sites(70)).slots(np.arange(1, 71))
    plots: dict[int, set[int]] = {}
    for site_id, slot in enumerate(slots.tolist(), 1):
        plots.setdefault(slot // PLOT, set()).add(site_id % 7)
    assert all(len(modules) == 1 for modules in plots.values())


def test_of_very_many_functions_those_that_run_stay_when_others_join_them() -> None:
    many = Places(sites(MAX_STEADY_SLOTS + 10))
    few, more = np.arange(7, 2_000, 9), np.arange(1, 2_000, 3)
    slots, size = many.slots(few)
    joined, size_then = many.slots(np.union1d(few, more)[:500])
    both = np.intersect1d(few, np.union1d(few, more)[:500])
    stayed = sum(
        slots[np.searchsorted(few, site)] == joined[np.searchsorted(np.union1d(few, more)[:500], site)] for site in both
    )
    assert size == size_then == 1024
    assert len(both) > 50
    assert stayed >= 0.9 * len(both)
    assert len(set(joined.tolist())) == 500


def test_a_function_without_a_definition_stands_behind_all_others() -> None:
    slots, size = Places(sites(3, modules=1)).slots(np.array([2, 99, 2]))
    assert slots.tolist() == [1, PLOT, 1]
    assert size == 6


def test_a_few_more_slots_lay_nothing_out_anew() -> None:
    assert [rounded_up(count) for count in (0, 5, 9, 48, 49, 1000)] == [1, 6, 12, 48, 64, 1024]
    assert all(rounded_up(count) >= count for count in range(3_000))


def test_rooms_stay_where_they_are_while_new_functions_and_threads_appear() -> None:
    def place(functions: int, threads: int) -> list[float]:
        at = frame(SECOND_NS, tracks=[track(n) for n in range(2, threads + 2)])
        rows = [ended_call(n, (n, n + 1), 2, n, None) for n in range(1, functions + 1)]
        plan = building(at, calls_of(rows, at, 0, SECOND_NS), sites(functions), "calls")
        room = plan.room(2, 5)
        assert room is not None
        return [float(plan.box[room, 0] / plan.slot_width), *plan.box[room, 1:3].tolist()]

    assert place(425, 9) == place(428, 9) == place(440, 12)

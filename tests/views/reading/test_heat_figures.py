"""A thread is as hot in the gutter, in the map of threads and on its floor, whatever has no room there."""

from __future__ import annotations

from typing import get_args

import pytest

from dags.analyses.track_titles import numbered
from tests.views.building.houses import begun, module_sites
from tests.views.frames import SECOND_NS, calls_of, frame, process, track
from views.building.layout import MAX_SLOTS, house
from views.building.state import BuildingState
from views.building.steady import Memory
from views.reading.heat_figures import HEAT_FIGURES, HeatFigure, figure_named
from views.supervision.layout import supervision_rows
from views.supervision.state import Heat
from views.words.heat_steps import STEPS

SITES = module_sites("orders", each=MAX_SLOTS + 40)
ROWS = [
    *begun(5, 2, 1, 100, 1_000),
    *begun(800, 3, 2, 1_000, 1_000_000),
    *begun(12_000, 4, 3, 10_000, 1_000),
    *(row for at in range(MAX_SLOTS + 40) for row in begun(3, 5, at + 1, 100_000 + 10 * at)),
]


@pytest.mark.parametrize("figure", HEAT_FIGURES, ids=lambda figure: figure.name)
def test_a_thread_has_one_heat_everywhere(figure: HeatFigure) -> None:
    at = frame(SECOND_NS, processes=[process(1)], tracks=[track(one) for one in (2, 3, 4, 5)])
    calls = calls_of(ROWS, at, 0, SECOND_NS)
    rows = supervision_rows(at, calls, figure.name, frozenset())
    levels = {row.track_id: row.level for row in rows if not row.is_process}
    plan = house(at, calls, SITES, BuildingState(measure="calls", floor=0), Memory(), heat_by=figure.name)
    steps = {
        track_id: STEPS[floor.step] for floor in plan.floors if len(floor.tracks) == 1 for track_id in floor.tracks
    }
    assert steps
    assert {track_id: levels[track_id] for track_id in steps} == steps
    whole = figure.text(sum(figure.of_threads(calls).values()))
    assert rows[0].figure == (whole if figure.name == "activity" else "12 %"), "a process's CPU is measured"


def test_heat_that_calls_do_not_have_is_shown_as_activity_in_rooms() -> None:
    assert {row.name for row in HEAT_FIGURES} <= set(get_args(Heat))
    assert figure_named("memory") is HEAT_FIGURES[0]


def test_threads_of_one_name_are_told_apart_in_rows_and_on_floors() -> None:
    titles = numbered({2: "worker", 3: "worker", 4: "io"})
    at = frame(SECOND_NS, processes=[process(1)], tracks=[track(one, name="worker") for one in (2, 3)])
    calls = calls_of(ROWS, at, 0, SECOND_NS)
    rows = supervision_rows(at, calls, "activity", frozenset(), titles)
    assert [row.name for row in rows if not row.is_process] == ["worker · 1", "worker · 2"]
    plan = house(at, calls, SITES, BuildingState(floor=3), Memory(), names=titles)
    assert [floor.name for floor in plan.floors] == ["worker · 2"]

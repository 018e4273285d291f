"""One floor from above: areas in proportion, nothing over anything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.building.houses import begun, module_sites, of_rows
from views.building.treemap import plan_of_floor, squarified, tile_at

AREA = (10.0, 20.0, 400.0, 150.0)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
def test_rectangles_fill_the_area_in_proportion_and_do_not_overlap(sizes: list[int]) -> None:
    sizes.sort(reverse=True)
    found = np.array(squarified([float(size) for size in sizes], AREA))
    areas = found[:, 2] * found[:, 3]
    assert areas == pytest.approx(np.array(sizes) / sum(sizes) * 400 * 150, rel=1e-6)
    assert found[:, 0].min() >= 10 - 1e-6
    assert (found[:, 0] + found[:, 2]).max() <= 410 + 1e-6
    assert (found[:, 1] + found[:, 3]).max() <= 170 + 1e-6
    for at, (left, top, width, height) in enumerate(found):
        middle = left + width / 2, top + height / 2
        assert tile_at(found, *middle) == at


def test_rectangles_of_equal_size_are_about_square() -> None:
    found = np.array(squarified([1.0] * 12, (0.0, 0.0, 400.0, 300.0)))
    assert (np.maximum(found[:, 2] / found[:, 3], found[:, 3] / found[:, 2]) < 1.5).all()


def test_the_plan_of_a_floor_has_its_rooms_alone_with_modules_together() -> None:
    sites = module_sites("audit", "fraud")
    rows = [*begun(60, 2, 1, 100), *begun(30, 2, 5, 300), *begun(20, 2, 2, 400), *begun(500, 3, 5, 900)]
    plan = of_rows(rows, sites)
    rooms, tiles = plan_of_floor(plan, 0, AREA)
    assert [int(plan.site_id[place]) for place in rooms] == [1, 2, 5]
    assert tiles[:, 2] * tiles[:, 3] == pytest.approx(np.array([60, 20, 30]) / 110 * 400 * 150)
    assert tile_at(tiles, 0.0, 0.0) is None


def test_an_empty_floor_has_an_empty_plan() -> None:
    plan = of_rows(begun(60, 2, 1), module_sites("audit"), text="no such function")
    assert plan_of_floor(plan, 0, AREA)[0] == ()

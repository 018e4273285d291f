"""Slots of functions stay where they are while the cursor moves and a session grows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.views.building.houses import module_sites
from views.building.steady import CORRIDOR, KEPT_NS, Lately, Wings, rounded_up

SECOND_NS = 1_000_000_000
SITES = module_sites("audit", "fraud", "orders", each=40)


def test_functions_of_one_module_stand_together_with_a_corridor_between_modules() -> None:
    place, wings, width = Wings().place([1, 3, 41, 42, 43, 81], SITES, 0)
    assert [wing.module for wing in wings] == ["audit", "fraud", "orders"]
    assert [wing.width for wing in wings] == [2, 3, 1]
    for before, after in pairwise(wings):
        assert after.x == before.x + before.width + CORRIDOR
    for site, x in place.items():
        wing = next(one for one in wings if one.module == SITES[site].module)
        assert wing.x <= x < wing.x + wing.width
    assert width == wings[-1].x + wings[-1].width
    assert len(set(place.values())) == 6


def test_what_has_a_slot_keeps_it_while_others_come_and_go_within_a_minute() -> None:
    wings = Wings()
    first, _, _ = wings.place([1, 2, 3, 41], SITES, 0)
    second, _, _ = wings.place([2, 41, 44], SITES, KEPT_NS // 2)
    third, _, _ = wings.place([1, 3], SITES, KEPT_NS // 2 + SECOND_NS)
    assert {site: second[site] for site in (1, 2, 3)} == {site: first[site] for site in (1, 2, 3)}
    assert {site: third[site] for site in (1, 2, 3)} == {site: first[site] for site in (1, 2, 3)}


@pytest.mark.parametrize("way", [1, -1])
def test_a_slot_is_given_up_after_a_minute_of_the_session_in_either_direction(way: int) -> None:
    wings = Wings()
    wings.place([1, 2, 3, 4], SITES, 0)
    place, plots, _ = wings.place([1, 4], SITES, way * (KEPT_NS + 1))
    assert set(place) == {1, 4}
    assert plots[0].width == 2
    assert wings.place([41], SITES, way * 3 * KEPT_NS)[1][0].module == "fraud"


def test_a_free_slot_is_taken_before_the_wing_grows() -> None:
    wings = Wings()
    wings.place([1, 2, 3, 4], SITES, 0)
    wings.place([1, 3, 4], SITES, KEPT_NS)
    place, plots, _ = wings.place([1, 3, 4, 9], SITES, KEPT_NS + 1)
    assert plots[0].width == 4
    assert sorted(place.values()) == [0, 1, 2, 3]


def test_a_wing_grows_in_steps_so_that_the_next_one_stays() -> None:
    wings = Wings()
    before = wings.place([1, 2, 3, 4, 5, 41], SITES, 0)[0]
    assert wings.place([1, 2, 3, 4, 5, 6, 41], SITES, 1)[0][41] == before[41]


def test_functions_without_a_definition_have_a_wing_of_their_own() -> None:
    _, wings, _ = Wings().place([1, 900, 901], SITES, 0)
    assert [(wing.module, wing.width) for wing in wings] == [("audit", 1), ("", 2)]


def test_what_was_seen_is_forgotten_only_when_it_is_far_away() -> None:
    lately: Lately[str] = Lately()
    lately.see(["a"], 0)
    lately.see(["b"], KEPT_NS)
    assert ("a" in lately, "b" in lately) == (True, True)
    lately.see([], KEPT_NS + 1)
    assert ("a" in lately, "b" in lately) == (False, True)


def test_sizes_grow_by_a_third_or_a_half() -> None:
    assert [rounded_up(count) for count in (0, 5, 9, 48, 49, 1000)] == [0, 6, 12, 48, 64, 1024]
    assert all(rounded_up(count) >= count for count in range(3_000))

"""Functions that stand beside each other in a file are told apart by their colours, whichever come first."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from capture.events.definitions import SiteRow
from views.drawing.span_colours import APART, LIGHTNESS, Places


def site(site_id: int, line: int, file: str = "shop/store.py") -> SiteRow:
    return SiteRow(site_id=site_id, function=f"f{site_id}", module="shop", file=file, line=line)


places = st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(["a.py", "b.py"])), min_size=2, max_size=60)


@given(places, st.integers(1, 59))
def test_neighbours_always_differ_and_known_functions_keep_their_colours(
    given_sites: list[tuple[int, str]], first: int
) -> None:
    rows = [site(number, line, file) for number, (line, file) in enumerate(given_sites, 1)]
    found = Places()
    found.add(rows[:first])
    before = {row.site_id: found.of(row.site_id) for row in rows[:first]}
    found.add(rows)
    assert {site_id: found.of(site_id) for site_id in before} == before
    by_file: dict[str, list[SiteRow]] = defaultdict(list)
    for row in rows:
        by_file[row.file].append(row)
    for of_file in by_file.values():
        lines = sorted(of_file, key=lambda row: row.line)
        for one, other in pairwise(lines):
            if one.line != other.line:
                apart = min(
                    abs(found.of(low.site_id) - found.of(high.site_id))
                    for low in of_file
                    for high in of_file
                    if (low.line, high.line) == (one.line, other.line)
                )
                several = sum(row.line in (one.line, other.line) for row in of_file) > 2
                assert apart >= APART or several
                assert several or all(found.colour(theme, one) != found.colour(theme, other) for theme in LIGHTNESS)


def test_lines_that_golden_steps_bring_together_are_told_apart() -> None:
    found = Places()
    rows = [site(1, 10), site(2, 10 + 89), site(3, 10 + 89 + 144)]  # numbers of Fibonacci
    found.add(rows)
    assert abs(found.of(1) - found.of(2)) >= APART
    assert abs(found.of(2) - found.of(3)) >= APART
    assert all(found.colour("dark", one) != found.colour("dark", other) for one, other in pairwise(rows))

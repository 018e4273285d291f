"""Keys lead from line to line, past the bars of a chart and what only the mouse presses."""

from __future__ import annotations

from typing import NamedTuple

from views.inspector.walking import caller_of, next_in_group, next_spot


class Spot(NamedTuple):
    group: str = ""
    by_key: bool = True
    level: int = 0


BAR, EMPTY = Spot("chart"), Spot("chart", by_key=False)
SPOTS = [Spot(), EMPTY, BAR, EMPTY, BAR, Spot(), Spot(by_key=False), Spot("a"), Spot("b", level=1), Spot("c", level=1)]


def walk(by: int, start: int | None = None) -> list[int]:
    seen, at = list[int](), start
    while not seen or seen[-1] != at:
        seen += [] if at is None else [at]
        at = next_spot(SPOTS, at, by)
    return seen


def test_up_and_down_stop_once_in_a_chart() -> None:
    assert walk(1) == [0, 2, 5, 7, 8, 9]
    assert walk(-1, 9) == [9, 8, 7, 5, 4, 0]
    assert next_spot(SPOTS, None, -1) == 0


def test_sideways_stays_in_the_chart_and_passes_empty_bars() -> None:
    assert [next_in_group(SPOTS, at, 1) for at in (2, 4, 0)] == [4, 4, 0]
    assert [next_in_group(SPOTS, at, -1) for at in (2, 4, 7)] == [2, 2, 7]


def test_a_line_of_a_tree_leads_to_the_one_it_is_below_of() -> None:
    assert [caller_of(SPOTS, at) for at in (9, 8, 7)] == [7, 7, 7]

"""The lines of a call tree: open at first along what took longest, and then as one opens and closes them."""

from __future__ import annotations

import numpy as np

from dags.analyses.call_tree import CallTree
from views.inspector.tree_lines import MOST_CALLEES, MOST_LINES, tree_lines
from views.reading.source import Names


def tree(*rows: tuple[int, int, int]) -> CallTree:
    """Of (parent, site, total)."""
    parent, site, total = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(parent), np.int64)
    return CallTree((0, 100), parent, site, nothing, nothing + 1, nothing, nothing, total, total, nothing > 0)


SMALL = tree((-1, 1, 100), (0, 2, 90), (0, 3, 5), (1, 4, 30), (1, 5, 29), (-1, 6, 40), (5, 7, 39))


def lines(of: CallTree, *toggled: tuple[int, ...]) -> list[tuple[int, int, bool, bool]]:
    rows, _ = tree_lines(of, frozenset(toggled), Names(None))
    return [(row.level, row.site_id, row.has_more, row.is_open) for row in rows]


def test_at_first_it_is_open_down_to_where_no_callee_took_half() -> None:
    assert lines(SMALL) == [
        (0, 1, True, True),
        (1, 2, True, True),
        (2, 4, False, False),
        (2, 5, False, False),
        (1, 3, False, False),
        (0, 6, True, False),
    ]


def test_an_outermost_call_that_calls_nothing_does_not_keep_the_others_shut() -> None:
    assert lines(tree((-1, 9, 100), (-1, 1, 90), (1, 2, 80))) == [
        (0, 9, False, False),
        (0, 1, True, True),
        (1, 2, False, False),
    ]


def test_lines_are_opened_and_closed_by_their_path() -> None:
    assert lines(SMALL, (0, 6))[-2:] == [(0, 6, True, True), (1, 7, False, False)]
    assert lines(SMALL, (0, 1)) == [(0, 1, True, False), (0, 6, True, False)]
    assert lines(SMALL, (0, 1, 2))[1] == (1, 2, True, False)
    assert lines(SMALL, (0, 2), (0, 1, 3), (9, 9)) == lines(SMALL), "what is not there, or has no callee, is not opened"


def test_many_callees_are_cut_and_counted() -> None:
    rows, left_out = tree_lines(
        tree((-1, 1, 1000), *((0, 10 + n, 900 - n) for n in range(100))), frozenset(), Names(None)
    )
    assert (len(rows), rows[0].left_out, left_out) == (1 + MOST_CALLEES, 100 - MOST_CALLEES, 0)
    wide = tree(*((-1, 10 + n, 900 - n) for n in range(MOST_LINES + 7)))
    rows, left_out = tree_lines(wide, frozenset(), Names(None))
    assert (len(rows), left_out) == (MOST_LINES, 7)

"""Lanes, pixels and ticks, with worked values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dags.analyses.detail import OPEN_END, SPAN_DTYPE
from dags.analyses.lod import Array
from views.drawing.time_scale import columns_of, ns_from_px, px_from_ns
from views.timeline.layout import (
    GUTTER,
    NARROW_GUTTER,
    OVERVIEW,
    RULER,
    WIDE,
    gutter_of,
    innermost_at,
    span_at,
    zone_at,
)
from views.timeline.ruler import THIN, ticks, time_label


def spans(*rows: tuple[int, int, int, int, int]) -> Array:
    """(call_id, start_ns, end_ns, track_id, depth)"""
    return np.array([(*row, 1, 0) for row in rows], SPAN_DTYPE)


def test_zones_lie_where_the_picture_in_the_docstring_says() -> None:
    assert (gutter_of(WIDE), gutter_of(WIDE - 1)) == (GUTTER, NARROW_GUTTER)
    assert zone_at(GUTTER - 1, 0, GUTTER) == "gutter"
    assert zone_at(GUTTER, OVERVIEW - 1, GUTTER) == "overview"
    assert zone_at(GUTTER, OVERVIEW, GUTTER) == "ruler"
    assert zone_at(NARROW_GUTTER, OVERVIEW + RULER, NARROW_GUTTER) == "lanes"


@given(st.integers(0, 10**15), st.integers(100, 10**15), st.integers(1, 4000), st.floats(0, 1))
def test_a_pixel_and_its_instant_agree(start_ns: int, width_ns: int, width: int, share: float) -> None:
    visible = (start_ns, start_ns + width_ns)
    x = share * width
    assert px_from_ns(ns_from_px(x, visible, width), visible, width) == pytest.approx(x, abs=width / width_ns + 1e-3)


def test_columns_are_clipped_just_outside_the_picture() -> None:
    times = np.array([-5, 0, 99, 200, 250, OPEN_END], np.int64)
    assert columns_of(times, (0, 200), 100).tolist() == [-1, 0, 49, 100, 100, 100]


def test_the_call_under_a_point_is_found_and_a_near_miss_counts() -> None:
    calls = spans((1, 0, 100, 2, 0), (2, 10, 20, 2, 1), (3, 40, OPEN_END, 2, 1), (4, 10, 20, 3, 1))
    assert span_at(calls, 2, 0, 50, 0) == 0
    assert span_at(calls, 2, 1, 15, 0) == 1
    assert span_at(calls, 2, 1, 22, 1) is None
    assert span_at(calls, 2, 1, 22, 2) == 1
    assert span_at(calls, 2, 1, 10**15, 0) == 2
    assert span_at(calls, 9, 0, 50, 10) is None


def test_where_depths_share_a_row_the_innermost_call_is_the_one_under_a_point() -> None:
    calls = spans((1, 0, 100, 2, 0), (2, 10, 20, 2, 1), (3, 40, OPEN_END, 2, 1), (4, 10, 20, 3, 5))
    assert [innermost_at(calls, 2, at, 0) for at in (5, 15, 30, 10**15)] == [0, 1, 0, 2]
    assert innermost_at(calls, 2, 22, 2) == 1
    assert innermost_at(calls, 9, 15, 5) is None


def test_ticks_are_round_and_say_as_much_as_tells_them_apart() -> None:
    assert [time_ns for time_ns, _ in ticks((0, 1_000_000_000), 400)] == [i * 200_000_000 for i in range(6)]
    assert ticks((0, 1_000_000_000), 400)[1][1] == f"0.2{THIN}s"
    assert time_label(1_234_500_000, 100_000) == f"1.234{THIN}5{THIN}s"
    assert time_label(3_723_000_000_000, 1_000_000_000) == "1:02:03"
    assert time_label(83_500_000_000, 500_000_000) == "1:23.5"
    assert ticks((5, 5), 400) == []


@given(st.integers(0, 10**17), st.integers(100, 10**17), st.integers(50, 4000))
def test_labels_of_ticks_never_overlap_and_are_all_different(start_ns: int, width_ns: int, width: int) -> None:
    found = ticks((start_ns, start_ns + width_ns), width)
    places = [px_from_ns(time_ns, (start_ns, start_ns + width_ns), width) for time_ns, _ in found]
    assert len({label for _, label in found}) == len(found)
    for (_, label), x, following in zip(found, places, places[1:], strict=False):
        assert following - x >= 6 * len(label)

"""Rows of pixels against calls and counts made by hand."""

from __future__ import annotations

import numpy as np

from capture.events.definitions import TrackRow
from dags.analyses.detail import OPEN_END, SPAN_DTYPE
from dags.analyses.lod import ROW_DTYPE, Array
from views.timeline.lanes import Lane, stacked
from views.timeline.packs import Member
from views.timeline.raster import FAINT, PALE, Raster, blended, column_sums

TRACKS = [TrackRow(track_id=1, process_id=1, kind="process"), *(TrackRow(track_id=i, process_id=1) for i in (2, 3))]
COLOURS = np.arange(10, dtype=np.uint32) * 11


def raster(depths: dict[int, int], width: int = 10, visible: tuple[int, int] = (0, 100)) -> Raster:
    return Raster(stacked(TRACKS, [], depths), visible, width, 0)


def spans(*rows: tuple[int, int, int, int, int, int]) -> Array:
    """(call_id, start_ns, end_ns, track_id, depth, site_id)"""
    return np.array([(*row, 0) for row in rows], SPAN_DTYPE)


def counts(*rows: tuple[int, int, int, int, int, int]) -> Array:
    """(bin, track_id, min_depth, max_depth, site_id, count)"""
    made = np.zeros(len(rows), ROW_DTYPE)
    for at, (bin_, track, low, high, site, count) in enumerate(rows):
        made[at] = (bin_, 0, track, count, 0, low, high, site, count)
    return made


def test_calls_are_painted_at_their_depth_with_a_pixel_between_neighbours() -> None:
    picture = raster({2: 2, 3: 1})
    picture.fill_spans(spans((1, 1, 100, 2, 0, 1), (2, 0, 50, 2, 1, 2), (3, 50, 100, 2, 1, 2)), COLOURS)
    assert picture.pixels.tolist() == [
        [11] * 9 + [0],
        [22] * 4 + [0] + [22] * 4 + [0],
        [0] * 10,
    ]


def test_a_call_of_no_width_is_still_seen_and_one_out_of_sight_is_not() -> None:
    picture = raster({2: 1, 3: 1})
    outside = spans((1, 35, 35, 2, 0, 1), (2, -50, -10, 2, 0, 2), (3, 101, 300, 2, 0, 2), (4, 5, 6, 2, 7, 2))
    picture.fill_spans(outside, COLOURS)
    assert np.flatnonzero(picture.pixels[0]).tolist() == [3]
    assert not picture.pixels[1].any()


def test_a_call_that_spans_all_that_is_visible_is_pale() -> None:
    picture = raster({2: 1})
    calls = spans((1, 0, OPEN_END, 2, 0, 1))
    colours = np.array([0, 0xFF6464C8], np.uint32)
    picture.fill_spans(calls, colours)
    assert picture.pixels[0][0] == blended(colours[1:], 0, PALE)[0]
    assert picture.spans_all(spans((1, -5, 200, 2, 0, 1), (2, 1, OPEN_END, 2, 0, 1))).tolist() == [True, False]


def test_short_calls_are_as_strong_as_their_share_of_the_pixel_is_busy() -> None:
    picture = raster({2: 1}, visible=(0, 1_000))
    colours = np.array([0, 0xFFFFFFFF, 0xFF808080], np.uint32)
    half = spans(*((n, 300 + 10 * n, 305 + 10 * n, 2, 0, 1) for n in range(10)))
    picture.fill_spans(np.concatenate([half, spans((90, 510, 511, 2, 0, 1), (91, 620, 690, 2, 0, 2))]), colours)
    strength = [int(pixel) & 0xFF for pixel in picture.pixels[0]]
    assert strength[3] == round(255 * (FAINT + (1 - FAINT) / 2))
    assert strength[5] == round(255 * (FAINT + (1 - FAINT) / 100))
    assert strength[6] == round(128 * (FAINT + (1 - FAINT) * 0.7))
    assert strength[4] == 0


def test_threads_of_a_packed_lane_have_a_row_each_in_which_the_innermost_call_is_seen() -> None:
    members = (Member(2, 0, 0, 40), Member(3, 1, 0, 100), Member(4, 0, 50, 100))
    lane = Lane(
        track_id=2, kind="thread", name="job-*", y=0, height=20, rows=2, depth=1, shape="packed", members=members
    )
    picture = Raster([lane], (-1, 101), 10, 0)
    picture.fill_spans(
        spans((2, 10, 30, 2, 1, 2), (1, 0, 40, 2, 0, 1), (3, 0, 100, 3, 0, 3), (4, 60, 100, 4, 5, 4)), COLOURS
    )
    assert picture.pixels[0].tolist() == [11, 22, 22, 0, 0, 44, 44, 44, 0, 0]
    assert set(picture.pixels[1][:8].tolist()) == {33}
    assert picture.lanes_of(spans((9, 0, 1, 4, 0, 1), (9, 0, 1, 9, 0, 1))).tolist() == [0, -1]
    picture.fill_counts(1, counts((0, 4, 0, 3, 5, 8)), np.stack([COLOURS]))
    assert picture.pixels[0][0] == 55
    assert picture.pixels[1][0] == 33


def test_an_open_call_reaches_the_right_edge() -> None:
    picture = raster({2: 1})
    picture.fill_spans(spans((1, 20, OPEN_END, 2, 0, 1)), COLOURS)
    assert picture.pixels[0].tolist() == [0, 0, 11, 11, 11, 11, 11, 11, 11, 0]
    assert picture.labelled(spans((1, 20, OPEN_END, 2, 0, 1))) == []


def test_wide_calls_are_labelled_where_they_begin_in_sight() -> None:
    picture = raster({2: 1}, width=100, visible=(50, 150))
    calls = spans((1, 0, 90, 2, 0, 1), (2, 90, 95, 2, 0, 1), (3, 100, 140, 2, 0, 1))
    assert picture.labelled(calls) == [(0, 0, 40, 0), (0, 50, 40, 2)]


def test_counts_reach_as_deep_as_the_deepest_call_in_the_colour_of_the_busiest_site() -> None:
    picture = raster({2: 3}, width=4, visible=(0, 16))
    rows = counts((0, 2, 1, 3, 5, 10), (2, 2, 0, 1, 6, 3), (2, 9, 0, 9, 6, 3))
    picture.fill_counts(1, rows, np.stack([COLOURS, COLOURS + 1]))
    assert picture.pixels[:3].tolist() == [[56, 0, 67, 0], [56, 0, 0, 0], [56, 0, 0, 0]]


def test_two_bins_in_one_column_show_the_deeper_and_the_busier() -> None:
    picture = raster({2: 2}, width=1, visible=(0, 8))
    picture.fill_counts(1, counts((0, 2, 0, 1, 5, 10), (1, 2, 0, 2, 6, 3)), np.stack([COLOURS]))
    assert picture.pixels[:2].tolist() == [[55], [55]]


def test_a_depth_is_as_strong_as_the_share_of_its_column_in_which_it_is_reached() -> None:
    shades = np.stack([COLOURS + strength for strength in range(4)])
    picture = raster({2: 2, 3: 1}, width=2, visible=(0, 32))  # four bins of four to a pixel
    bins = counts((0, 2, 0, 2, 1, 9), (1, 2, 0, 1, 1, 9), (2, 2, 0, 1, 1, 9), (5, 2, 0, 1, 1, 9), (6, 3, 0, 1, 2, 9))
    picture.fill_counts(1, bins, shades)
    assert picture.pixels.tolist() == [[11 + 2, 11], [11, 0], [0, 22]]
    throughout = raster({2: 2}, width=1, visible=(0, 16))
    throughout.fill_counts(1, counts((3, 2, 1, 2, 1, 9)), shades)  # an event in a quarter, in a call that is open
    assert throughout.pixels[:2].tolist() == [[11 + 3], [11]]


def test_column_sums_lose_nothing_and_spread_wide_bins() -> None:
    pieces = [(1, counts((0, 2, 0, 1, 1, 8), (1, 3, 0, 1, 1, 5)))]
    assert column_sums(pieces, (0, 8), 4, ["count"])["count"].tolist() == [4, 4, 2.5, 2.5]
    assert column_sums(pieces, (0, 8), 1, ["count"])["count"].tolist() == [13]


def test_no_lanes_are_no_pixels() -> None:
    empty = Raster([], (0, 100), 10, 0)
    empty.fill_spans(spans((1, 0, 100, 2, 0, 1)), COLOURS)
    empty.fill_counts(1, counts((0, 2, 0, 1, 1, 8)), np.stack([COLOURS]))
    assert empty.pixels.shape == (0, 10)


def test_blending_mixes_each_colour_channel() -> None:
    assert blended(np.array([0xFF204060], np.uint32), 0xFF000000, 0.5).tolist() == [0xFF102030]

"""Marks at the edges of a lane: near exceptions share one that says how many they are and when the first was."""

from __future__ import annotations

import numpy as np

from capture.events.definitions import TrackRow
from capture.events.kinds import Kind
from dags.analyses.detail import SPAN_DTYPE
from dags.analyses.lod import ROW_DTYPE
from views.timeline.content import MARK_DTYPE, Content
from views.timeline.lanes import Lane, stacked
from views.timeline.marks import exceptions_in, written_in
from views.timeline.packs import Member
from views.timeline.raster import Raster

TRACKS = [TrackRow(track_id=1, process_id=1, kind="process"), *(TrackRow(track_id=i, process_id=1) for i in (2, 3))]


def raster(width: int = 100, visible: tuple[int, int] = (0, 1_000)) -> Raster:
    return Raster(stacked(TRACKS, [], {2: 2, 3: 1}), visible, width, 0)


def left_at(*ends: tuple[int, int]) -> Content:
    """Calls of (track, end) that an exception has left."""
    spans = np.array([(at, end - 1, end, track, 0, 1, 1) for at, (track, end) in enumerate(ends)], SPAN_DTYPE)
    empty = Content.empty()
    return Content([], spans, empty.gaps, True, [], [])


def test_exceptions_that_are_near_share_a_mark_and_others_have_their_own() -> None:
    found = exceptions_in(left_at((2, 100), (2, 105), (2, 140), (2, 600), (3, 105), (9, 50), (2, 2_000)), raster(), 12)
    assert found[["lane", "column", "count", "time_ns"]].tolist() == [
        (1, 10, 3, 100),
        (1, 60, 1, 600),
        (2, 10, 1, 105),
    ]


def test_neighbours_on_both_sides_of_a_boundary_share_a_mark_too() -> None:
    found = exceptions_in(left_at((2, 110), (2, 125)), raster(), 12)
    assert found[["column", "count", "time_ns"]].tolist() == [(11, 2, 110)]


def test_of_counts_all_exceptions_are_counted_where_their_bin_is() -> None:
    rows = np.zeros(3, ROW_DTYPE)
    rows["bin"], rows["track_id"], rows["count"], rows["raised"] = [1, 2, 9], [2, 2, 3], [8, 8, 8], [5, 0, 2]
    content = Content([(3, rows)], np.empty(0, SPAN_DTYPE), Content.empty().gaps, False, [], [])
    found = exceptions_in(content, raster(), 12)
    assert found[["lane", "count"]].tolist() == [(1, 5), (2, 2)]
    assert found["time_ns"].tolist() == [96, 608]


def test_without_exceptions_there_are_no_marks() -> None:
    assert len(exceptions_in(Content.empty(), raster(), 12)) == 0
    assert len(exceptions_in(left_at((2, 100)), Raster([], (0, 1_000), 100, 0), 12)) == 0


def test_state_changes_are_told_from_other_events() -> None:
    rows = [(300, 2, Kind.STATE), (500, 2, Kind.SNAPSHOT), (990, 3, Kind.STATE), (5, 7, Kind.STATE)]
    marks = np.array(rows, MARK_DTYPE)
    empty = Content.empty()
    content = Content([], empty.spans, empty.gaps, True, [], [], marks)
    painted = written_in(content, raster(), (7, 8))
    assert np.argwhere(painted == 7).tolist() == [[1, 30], [1, 31], [2, 99]]
    assert np.argwhere(painted == 8).tolist() == [[1, 50], [1, 51]]


def test_a_packed_lane_has_the_marks_of_all_its_threads() -> None:
    members = (Member(2, 0, 0, 400), Member(3, 0, 500, 900))
    lane = Lane(
        track_id=2, kind="thread", name="job-*", y=0, height=20, rows=1, depth=1, shape="packed", members=members
    )
    found = exceptions_in(left_at((2, 100), (3, 700)), Raster([lane], (0, 1_000), 100, 0), 12)
    assert found[["lane", "column"]].tolist() == [(0, 10), (0, 70)]

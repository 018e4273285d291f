"""dags.correlate.replay: a step costs what the events do that lie between, not what the program holds."""

from __future__ import annotations

from unittest import mock

import numpy as np

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import Kind
from dags.correlate.correlator import Correlator
from dags.correlate.replay import BACK_ROWS, SegmentReplay
from dags.kernels import Stacks

TRACKS, EVENTS = 300, 6_000


def calls() -> EventBatch:
    """Each track in turn enters one function more."""
    rows = np.arange(EVENTS)
    track = (rows % TRACKS + 1).astype(np.int32)
    return make_batch(
        1, rows * 1_000, np.full(EVENTS, Kind.CALL, np.uint8), track, site_id=(rows // TRACKS + 1).astype(np.int32)
    )


def test_steps_back_copy_all_stacks_once_in_a_while_only() -> None:
    segment = SegmentReplay(calls(), Correlator(), ())
    segment.state_at(EVENTS // 2)
    with mock.patch.object(Stacks, "copy", autospec=True, side_effect=Stacks.copy) as copied:
        for rows in range(EVENTS // 2 - 1, EVENTS // 2 - 1 - BACK_ROWS, -1):
            depths = segment.state_at(rows).code.stacks.heads()["depth"]
            assert depths.sum() == rows
            assert depths.max() - depths.min() <= 1
    assert copied.call_count <= 3


def test_a_track_that_begins_after_the_instant_is_gone_after_a_step_back() -> None:
    segment = SegmentReplay(calls(), Correlator(), ())
    assert segment.state_at(5).code.stacks.heads()["track_id"].tolist() == [1, 2, 3, 4, 5]
    assert segment.state_at(3).code.stacks.heads()["track_id"].tolist() == [1, 2, 3]
    assert segment.state_at(3).code.stacks.counts() == {
        "next_call_id": 4, "unmatched": 0, "ignored": 0, "frames": 3, "tracks": 3, "doubted": 0
    }  # fmt: skip


def test_stacks_that_came_into_doubt_in_between_are_copied() -> None:
    earlier, later = Stacks(), Stacks()
    later.doubt(7)
    back = later.taken_back(earlier, np.array([1], np.int32))
    assert back is not later
    assert back.counts() == earlier.counts()


def test_heads_of_tracks_that_nothing_is_known_of_are_in_doubt() -> None:
    stacks = SegmentReplay(calls(), Correlator(), ()).state_at(2).code.stacks
    asked = np.array([2, 3, -1, 1 << 40, 1], np.int64)
    heads = stacks.heads_of(asked)
    assert heads["track_id"].tolist() == [2, 0, 0, 0, 1]
    assert (heads["unknown_since_ns"] < 0).tolist() == [True, False, False, False, True]
    assert stacks.told(asked) == 2

"""Threads that hardly ran together share a lane, each in the lowest row that is free."""

from __future__ import annotations

from itertools import pairwise

from capture.events.definitions import TrackRow
from views.timeline.lanes import Wanted, stacked
from views.timeline.packs import LEAST_PACKED, packs_of


def threads(count: int) -> list[TrackRow]:
    process = TrackRow(track_id=1, process_id=1, kind="process", name="server")
    return [process, *(TrackRow(track_id=2 + n, process_id=1, name=f"worker-{n}") for n in range(count))]


def short(count: int, together: int) -> list[TrackRow]:
    """Threads of 100 ns of which so many run at the same time."""
    step = 100 // together
    return [
        TrackRow(track_id=10 + n, process_id=1, name=f"job-{n}", start_ns=step * n, end_ns=step * n + 99)
        for n in range(count)
    ]


def test_threads_that_hardly_ran_together_share_a_lane() -> None:
    packs = packs_of(short(60, 4), 10_000)
    assert {pack.rows for pack in packs.values()} == {4}
    rows = [(member.row, member.start_ns, member.end_ns) for member in packs[10].members]
    for row in range(4):
        own = sorted((start, end) for place, start, end in rows if place == row)
        assert all(before[1] < after[0] for before, after in pairwise(own))
    lanes = stacked([*threads(1), *short(60, 4)], [], {}, packs=packs)
    packed = lanes[-1]
    assert [lane.name for lane in lanes[1:]] == ["worker-0", "job-* · 60 threads, 4 at once"]
    assert (packed.shape, packed.rows, len(packed.track_ids)) == ("packed", 4, 60)
    assert packed.track_at(0, 5) == 10
    assert packed.track_at(0, 10**9) == 0


def test_a_pool_of_workers_and_a_handful_of_threads_keep_their_lanes() -> None:
    assert packs_of(threads(24), 10_000) == {}
    assert packs_of(short(LEAST_PACKED - 1, 1), 10_000) == {}


def test_a_focused_thread_of_a_pack_has_a_lane_of_its_own() -> None:
    rows = short(60, 4)
    lanes = stacked(rows, [], {}, Wanted(focus=12), packs=packs_of(rows, 10_000))
    assert [(lane.name, lane.shape) for lane in lanes] == [
        ("job-* · 60 threads, 4 at once", "packed"),
        ("job-2", "open"),
    ]

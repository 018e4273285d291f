"""The pyramid against a count of every event, one by one."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import KIND, KINDS, Kind
from dags.analyses.lod import MAX_BINS, Level, level_for, pyramid
from tests.sessions import make_events

OPENS, ENDS = ([kind for kind in KINDS if kind.row.depth.step == step] for step in (1, -1))
Row = tuple[int, int, int, int, int, int, int]


def counted_one_by_one(batch: EventBatch, level: int, depths: dict[int, int]) -> dict[tuple[int, int], Row]:
    """(bin, track) -> count, raised, dropped, least depth, most depth, site of most events, how many."""
    depth = defaultdict(int, depths)
    found: dict[tuple[int, int], list[tuple[Kind, int, int, int, int]]] = defaultdict(list)
    for row in range(len(batch)):
        kind, track = KIND[int(batch.kind[row])], int(batch.track_id[row])
        before = after = depth[track]
        if kind in OPENS:
            after += 1
        elif kind in ENDS:
            after = max(0, after - 1)
            before = after + 1  # what ends was open, whether it had been known or not
        elif kind in (Kind.GAP, Kind.THREAD_END):
            before = after = 0
        depth[track] = after
        found[(int(batch.time_ns[row]) // 4**level, track)].append(
            (kind, int(batch.site_id[row]), int(batch.ref[row]), before, after)
        )
    rows = {}
    for key, some in found.items():
        (site, most) = min(Counter(site for _, site, *_ in some).items(), key=lambda item: (-item[1], item[0]))
        rows[key] = (
            len(some),
            sum(kind is Kind.UNWIND for kind, *_ in some),
            sum(ref for kind, _, ref, *_ in some if kind is Kind.GAP),
            min(min(before, after) for *_, before, after in some),
            max(max(before, after) for *_, before, after in some),
            site,
            most,
        )
    return rows


def as_dict(level: Level) -> dict[tuple[int, int], Row]:
    names = ("bin", "track_id", "count", "raised", "dropped", "min_depth", "max_depth", "site_id", "site_count")
    return {
        (bin_, track): (count, raised, dropped, low, high, site, most)
        for bin_, track, count, raised, dropped, low, high, site, most in zip(
            *(level.rows[name].tolist() for name in names), strict=True
        )
    }


events_of_a_batch = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.sampled_from([*OPENS, *ENDS, Kind.RAISE, Kind.STATE, Kind.GAP, Kind.THREAD_END]),
        st.integers(1, 3),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=60,
)


def batch_of(steps: list[tuple[int, Kind, int, int]]) -> EventBatch:
    columns = np.array([(step, int(kind), track, site) for step, kind, track, site in steps], np.int64)
    gaps = np.where(columns[:, 1] == Kind.GAP, 7, 0)
    return make_batch(
        1,
        np.cumsum(columns[:, 0]),
        columns[:, 1].astype(np.uint8),
        columns[:, 2].astype(np.int32),
        site_id=columns[:, 3].astype(np.int32),
        ref=gaps,
    )


@given(events_of_a_batch, st.dictionaries(st.integers(1, 3), st.integers(0, 5)))
def test_every_level_says_what_a_count_of_every_event_says(
    steps: list[tuple[int, Kind, int, int]], depths: dict[int, int]
) -> None:
    batch = batch_of(steps)
    for level in pyramid(batch, depths):
        assert as_dict(level) == counted_one_by_one(batch, level.level, depths)
        assert (np.diff(level.rows["bin"]) >= 0).all()


@given(events_of_a_batch, st.integers(0, 300_000), st.integers(0, 300_000))
def test_any_range_of_whole_bins_counts_the_events_in_it(
    steps: list[tuple[int, Kind, int, int]], one_ns: int, other_ns: int
) -> None:
    batch = batch_of(steps)
    for level in pyramid(batch, {}):
        start_ns = min(one_ns, other_ns) // level.width_ns * level.width_ns
        end_ns = (max(one_ns, other_ns) // level.width_ns + 1) * level.width_ns
        direct = np.count_nonzero((batch.time_ns >= start_ns) & (batch.time_ns < end_ns))
        assert int(level.between(start_ns, end_ns)["count"].sum()) == direct


def test_a_real_sized_batch_keeps_every_event_at_every_level_within_the_bounds() -> None:
    batch, _ = make_events(20_000, 4, seed=3)
    levels = pyramid(batch, {})
    assert [int(level.rows["count"].sum()) for level in levels] == [20_000] * len(levels)
    span = int(batch.time_ns[-1] - batch.time_ns[0])
    assert MAX_BINS / 4 <= span / levels[0].width_ns < MAX_BINS
    assert len(np.unique(levels[-1].rows["bin"])) <= 2
    assert as_dict(levels[0]) == counted_one_by_one(batch, levels[0].level, {})


def test_a_snapshot_says_how_deep_the_stack_is_and_its_parts_add_up() -> None:
    texts = [
        '{"reason": "begin", "part": "first", "frames": [[1, 1], [2, 2]]}',
        '{"reason": "begin", "part": "last", "frames": [[3, 3]]}',
    ]
    batch = make_batch(
        1,
        np.array([1_000, 1_000, 1_010, 1_020], np.int64),
        np.array([Kind.SNAPSHOT, Kind.SNAPSHOT, Kind.RETURN, Kind.RETURN], np.uint8),
        np.full(4, 2, np.int32),
        value_rows=np.array([0, 1]),
        values=texts,
    )
    top = pyramid(batch, {2: 9})[-1]
    assert int(top.rows["max_depth"].max()) == 3
    assert int(top.rows["min_depth"].min()) == 1


@pytest.mark.parametrize(("width_ns", "level"), [(0, 0), (1, 0), (3.9, 0), (4, 1), (16, 2), (63, 2), (64, 3)])
def test_the_level_for_a_width_is_the_coarsest_that_fits(width_ns: float, level: int) -> None:
    assert level_for(width_ns) == level
    assert 4**level <= max(1, width_ns) < 4 ** (level + 1)


def test_an_empty_batch_has_no_levels() -> None:
    assert pyramid(EventBatch.empty(), {}) == []

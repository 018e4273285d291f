"""What one batch becomes: edges, versions, calls, and the answers of each DAG about the present."""

from typing import Any

import numpy as np
import pytest

from capture.errors import FormatError
from capture.events.definitions import StateKeyRow, TrackRow
from capture.events.kinds import JoinEndFlag, Kind
from capture.session.rows import as_table
from capture.session.stored_states import with_old_values
from dags.base import Dag, Edge, Rows
from dags.code.dag import context_tree
from dags.columns import OUTCOMES, runs
from dags.correlate.correlator import Correlator
from dags.registry import FOLLOWERS
from tests.streams import Event, batch_of


def fed(*events: Event, **more: Any) -> tuple[Correlator, Rows]:
    correlator = Correlator()
    rows = correlator.feed(batch_of(list(events)), **more)
    correlator.check()
    return correlator, rows


def edges(rows: Rows) -> list[tuple[int, int, str]]:
    columns = [np.asarray(rows["edges"][name]).tolist() for name in ("cause_event_id", "effect_event_id", "kind")]
    return list(zip(*columns, strict=True))


def test_a_started_thread_is_caused_by_its_start_and_its_join_by_its_end() -> None:
    correlator, rows = fed(
        Event(1, Kind.THREAD_START, 1, ref=2),
        Event(2, Kind.CALL, 1, 1),
        Event(3, Kind.THREAD_BEGIN, 2),
        Event(4, Kind.JOIN_BEGIN, 1, ref=2),
        Event(5, Kind.THREAD_END, 2),
        Event(6, Kind.JOIN_END, 1, ref=2, flags=JoinEndFlag.ENDED),
    )
    assert edges(rows) == [(1, 3, "start"), (5, 6, "join")]
    assert list(correlator.dag("causality").causes_of(6)) == [Edge(5, 6, "join")]
    assert list(correlator.dag("causality").effects_of(1)) == [Edge(1, 3, "start")]
    assert list(correlator.temporal.causes_of(6)) == [Edge(4, 6, "order")]
    assert list(correlator.temporal.effects_of(3)) == [Edge(3, 5, "order")]


def test_a_join_that_timed_out_is_caused_by_nothing() -> None:
    _, rows = fed(Event(1, Kind.THREAD_BEGIN, 2), Event(2, Kind.JOIN_END, 1, ref=2))
    assert edges(rows) == []


def test_a_start_waits_for_the_childs_first_event_over_a_keyframe() -> None:
    first, _ = fed(Event(1, Kind.THREAD_START, 1, ref=2))
    again = Correlator.from_keyframe(first.keyframe())
    rows = again.feed(batch_of([Event(9, Kind.CALL, 2, 1)], first_event_id=2))
    assert edges(rows) == [(1, 2, "start")]


def test_a_thread_that_had_begun_before_is_not_started_again() -> None:
    _, rows = fed(Event(1, Kind.CALL, 2, 1), Event(2, Kind.THREAD_START, 1, ref=2), Event(3, Kind.CALL, 2, 1))
    assert edges(rows) == []


def test_versions_name_their_writer_and_what_they_replaced() -> None:
    keys = [StateKeyRow(key_id=4, owner="m", key="x", scope="global")]
    correlator, rows = fed(
        Event(1, Kind.CALL, 1, 7),
        Event(2, Kind.STATE, 1, ref=4, value="1", flags=8),
        Event(3, Kind.CALL, 1, 8),
        Event(4, Kind.STATE, 1, ref=4, value="2"),
        Event(5, Kind.RETURN, 1, 8),
        Event(6, Kind.STATE, 2, ref=4, flags=1),
        state_keys=keys,
    )
    states = rows["states"]
    assert np.asarray(states["version_id"]).tolist() == [1, 2, 3]
    shown = with_old_values(as_table("states", states, stored=True))
    texts = {name: shown[name].to_pylist() for name in ("owner", "key", "old", "new")}
    assert (texts["owner"], texts["key"]) == (["m"] * 3, ["x"] * 3)
    assert (texts["old"], texts["new"]) == ([None, "1", "2"], ["1", "2", None])
    # The first was found when the recording began: nobody saw who wrote it.
    assert np.asarray(states["writer_track_id"]).tolist() == [0, 1, 2]
    assert np.asarray(states["writer_call_id"]).tolist() == [0, 2, 0]
    assert edges(rows) == [(2, 4, "overwrites"), (4, 6, "overwrites")]
    assert correlator.state.at(6) == []
    assert list(correlator.state.causes_of(3)) == [Edge(2, 3, "overwrites")]


def test_calls_end_as_they_were_left() -> None:
    correlator, rows = fed(
        Event(1, Kind.CALL, 1, 1),
        Event(2, Kind.CALL, 1, 2),
        Event(3, Kind.YIELD, 1, 2),
        Event(4, Kind.RESUME, 1, 2),
        Event(5, Kind.CALL, 1, 3),
        Event(6, Kind.UNWIND, 1, 3, value="KeyError"),
        Event(7, Kind.RETURN, 1, 9),
        Event(8, Kind.CALL, 1, 4),
        Event(9, Kind.RETURN, 1, 2),
    )
    calls = rows["calls"]
    outcomes = [OUTCOMES[code] for code in calls["outcome"].tolist()]
    assert list(zip(calls["call_id"].tolist(), calls["site_id"].tolist(), outcomes, strict=True)) == [
        (2, 2, "yield"),
        (4, 3, "raise"),
        (5, 4, "raise"),
        (3, 2, "return"),
    ]
    assert correlator.code.open_calls()["call_id"].tolist() == [1]
    assert OUTCOMES[correlator.code.open_calls()["outcome"][0]] == "open"
    assert correlator.code.stacks.counts()["unmatched"] == 1


def test_a_snapshot_in_parts_replaces_the_stack() -> None:
    def part(time_ns: int, frames: str, name: str) -> Event:
        return Event(time_ns, Kind.SNAPSHOT, 1, value=f'{{"reason":"gap","part":"{name}","frames":{frames}}}')

    correlator, rows = fed(
        Event(1, Kind.CALL, 1, 1),
        Event(2, Kind.CALL, 1, 2),
        Event(3, Kind.CALL, 1, 3),
        part(4, "[[1,5]]", "first"),
        part(4, "[[2,6],[4,7]]", "last"),
    )
    assert [(c.call_id, c.site_id, c.line) for c in correlator.code.at(4)[1].calls] == [(1, 1, 5), (2, 2, 6), (4, 4, 7)]
    assert rows["calls"]["call_id"].tolist() == [3]


def test_threads_wait_only_while_they_join() -> None:
    correlator, _ = fed(Event(1, Kind.THREAD_START, 1, ref=2), Event(2, Kind.JOIN_BEGIN, 1, ref=2))
    assert correlator.process.at(3).waiting[1].waiting_on == 2
    assert list(correlator.process.causes_of(2)) == [Edge(1, 2, "start")]
    assert list(correlator.process.effects_of(1)) == [Edge(1, 2, "start")]
    correlator.feed(batch_of([Event(4, Kind.GAP, 1, ref=5)], first_event_id=3))
    assert correlator.process.at(4).waiting == {}


def test_heat_compares_with_the_busiest_process_so_far() -> None:
    tracks = [TrackRow(track_id=1, process_id=1), TrackRow(track_id=2, process_id=2)]
    events = [Event(n, Kind.CALL, 1, 1) for n in range(8)] + [Event(10 + n, Kind.CALL, 2, 1) for n in range(4)]
    correlator, _ = fed(*events, tracks=tracks)
    activity = correlator.process.state.activity
    assert (activity.heat(1, 20), activity.heat(2, 20)) == (1.0, 0.5)
    assert activity.heat(1, 500_000_000) == 0.0


def test_the_state_of_the_past_is_not_answered_by_the_present() -> None:
    correlator, _ = fed(Event(10, Kind.CALL, 1, 1))
    answering = [dag for row in FOLLOWERS if type(dag := correlator.dag(row.name)).at is not Dag.at]
    assert len(answering) > 5
    for dag in answering:
        with pytest.raises(ValueError, match="lies before it"):
            dag.at(9)


def test_event_ids_may_not_step_back() -> None:
    correlator, _ = fed(Event(1, Kind.CALL, 1, 1), Event(2, Kind.CALL, 1, 1))
    with pytest.raises(FormatError):
        correlator.feed(batch_of([Event(3, Kind.CALL, 1, 1)], first_event_id=2))


def test_the_context_tree_joins_calls_of_the_same_path() -> None:
    events = [Event(0, Kind.CALL, 1, 1)]
    for n in range(3):
        events += [Event(10 * n + 1, Kind.CALL, 1, 2), Event(10 * n + 5, Kind.RETURN, 1, 2)]
    events.append(Event(100, Kind.RETURN, 1, 1))
    tree = context_tree(fed(*events)[1]["calls"])
    assert tree["site_id"].tolist() == [1, 2]
    assert tree["parent_node"].tolist() == [-1, 0]
    assert tree["count"].tolist() == [1, 3]
    assert tree["total_ns"].tolist() == [100, 12]
    assert tree["self_ns"].tolist() == [88, 12]


@pytest.mark.parametrize("times", [[0, 5, 10, 25], [3] * 9, list(range(0, 1000, 7)), [0, 1 << 60]])
def test_runs_count_events_per_bin(times: list[int]) -> None:
    bins, counts = runs(np.array(times, np.int64), 10)
    expected = {bin_: sum(t // 10 == bin_ for t in times) for bin_ in sorted({t // 10 for t in times})}
    assert dict(zip(bins.tolist(), counts.tolist(), strict=True)) == expected

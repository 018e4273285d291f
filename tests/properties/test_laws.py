"""Laws of the DAGs, for any stream of events, sane or not."""

from dataclasses import replace
from typing import Any
from unittest import mock

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import FormatError
from capture.events.batch import EventBatch, make_batch
from capture.events.definitions import TrackRow
from capture.events.kinds import Kind, StateFlag
from capture.session.event_texts import event_ids_of
from capture.session.rows import as_table
from capture.session.stored_states import with_old_values
from capture.session.tables import ARGUMENTS_AT, RESULT_AT
from dags.base import Rows
from dags.code.dag import context_tree
from dags.columns import OUTCOMES
from dags.correlate import replay
from dags.correlate.correlator import Correlator, in_time_order
from dags.correlate.replay import SegmentReplay
from dags.locals.dag import Activation
from tests.streams import Event, ReferenceStacks, batch_of, streams

pytestmark = pytest.mark.soak

CALL_COLUMNS = (
    "call_id", "start_ns", "end_ns", "track_id", "depth", "site_id", "parent_call_id", "call_line", "outcome",
)  # fmt: skip
TRACKS = [TrackRow(track_id=n, process_id=1 + n % 2) for n in range(1, 5)]


def table(columns: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of columns, as plain values."""
    plain = [column if isinstance(column, list) else column.tolist() for column in columns.values()]
    return list(zip(*plain, strict=True))


def texts_of_calls(calls: dict[str, Any], batch: EventBatch) -> list[tuple[str | None, str | None, int]]:
    """(arguments, result, exception) of rows of `calls`, some of which name an event of the batch instead of a text."""
    count = len(calls["call_id"])
    own = calls["arguments"].to_pylist() if "arguments" in calls else [None] * count
    nothing = np.zeros(count, np.int64)
    at = event_ids_of(ARGUMENTS_AT, pa.table(calls)).tolist() if ARGUMENTS_AT in calls else nothing.tolist()
    result_at, left_by = (calls.get(name, nothing).tolist() for name in (RESULT_AT, "exception_id"))

    def told(event_id: int) -> str | None:
        return batch.value_of(event_id - batch.first_event_id) if event_id else None

    assert not any(text is not None and event_id for text, event_id in zip(own, at, strict=True))
    arguments = [text if event_id == 0 else told(event_id) for text, event_id in zip(own, at, strict=True)]
    return list(zip(arguments, map(told, result_at), left_by, strict=True))


def all_rows(parts: list[Rows], batch: EventBatch) -> list[list[tuple[Any, ...]]]:
    states, local = (
        [with_old_values(as_table(name, part[name], stored=True)) for part in parts] for name in ("states", "locals")
    )
    return [
        [row for part in parts for row in table({name: part["calls"][name] for name in CALL_COLUMNS})],
        [row for part in parts for row in texts_of_calls(part["calls"], batch)],
        [row for part in states for row in zip(*part.to_pydict().values(), strict=True)],
        [row for part in local for row in zip(*part.to_pydict().values(), strict=True)],
        [row for part in parts for row in table(part["lines"])],
        [row for part in parts for row in table(part["edges"])],
    ]


def shown(state: Correlator, time_ns: int) -> Any:
    """Everything that a frame shows of the state."""
    process = state.process.state
    return (
        state.temporal.moment,
        state.code.at(time_ns),
        state.code.stacks.counts(),
        state.state.at(time_ns),
        _activations(state),
        dict(process.waiting),
        dict(process.begun_ns),
        {n: process.activity.heat(n, time_ns) for n in (1, 2)},
    )


def _activations(state: Correlator) -> dict[int, Activation]:
    """What is known of the open calls, whose order does not count."""
    return dict(state.locals.of(state.code.stacks.export()[1]["call_id"]))


def in_order(events: list[Event]) -> list[Event]:
    """The events with the times that the correlator gives them."""
    times = in_time_order(batch_of(events), 0).time_ns.tolist()
    return [replace(event, time_ns=time_ns) for event, time_ns in zip(events, times, strict=True)]


def replayed(batch: EventBatch, rows: int) -> Correlator:
    state = Correlator()
    state.feed(batch.slice(0, rows), TRACKS)
    return state


@given(streams(), st.data())
def test_feeding_in_pieces_equals_feeding_at_once(events: list[Event], data: st.DataObject) -> None:
    batch = batch_of(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(batch)), max_size=4)))
    whole, pieces = Correlator(), Correlator()
    at_once = [whole.feed(batch, TRACKS)]
    ends = [*cuts, len(batch)]
    in_pieces = [pieces.feed(batch.slice(a, b), TRACKS) for a, b in zip([0, *cuts], ends, strict=True)]
    assert all_rows(in_pieces, batch) == all_rows(at_once, batch)
    assert pieces.keyframe() == whole.keyframe()
    whole.check()


@given(streams(max_size=80), st.data())
def test_a_keyframe_and_the_events_after_it_equal_a_replay_from_the_start(
    events: list[Event], data: st.DataObject
) -> None:
    batch = batch_of(events)
    cut = data.draw(st.integers(0, len(batch)))
    keyframe = replayed(batch, cut).keyframe()
    segment = SegmentReplay(batch.slice(cut, len(batch)), Correlator.from_keyframe(keyframe), TRACKS)
    for event in in_order(events)[cut:]:
        rows = segment.rows_until(event.time_ns)
        expected = replayed(batch, cut + rows)
        assert shown(segment.state_at(rows), event.time_ns) == shown(expected, event.time_ns)


@given(streams(max_size=80), st.data())
def test_where_one_came_from_changes_nothing_of_what_is_there(events: list[Event], data: st.DataObject) -> None:
    """Steps on go on from the last state, steps back from one that is kept near: both kept places are small here."""
    batch = batch_of(events)
    visited = data.draw(st.lists(st.integers(0, len(batch)), max_size=20))
    with mock.patch.object(replay, "STEP_ROWS", 8), mock.patch.object(replay, "BACK_ROWS", 3):
        segment = SegmentReplay(batch, Correlator(), TRACKS)
        for rows in [row for at in visited for row in (at, max(at - 1, 0), max(at - 2, 0), min(at + 1, len(batch)))]:
            assert shown(segment.state_at(rows), 1 << 62) == shown(replayed(batch, rows), 1 << 62)


@given(streams(max_size=80))
def test_a_restored_keyframe_is_the_state_it_was_made_of(events: list[Event]) -> None:
    state = replayed(batch_of(events), len(events))
    assert Correlator.from_keyframe(state.keyframe()).keyframe() == state.keyframe()
    assert shown(state.copy(), 1 << 62) == shown(state, 1 << 62)


@given(streams(max_size=120))
def test_the_kernel_pairs_calls_as_the_rules_say(events: list[Event]) -> None:
    reference = ReferenceStacks()
    for event in in_order(events):
        reference.feed(event)
    state = Correlator()
    calls = state.feed(batch_of(events))["calls"]
    ended = [(*row[:8], OUTCOMES[row[8]]) for row in table({name: calls[name] for name in CALL_COLUMNS})]
    assert ended == reference.ended
    assert [row[:2] for row in texts_of_calls(calls, batch_of(events))] == reference.texts
    stacks = {
        track: [(call.call_id, call.site_id, call.entered_ns, call.line, call.arguments) for call in stack.calls]
        for track, stack in state.code.at(1 << 62).items()
        if stack.calls
    }
    assert stacks == {
        track: [(call["id"], call["site"], call["start"], call["line"], call["arguments"]) for call in stack]
        for track, stack in reference.stacks.items()
        if stack
    }


@given(streams(max_size=80, hostile=False))
def test_every_call_is_a_row_once_it_has_ended_and_open_until_then(events: list[Event]) -> None:
    state = Correlator()
    calls = state.feed(batch_of(events))["calls"]
    ids = sorted([*calls["call_id"].tolist(), *state.code.open_calls()["call_id"].tolist()])
    assert ids == list(range(1, len(ids) + 1))
    assert all(OUTCOMES[code] != "open" for code in calls["outcome"])
    assert (calls["end_ns"] >= calls["start_ns"]).all()


@given(streams(max_size=80, hostile=False))
def test_the_context_tree_has_all_calls_and_their_time(events: list[Event]) -> None:
    calls = Correlator().feed(batch_of(events))["calls"]
    tree = context_tree(calls)
    assert int(tree["count"].sum()) == len(calls["call_id"])
    assert (tree["parent_node"] < tree["node_id"]).all()
    spent = int((calls["end_ns"] - calls["start_ns"]).sum())
    assert int(tree["total_ns"].sum()) == spent
    roots = tree["parent_node"] < 0
    assert int(tree["self_ns"].sum()) == int(tree["total_ns"][roots].sum())


@given(streams(), st.data())
def test_a_damaged_keyframe_is_a_state_or_a_format_error(events: list[Event], data: st.DataObject) -> None:
    keyframe = bytearray(replayed(batch_of(events), len(events)).keyframe())
    for _ in range(data.draw(st.integers(1, 3))):
        keyframe[data.draw(st.integers(0, len(keyframe) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(keyframe)))
    for damaged in (bytes(keyframe), bytes(keyframe[:cut])):
        try:
            state = Correlator.from_keyframe(damaged)
        except FormatError:
            continue
        moment = state.temporal.moment
        state.feed(batch_of([*events], moment.event_id + 1), TRACKS)
        shown(state, 1 << 62)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_keyframe(data: bytes) -> None:
    with pytest.raises(FormatError):
        Correlator.from_keyframe(data)
    with pytest.raises(FormatError):
        parts = {"version": 1, "event_id": 0, "time_ns": 0, "dags": {"code": data}}
        Correlator.from_keyframe(msgspec.msgpack.encode(parts))


def monotonous(kind: int, count: int, first_event_id: int = 1) -> EventBatch:
    """The same event of site 1 on track 1, again and again."""
    ones = np.ones(count, np.int32)
    times = np.arange(first_event_id, first_event_id + count, dtype=np.int64)
    return make_batch(first_event_id, times, np.full(count, kind, np.uint8), ones, site_id=ones)


@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_deep_recursion_is_kept_and_unwound(depth: int) -> None:
    half = Correlator()
    half.feed(monotonous(Kind.CALL, depth))
    assert len(half.code.open_calls()["call_id"]) == depth
    again = Correlator.from_keyframe(half.keyframe())
    calls = again.feed(monotonous(Kind.RETURN, depth, depth + 1))["calls"]
    assert calls["depth"].tolist() == list(range(depth - 1, -1, -1))
    assert len(again.code.open_calls()["call_id"]) == 0


def test_depth_beyond_the_limit_is_counted_and_left_again() -> None:
    limit = 1 << 20
    state = Correlator()
    state.feed(monotonous(Kind.CALL, limit + 10))
    assert state.code.stacks.counts()["ignored"] == 10
    assert len(state.feed(monotonous(Kind.RETURN, limit + 10, limit + 11))["calls"]["call_id"]) == limit
    assert state.code.stacks.counts()["unmatched"] == 0


def test_a_name_that_was_deleted_in_an_earlier_segment_had_no_value_before_it_got_one() -> None:
    """It had an empty text: what makes columns of texts out of few rows took a null for one."""
    deleted = Event(1, Kind.STATE, 1, ref=1, flags=StateFlag.DELETED)
    others = [Event(2 + n, Kind.STATE, 1, ref=2, value=str(n)) for n in range(3)]
    events = [deleted, Event(2, Kind.STATE, 1, ref=1, value="back"), *others]
    batch, pieces = batch_of(events), Correlator()
    told = all_rows([pieces.feed(batch.slice(0, 1), TRACKS), pieces.feed(batch.slice(1, 5), TRACKS)], batch)
    assert told == all_rows([Correlator().feed(batch, TRACKS)], batch)

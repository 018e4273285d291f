"""The last and the next write, and a value's history, as a list of all writes tells them."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses import value_facts
from dags.analyses.writes import WantedWrites, nearest_write
from tests.dags.analyses.test_function_statistics import any_session
from tests.streams import Event, streams


def states_of(session: Session) -> list[dict[str, Any]]:
    rows = [row for index in session.with_rows for row in session.segment_table(index, "states").to_pylist()]
    return sorted(rows, key=lambda row: (row["time_ns"], row["version_id"]))


@st.composite
def writing(draw: st.DrawFn) -> list[Event]:
    """A program that writes a lot."""
    events = draw(streams(max_size=30, hostile=False))
    time_ns = events[-1].time_ns if events else 5
    for _ in range(draw(st.integers(0, 30))):
        time_ns += draw(st.sampled_from([0, 1, 500]))
        cell = {"object_id": draw(st.integers(0, 1)), "ref": draw(st.integers(1, 2))}
        value = draw(st.sampled_from(["1", "22", None]))
        events.append(
            Event(time_ns, Kind.STATE, draw(st.integers(1, 3)), flags=int(value is None), value=value, **cell)
        )
    return events


@settings(max_examples=25)
@given(writing(), st.data())
def test_writes_are_found_as_in_a_list_of_all(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, _):
        every = states_of(session)
        for row in every:
            mine = [one for one in every if cell_of(one) == cell_of(row)]
            at, around = mine.index(row), [None, *mine, None]
            wanted = WantedWrites(name=(row["owner"], row["key"]), object_id=row["object_id"] or 0)
            for by in (-1, 1):
                found = nearest_write(session, wanted, (row["time_ns"], row["version_id"]), by)
                other = around[at + 1 + by]
                assert (found and found.version_id) == (other and other["version_id"])
            by_track = [one for one in every if one["writer_track_id"] == row["writer_track_id"]]
            its = WantedWrites(track_ids={row["writer_track_id"]})
            found = nearest_write(session, its, (session.end_ns + 1, None), -1)
            assert found is not None
            assert found.version_id == by_track[-1]["version_id"]
        if every:
            first = nearest_write(session, WantedWrites(), (session.start_ns - 1, None), 1)
            assert first is not None
            assert first.version_id == every[0]["version_id"]
        assert nearest_write(session, WantedWrites(name=("no", "such")), (session.end_ns, None), -1) is None


def cell_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["object_id"], row["owner"], row["key"]


@settings(max_examples=25)
@given(writing(), st.data())
def test_a_history_is_all_versions_of_the_value_around_the_picked_one(events: list[Event], data: st.DataObject) -> None:
    most = data.draw(st.sampled_from([1, 3, 100]))
    few = mock.patch.multiple(value_facts, MOST_BEFORE=most, MOST_AFTER=most)
    with any_session(events, data) as (session, times), few:
        every = states_of(session)
        for row in every:
            mine = sorted(one["version_id"] for one in every if cell_of(one) == cell_of(row))
            at = mine.index(row["version_id"])
            first, facts = value_facts.value_facts(session, row["version_id"], data.draw(st.sampled_from(times)))
            low, high = max(0, at - most), at + most + 1
            assert [one.version_id for one in facts.versions] == mine[low:high]
            assert (facts.earlier, facts.later) == (low, len(mine[high:]))
            assert (first.earlier, first.versions) == (None, facts.versions)
            assert (facts.picked.new, facts.picked.old) == (row["new"], row["old"])
            before = facts.neighbour(-1)
            assert (before and before.version_id) == (mine[at - 1] if at else None)
        assert not list(value_facts.value_facts(session, 1 << 40, session.start_ns))

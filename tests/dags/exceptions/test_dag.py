"""`dags.exceptions.dag`: raises and unwinds, in any cut, make the same rows and leave the same on its way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import Kind
from capture.session.rows import as_table
from dags.base import Context
from dags.correlate.correlator import Correlator
from dags.exceptions.dag import MOST_BACK, ExceptionsDag, Raised

Told = tuple[Kind, int, int, int, str | None]  # kind, track, site, which raise back, message


def batch_of(events: list[Told], first_event_id: int = 1) -> EventBatch:
    kinds, tracks, sites, back, messages = (list(column) for column in zip(*events, strict=True))
    failing = [row for row, kind in enumerate(kinds) if kind in (Kind.RAISE, Kind.UNWIND)]
    said = [row for row, message in enumerate(messages) if message is not None]
    return make_batch(
        first_event_id,
        np.arange(first_event_id, first_event_id + len(events), dtype=np.int64),
        np.array(kinds, np.uint8),
        np.array(tracks, np.int32),
        site_id=np.array(sites, np.int32),
        ref=np.array(back, np.int64),
        value_rows=np.array(failing, np.int64),
        values=[f"T{sites[row]}" for row in failing],
        message_rows=np.array(said, np.int64),
        messages=[messages[row] or "" for row in said],
    )


def rows_of(made: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: as_table(name, made[name]).to_pylist() for name in ("exceptions", "exception_frames")}


def reading(events: list[Told]) -> tuple[list[Any], list[Any], dict[int, int]]:
    """A second reading of the same rules, one event after the other."""
    stacks: dict[int, list[tuple[int, int]]] = {}
    raised: dict[int, list[int]] = {}
    where: dict[int, int] = {}
    depth: dict[int, int] = {}
    exceptions, frames, on_its_way = list[Any](), list[Any](), dict[int, int]()
    calls = 0
    for event_id, (kind, track, site, back, message) in enumerate(events, 1):
        stack, known = stacks.setdefault(track, []), raised.setdefault(track, [])
        on_its_way.pop(track, None)
        call = stack[-1][0] if stack else None
        if kind is Kind.CALL:
            calls += 1
            stack.append((calls, site))
        elif kind is Kind.RAISE:
            known.append(event_id)
            where[event_id], depth[event_id] = call or 0, 1
            exceptions.append((event_id, track, call, f"T{site}", message))
            frames.append((event_id, 0, call, "raised"))
            on_its_way[track] = event_id
        elif kind is Kind.UNWIND:
            if 0 < back <= min(MOST_BACK, len(known)):
                one = on_its_way[track] = known[-back]
                if call is None or call != where[one]:
                    frames.append((one, depth[one], call, "unwound"))
                    depth[one] += 1
            if any(of == site for _, of in stack):
                while stack.pop()[1] != site:
                    pass
    return exceptions, frames, on_its_way


def left_by(events: list[Told]) -> dict[int, int]:
    """A second reading of which exception left which call: that of the call's own unwind."""
    stacks: dict[int, list[tuple[int, int]]] = {}
    raised: dict[int, list[int]] = {}
    left, calls = dict[int, int](), 0
    for event_id, (kind, track, site, back, _) in enumerate(events, 1):
        stack, known = stacks.setdefault(track, []), raised.setdefault(track, [])
        if kind is Kind.CALL:
            calls += 1
            stack.append((calls, site))
        elif kind is Kind.RAISE:
            known.append(event_id)
        elif kind is Kind.UNWIND and any(of == site for _, of in stack):
            while (call := stack.pop())[1] != site:
                pass
            if 0 < back <= min(MOST_BACK, len(known)):
                left[call[0]] = known[-back]
    return left


@st.composite
def streams(draw: st.DrawFn, tracks: int = 3) -> list[Told]:
    kinds = st.sampled_from([Kind.CALL, Kind.RAISE, Kind.UNWIND, Kind.THREAD_START])
    one = st.tuples(
        kinds, st.integers(1, tracks), st.integers(1, 3), st.integers(0, 4), st.sampled_from([None, "", "said", "é"])
    )
    return [
        (kind, track, site, back if kind is Kind.UNWIND else 0, message if kind is Kind.RAISE else None)
        for kind, track, site, back, message in draw(st.lists(one, min_size=1, max_size=40))
    ]


@given(streams(), st.lists(st.integers(0, 40), max_size=3))
def test_any_cut_makes_the_rows_of_a_second_reading(events: list[Told], cuts: list[int]) -> None:
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    correlator, found = Correlator(), dict[str, list[Any]](exceptions=[], exception_frames=[])
    left = dict[int, int]()
    for start, stop in pairwise(edges):
        made = correlator.feed(batch_of(events[start:stop], start + 1))
        calls = as_table("calls", made["calls"]).to_pylist()
        left |= {row["call_id"]: row["exception_id"] for row in calls if row["exception_id"] is not None}
        for name, rows in rows_of(made).items():
            found[name] += rows
        correlator = Correlator.from_keyframe(correlator.keyframe())
    assert left == left_by(events)
    exceptions, frames, on_its_way = reading(events)
    assert [
        (row["exception_id"], row["track_id"], row["call_id"], row["type"], row["message"])
        for row in found["exceptions"]
    ] == exceptions
    assert [
        (row["exception_id"], row["depth"], row["call_id"], row["role"]) for row in found["exception_frames"]
    ] == frames
    shown = correlator.exceptions.at(len(events))
    assert {track: one.exception_id for track, one in shown.items()} == on_its_way
    said = {exception_id: (kind, message) for exception_id, _, _, kind, message in exceptions}
    assert all((one.type, one.message) == said[one.exception_id] for one in shown.values())


@given(streams(tracks=20), st.lists(st.integers(0, 40), max_size=6))
def test_what_advances_shows_the_exceptions_that_a_second_reading_says_are_on_their_way(
    events: list[Told], cuts: list[int]
) -> None:
    dag = ExceptionsDag()
    for start, stop in pairwise(sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})):
        before, batch = dag, batch_of(events[start:stop], start + 1)
        dag = dag.copy()
        dag.advance(batch, Context())
        _, _, on_its_way = reading(events[:stop])
        said = {event_id: (f"T{events[event_id - 1][2]}", events[event_id - 1][4]) for event_id in on_its_way.values()}
        assert {track: one.exception_id for track, one in dag.at(stop).items()} == on_its_way
        assert {one.exception_id: (one.type, one.message) for one in dag.at(stop).values()} == said
        assert {track: one.exception_id for track, one in before.at(start).items()} == reading(events[:start])[2]
    assert ExceptionsDag.restored(dag.keyframe()).at(len(events)) == dag.at(len(events))


def test_raises_that_lie_far_ahead_are_still_found_by_the_unwind_that_speaks_of_them() -> None:
    dag = ExceptionsDag()
    for event_id in range(1, 200):
        dag.advance(batch_of([(Kind.RAISE, 1, 1, 0, f"m{event_id}")], event_id), Context())
    dag.advance(batch_of([(Kind.UNWIND, 1, 1, 20, None)], 200), Context())
    assert dag.at(200)[1] == Raised(180, "T1", "m180")
    dag.advance(batch_of([(Kind.CALL, 1, 1, 0, None)], 201), Context())
    assert dag.at(201) == {}


def test_behind_a_damaged_segment_an_unwind_belongs_to_no_exception_from_before_it() -> None:
    dag = ExceptionsDag()
    dag.feed(batch_of([(Kind.RAISE, 1, 1, 0, "lost")]), Context())
    made = dag.feed(batch_of([(Kind.UNWIND, 1, 1, 1, None)], 9), Context())
    assert rows_of(made) == {"exceptions": [], "exception_frames": []}
    assert dag.at(9) == {}


def test_only_the_latest_raises_of_a_track_are_kept() -> None:
    dag = ExceptionsDag()
    dag.feed(batch_of([(Kind.RAISE, track, 1, 0, "x") for track in (1, 2) for _ in range(100)]), Context())
    assert len(dag.keyframe()) < 100 * 2 * MOST_BACK
    made = dag.feed(batch_of([(Kind.UNWIND, 1, 1, MOST_BACK, None)], 201), Context())
    assert pa.array(made["exception_frames"]["exception_id"]).to_pylist() == [101 - MOST_BACK]


def dead_frames_of(cut: int, *, raise_ns: int = 5) -> tuple[list[Any], dict[int, Raised]]:
    """Rows of local variables that a raise and two frames make, cut into two batches there, and what is on its way."""
    kinds = np.array([Kind.RAISE, Kind.DEAD_FRAME, Kind.DEAD_FRAME], np.uint8)
    texts, dag, rows = ["T1", "x=1\ny='a=b'", ""], ExceptionsDag(), list[Any]()
    times, flags = np.array([raise_ns, 5, 5], np.int64), np.array([0, 1, 0], np.uint8)
    for part in (slice(0, cut), slice(cut, 3)):
        batch = make_batch(
            part.start + 1, times[part], kinds[part], np.ones(3, np.int32)[part],
            site_id=np.array([4, 4, 6], np.int32)[part], ref=np.array([7, 7, 9], np.int64)[part], flags=flags[part],
            value_rows=np.arange(len(kinds[part]), dtype=np.int64), values=texts[part],
        )  # fmt: skip
        made = dag.feed(batch, Context())
        rows += as_table("exception_frames", made["exception_frames"]).to_pylist()
    told = [tuple(row[name] for name in ("depth", "site_id", "line", "name", "value")) for row in rows]
    return [one for one, row in zip(told, rows, strict=True) if row["role"] not in ("raised", "unwound")], dag.at(5)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_local_variables_of_frames_belong_to_the_raise_before_them_in_any_cut(cut: int) -> None:
    rows, on_its_way = dead_frames_of(cut)
    assert rows == [(0, 4, 7, "x", "1"), (0, 4, 7, "y", "'a=b'"), (1, 6, 9, None, None)]
    assert on_its_way[1].exception_id == 1


def test_frames_whose_raise_is_lost_are_no_other_ones() -> None:
    assert dead_frames_of(3, raise_ns=3)[0] == []

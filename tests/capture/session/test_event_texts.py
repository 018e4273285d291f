"""Arguments and results stand in the events and nowhere else, and are shown in `calls` wherever a call has ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capture.errors import FormatError
from capture.session.event_texts import arguments_shift, with_event_texts
from capture.session.pack import pack
from capture.session.query import query
from capture.session.session import Session
from capture.session.tables import ARGUMENTS_AT, RESULT_AT
from capture.session.verify import verify
from dags.correlate.open_rows import open_rows
from tests.sessions import make_events, with_values, write_session

ASKED = "SELECT call_id, arguments, result FROM calls ORDER BY call_id"
EVENTS = 3_000
BATCH, ARGUMENTS, RESULTS = with_values(make_events(EVENTS, 3, seed=11)[0])
TOLD = [(n, ARGUMENTS.get(n), RESULTS.get(n)) for n in range(1, int(np.count_nonzero(BATCH.kind == 1)) + 1)]


def asked(path: Path) -> list[tuple[int, str | None, str | None]]:
    with Session.open(path) as session:
        rows = query(session, ASKED, open_rows(session) if session.live else None).to_pylist()
        assert verify(session).ok or session.live
    return [(row["call_id"], row["arguments"], row["result"]) for row in rows]


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("segments", [1, 20])
def test_sql_tells_each_call_what_it_was_given_and_what_it_gave(segments: int, merge: bool, tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.scope", BATCH, segments, merge=merge)
    assert asked(path) == TOLD
    assert asked(pack(path, tmp_path / "packed.scope")) == TOLD


def test_a_session_that_is_being_recorded_tells_them_of_open_calls_too(tmp_path: Path) -> None:
    assert asked(write_session(tmp_path / "s.scope", BATCH, 20, finish=False)) == TOLD


def test_files_have_the_text_only_of_calls_that_began_in_an_earlier_segment(tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.scope", BATCH, 2)
    with Session.open(path) as session:
        for index, segment in enumerate(session.segments):
            entry = segment.file("calls")
            assert entry is not None
            stored = pq.read_table(pa.BufferReader(session.raw(entry.name)))
            began = pa.compute.greater(stored["start_ns"], segment.start_ns if index else -1)
            whole = stored.filter(pa.compute.and_(began, pa.compute.is_valid(stored["end_ns"])))
            assert len(whole) > 100
            assert "arguments" not in whole.column_names or whole["arguments"].null_count == len(whole)
            assert index == 0 or stored["arguments"].null_count < len(stored)
            assert "result" not in stored.column_names
            assert stored[RESULT_AT].null_count < len(stored)


def test_a_condition_may_ask_for_what_is_not_selected(tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.scope", BATCH, 5)
    wanted = [n for n, arguments, _ in TOLD if arguments == "qty=3, name='a, b=3'"]
    with Session.open(path) as session:
        sql = "SELECT call_id FROM calls WHERE arguments = 'qty=3, name=''a, b=3''' AND depth < 100"
        assert query(session, sql).column(0).to_pylist() == wanted == [3]
        assert query(session, "SELECT count(*) AS n FROM calls WHERE site_id = 1").to_pylist()[0]["n"] > 0


def test_calls_are_read_without_the_events_while_nobody_asks_for_their_texts(tmp_path: Path) -> None:
    """They are most of what a segment of calls holds."""
    path = write_session(tmp_path / "s.scope", BATCH, 1)
    with Session.open(path) as session:
        entry = session.segments[0].file("events")
        assert entry is not None
        (path / entry.name).unlink()
        assert len(session.calls(0, ("call_id", "start_ns"))) == len(TOLD)
        assert query(session, "SELECT count(outcome) AS n FROM calls WHERE depth >= 0").to_pylist() == [
            {"n": len(TOLD)}
        ]


def test_where_the_events_are_damaged_nothing_is_known_of_what_they_tell(tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.scope", BATCH, 2)
    with Session.open(path) as session:
        entry = session.segments[0].file("events")
        assert entry is not None
    data = bytearray((path / entry.name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / entry.name).write_bytes(data)
    with Session.open(path) as session:
        calls = session.calls(0)
        assert calls["arguments"].null_count == calls["result"].null_count == len(calls) > 0
        assert [problem.file for problem in session.problems] == [entry.name]
        assert session.calls(1)["result"].null_count < len(session.calls(1))


def test_a_session_without_values_has_none_of_it(tmp_path: Path) -> None:
    batch, _ = make_events(200, 1, seed=3)
    with Session.open(write_session(tmp_path / "s.scope", batch, 2)) as session:
        entry = session.segments[0].file("calls")
        assert entry is not None
        stored = pq.read_table(pa.BufferReader(session.raw(entry.name))).column_names
        assert not {"arguments", "result", ARGUMENTS_AT, RESULT_AT} & set(stored)


def calls_told_by(event_ids: list[int | None]) -> pa.Table:
    call_ids, depths = np.arange(1, len(event_ids) + 1), np.arange(len(event_ids))
    shifts = arguments_shift(np.array([event_id or 0 for event_id in event_ids], np.int64), call_ids, depths)
    return pa.table({"call_id": call_ids, "depth": depths, ARGUMENTS_AT: shifts})


@pytest.mark.parametrize("event_id", [4, 9, 1 << 61])
def test_a_call_that_points_to_no_event_of_its_segment_is_damage(event_id: int) -> None:
    events = pa.table({"event_id": [5, 6, 7, 8], "value": ["a", None, "c", "d"]})
    rows = calls_told_by([5, None, 6])
    assert with_event_texts("calls", rows, ("arguments",), lambda _: events)["arguments"].to_pylist() == [
        "a",
        None,
        None,
    ]
    rows = calls_told_by([None, event_id, None])
    with pytest.raises(FormatError, match="not there"):
        with_event_texts("calls", rows, ("arguments",), lambda _: events)


def test_texts_that_many_rows_point_to_are_counted_before_they_are_made() -> None:
    events = pa.table({"event_id": [1], "value": ["x" * (1 << 20)]})
    rows = pa.table({RESULT_AT: pa.array([1] * 1_100, pa.int64())})
    with pytest.raises(FormatError, match="MiB"):
        with_event_texts("calls", rows, ("result",), lambda _: events)

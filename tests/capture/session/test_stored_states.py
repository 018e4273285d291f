"""Rows of states: what stands on the disk already is not written again, and they are told whole."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.events.definitions import StateKeyRow
from capture.events.kinds import Kind, StateFlag
from capture.session import parquet
from capture.session.eventtable import BATCH_COLUMNS, batch_from_table, event_table
from capture.session.format import About
from capture.session.query import query
from capture.session.rows import as_table
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.stored_states import with_old_values, without_repeats
from capture.session.tables import OLD_ROWS_BACK, SCHEMAS
from dags.correlate.sealing import SessionWriter
from tests.streams import Event, batch_of

ROWS = {
    "version_id": [1, 2, 3, 4],
    "old": pa.array(["before", None, None, None], pa.string()),
    OLD_ROWS_BACK: [0, 1, 1, 1],
    "new": pa.array(["a", "b", None, "c"], pa.string()),
}
OLD = ["before", "a", "b", None]


def stored(rows: dict[str, object] = ROWS) -> pa.Buffer:
    return parquet.encode("states", as_table("states", rows, stored=True))


def test_a_value_is_found_at_the_row_that_wrote_it() -> None:
    assert parquet.decode("states", stored(), 4)["old"].to_pylist() == OLD


def test_columns_that_are_not_asked_for_are_not_shown() -> None:
    assert parquet.decode("states", stored(), 4, ["version_id", "old"]).to_pydict() == {
        "version_id": [1, 2, 3, 4],
        "old": OLD,
    }
    assert parquet.decode("states", stored(), 4).schema.names == SCHEMAS["states"].names


def test_a_file_that_says_it_all_itself_is_read_as_it_is() -> None:
    rows = {"version_id": [1, 2], "old": pa.array([None, "x"], pa.string()), "new": pa.array(["x", "y"], pa.string())}
    data = parquet.encode("states", as_table("states", rows))
    assert parquet.decode("states", data, 2)["old"].to_pylist() == [None, "x"]


def test_columns_that_hold_nothing_are_left_out_for_who_says_so() -> None:
    rows = event_table(batch_of([Event(at, Kind.CALL, 1, site_id=7) for at in range(9)]))
    data = parquet.encode("events", without_repeats("events", rows, None))
    whole = parquet.decode("events", data, 9, BATCH_COLUMNS)
    sparse = parquet.decode("events", data, 9, BATCH_COLUMNS, sparse=True)
    assert whole.column_names == [name for name in SCHEMAS["events"].names if name in BATCH_COLUMNS]
    assert sparse.column_names == ["time_ns", "kind", "track_id", "site_id"]
    assert sparse.to_pydict() == whole.select(sparse.column_names).to_pydict()
    of_whole, of_sparse = batch_from_table(whole, 1), batch_from_table(sparse, 1)
    assert event_table(of_sparse).to_pydict() == event_table(of_whole).to_pydict() == rows.to_pydict()


@pytest.mark.parametrize("distinct", [3, 5_000])
def test_texts_stay_folded_where_their_file_folds_them(distinct: int) -> None:
    batch = batch_of([Event(at, Kind.CALL, 1, site_id=7, value=f"n={at % distinct}") for at in range(5_000)])
    data = parquet.encode("events", event_table(batch))
    sparse = parquet.decode("events", data, 5_000, ["kind", "value"], sparse=True)
    assert pa.types.is_dictionary(sparse["value"].type) == (distinct == 3)
    assert batch_from_table(sparse, 1).values == batch.values
    assert sparse["value"].to_pylist() == parquet.decode("events", data, 5_000, ["value"])["value"].to_pylist()


def test_a_column_that_is_not_0_where_it_is_absent_is_told_all_the_same() -> None:
    data = parquet.encode("states", without_repeats("states", as_table("states", ROWS | {"changes": [1] * 4}), None))
    assert "changes" not in pq.ParquetFile(pa.BufferReader(data)).schema_arrow.names
    assert parquet.decode("states", data, 4, ["changes"], sparse=True)["changes"].to_pylist() == [1] * 4


@pytest.mark.parametrize("back", [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, -1, 0], [0, 0, 0, 2_000_000_000]])
def test_a_row_that_points_elsewhere_is_refused(back: list[int]) -> None:
    with pytest.raises(FormatError):
        parquet.decode("states", stored({**ROWS, OLD_ROWS_BACK: back}), 4)


def test_merged_segments_and_sql_tell_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.scope"
    store = SegmentStore.create(path, About(session_id="old", created_real_ns=1), sync=False)
    for _ in range(3):
        store.seal(EventBatch.empty(), {"states": ROWS}, end_ns=store.end_ns + 10)
    store.commit()
    with Session.open(path) as session:
        assert query(session, "SELECT old FROM states").column("old").to_pylist() == OLD * 3
    store.finish()
    with Session.open(path) as session:
        assert len(session.segments) == 1
        assert session.segment_table(0, "states")["old"].to_pylist() == OLD * 3
        assert query(session, "SELECT old FROM states").column("old").to_pylist() == OLD * 3


def test_what_has_no_such_column_stays_as_it_is() -> None:
    table = as_table("states", {"version_id": [1], "new": pa.array(["a"], pa.string())})
    assert with_old_values(table) is table


MIXED = [
    Event(10, Kind.CALL, 1, 7),
    Event(11, Kind.STATE, 1, ref=1, object_id=5, value="1"),
    Event(12, Kind.STATE, 2, ref=2, value="2", flags=StateFlag.FIRST_KNOWN),
    Event(13, Kind.RAISE, 1, 7, value="KeyError"),
    Event(14, Kind.STATE, 1, ref=1, object_id=5, value="3", flags=StateFlag.FIRST_KNOWN),
    Event(15, Kind.STATE, 1, ref=2, flags=StateFlag.DELETED),
    Event(16, Kind.STATE, 1, ref=1, object_id=5, value="4", flags=StateFlag.SAMPLED),
    Event(17, Kind.RETURN, 1, 7),
]
TOLD = {
    "version_id": [1, 2, 3, 4, 5],
    "time_ns": [11, 12, 14, 15, 16],
    "object_id": [5, None, 5, None, 5],
    "owner": ["m.C", "m", "m.C", "m", "m.C"],
    "key": ["x", "y", "x", "y", "x"],
    "old": [None, None, "1", "2", "3"],
    "new": ["1", "2", "3", None, "4"],
    "writer_track_id": [1, None, 1, 1, None],
    "writer_call_id": [1, None, 1, 1, None],
    "changes": [1, 1, 1, 1, 1],
}
KEYS = [
    StateKeyRow(key_id=1, owner="m.C", key="x", scope="attribute"),
    StateKeyRow(key_id=2, owner="m", key="y", scope="global"),
]


def sealed(path: Path, *segments: list[Event]) -> SegmentStore:
    """A session of these events, sealed as the recorder does it."""
    store = SegmentStore.create(path, About(session_id="s", created_real_ns=1), sync=False)
    writer = SessionWriter(store)
    for events in segments:
        writer.write(batch_of(events, store.next_event_id), (), KEYS)
    store.commit()
    return store


def columns_on_disk(store: SegmentStore) -> set[str]:
    (file,) = (entry for entry in store.segments[0].files if entry.table == "states")
    return set(pq.read_schema(store.path / file.name).names)


def test_what_the_events_tell_is_not_written_again_and_told_all_the_same(tmp_path: Path) -> None:
    store = sealed(tmp_path / "a.scope", MIXED)
    assert columns_on_disk(store) == {"version_id", "owner", "key", OLD_ROWS_BACK, "writer_call_id"}
    store.finish()
    with Session.open(tmp_path / "a.scope") as session:
        assert session.segment_table(0, "states").to_pydict() == TOLD
        for name, values in TOLD.items():  # one column needs no other to be asked for
            assert session.segment_table(0, "states", [name]).to_pydict() == {name: values}
        assert query(session, "SELECT * FROM states").to_pydict() == TOLD
        assert query(session, "SELECT new FROM states WHERE time_ns = 14").to_pylist() == [{"new": "3"}]


def test_merged_rows_are_those_of_their_parts_whatever_each_part_says_itself(tmp_path: Path) -> None:
    later = [replace(event, time_ns=event.time_ns + 10) for event in MIXED]
    store = sealed(tmp_path / "a.scope", MIXED, later)
    odd = {name: column for name, column in TOLD.items() if name != "old"} | {"version_id": [11, 12, 13, 14, 15]}
    store.seal(EventBatch.empty(store.next_event_id), {"states": {**odd, "changes": [1, 2, 3, 4, 5]}}, end_ns=99)
    with Session.open(tmp_path / "a.scope") as session:
        before = pa.concat_tables([session.segment_table(index, "states") for index in range(2)])
    store.finish()
    with Session.open(tmp_path / "a.scope") as session:
        assert len(session.segments) == 1
        merged = session.segment_table(0, "states")
        assert merged.slice(0, 10).equals(before)
        assert merged.slice(10)["new"].to_pylist() == TOLD["new"]
        assert query(session, "SELECT * FROM states").to_pydict() == merged.to_pydict()
        assert merged["changes"].to_pylist() == [1] * 10 + [1, 2, 3, 4, 5]


def test_states_are_lost_with_the_events_that_they_are_about(tmp_path: Path) -> None:
    store = sealed(tmp_path / "a.scope", MIXED)
    store.finish()
    (events,) = (path for path in (tmp_path / "a.scope" / "segments").iterdir() if ".events." in path.name)
    events.write_bytes(events.read_bytes()[:-1] + b"x")
    with Session.open(tmp_path / "a.scope") as session:
        assert query(session, "SELECT * FROM states").num_rows == 0
        assert sorted(problem.what.split(" are lost")[0] for problem in session.problems) == [
            "5 rows of states",
            "8 rows of events",
        ]

"""Values that states replaced: they stand on the disk once, and are told whole."""

from pathlib import Path

import pyarrow as pa
import pytest

from capture import parquet
from capture.errors import FormatError
from capture.events import EventBatch
from capture.format import About
from capture.old_values import OLD_ROWS_BACK, completed
from capture.query import query
from capture.session import Session
from capture.store import SegmentStore
from capture.tables import SCHEMAS, as_table

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


@pytest.mark.parametrize("back", [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, -1, 0], [0, 0, 0, 2_000_000_000]])
def test_a_row_that_points_elsewhere_is_refused(back: list[int]) -> None:
    with pytest.raises(FormatError):
        parquet.decode("states", stored({**ROWS, OLD_ROWS_BACK: back}), 4)


def test_merged_segments_and_sql_tell_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.scope"
    store = SegmentStore.create(path, About(session_id="old", created_real_ns=1), sync=False)
    for _ in range(3):
        store.seal(EventBatch.empty(), None, {"states": ROWS}, end_ns=store.end_ns + 10)
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
    assert completed(table) is table

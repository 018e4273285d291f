"""One row of TABLES is all that a table needs: everything that knows tables derives from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from capture.events.batch import EventBatch
from capture.session import tables
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.table_doc import FORMAT_DOCUMENT, sql_help, tables_section, with_sections
from capture.session.table_shape import Table, column
from capture.session.tables import TABLE, TABLES
from capture.session.verify import verify
from tests.scope_command import scope
from tests.sessions import build_session

NAPS = Table(
    name="naps",
    says="How long each thread has dozed.",
    lives="segment",
    time="end_ns",
    columns=(
        column("nap_id", pa.int64(), "Counts them from 1."),
        column("start_ns", pa.int64(), "When it began."),
        column("end_ns", pa.int64(), "When it ended."),
        column("track_id", pa.int32(), "The sleeper.", refers="tracks"),
        column("dream", pa.string(), "What of; null: of nothing."),
        column("sheep", pa.int64(), "How many were counted.", absent_is=100),
    ),
)
ABOUT = {"session_id": "5e55105e55105e55", "created_real_ns": 1, "target": "t", "python": "3.13.0"}


def nap(number: int, track: int = 1, *, sheep: int = 100) -> dict[str, Any]:
    return {
        "nap_id": number, "start_ns": 100 * number, "end_ns": 100 * number + 50,
        "track_id": track, "dream": "of SQL" if number == 2 else None, "sheep": sheep,
    }  # fmt: skip


@pytest.fixture
def with_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES", (*TABLES, NAPS))


def session_of(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A session of nothing but naps and a track, one nap a segment; finishing merges the segments."""
    build_session(path / "names.scope", events=4, tracks=2)
    with Session.open(path / "names.scope") as names:
        store = SegmentStore.create(path / "s.scope", ABOUT, sync=False)
        store.write_defs(names.processes(), names.tracks())
    for row in rows:
        store.seal(EventBatch.empty(store.next_event_id), rows={"naps": [row]}, end_ns=row["end_ns"])
    store.commit()
    store.finish()
    return path / "s.scope"


@pytest.mark.usefixtures("with_naps")
def test_a_made_up_table_is_stored_merged_and_found_by_sql(tmp_path: Path) -> None:
    rows = [nap(number) for number in range(1, 20)]
    with Session.open(session_of(tmp_path, rows)) as session:
        assert len(session.segments) == 1
        assert query(session, "SELECT * FROM naps").to_pylist() == rows
        assert query(session, "SELECT count(*) n FROM naps JOIN tracks USING (track_id)").to_pylist() == [{"n": 19}]
        assert verify(session).ok


@pytest.mark.usefixtures("with_naps")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start_ns": 160}, "naps end before they start"),
        ({"start_ns": 1}, None),
        ({"track_id": 77}, "naps refer to tracks that are not there: 77"),
    ],
)
def test_a_made_up_table_is_verified_by_what_its_row_says(
    tmp_path: Path, wrong: dict[str, int], said: str | None
) -> None:
    with Session.open(session_of(tmp_path, [{**nap(1), **wrong}])) as session:
        told = [problem.what for problem in verify(session).problems if problem.lost]
    assert (said is None and not told) or (said is not None and [text for text in told if said in text])


@pytest.mark.usefixtures("with_naps")
def test_a_made_up_table_is_empty_in_a_session_of_before(tmp_path: Path) -> None:
    with Session.open(build_session(tmp_path / "old.scope", events=40).path) as session:
        assert query(session, "SELECT * FROM naps").to_pylist() == []


def test_a_file_lacks_what_the_row_says_of_absent_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES", (*TABLES, NAPS))
    sizes = {}
    for name, sheep in (("usual", 100), ("odd", 7)):
        (tmp_path / name).mkdir()
        with Session.open(session_of(tmp_path / name, [nap(1, sheep=sheep)])) as session:
            (file,) = session.segments[0].files
            sizes[name] = file.bytes
            assert session.segment_table(0, "naps")["sheep"].to_pylist() == [sheep]
    assert sizes["usual"] < sizes["odd"]


@pytest.mark.usefixtures("with_naps")
def test_a_made_up_table_is_documented_in_the_format_and_in_the_help_of_sql() -> None:
    for text in (tables_section(), sql_help()):
        assert NAPS.says in text
        assert "sheep" in text


def test_the_format_document_says_what_the_tables_and_the_kinds_are() -> None:
    document = FORMAT_DOCUMENT.read_text()
    assert with_sections(document) == document, "run: python -m capture.session.table_doc"


def test_each_row_of_the_tables_can_be_read_by_itself() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)
    for table in TABLES:
        assert len({c.name for c in table.columns}) == len(table.columns)
        assert all(c.says.endswith((".", "`.")) for c in table.columns), table.name
        assert all(TABLE[c.refers].lives == "definition" for c in table.columns if c.refers)
        assert set().union(*(c.told_by for c in table.columns)) <= set(TABLE["events"].schema.names)
        assert not table.time or table.time in table.schema.names


def test_the_help_of_query_lists_every_table_and_its_columns() -> None:
    shown = scope("query", "--help").stdout
    for table in TABLES:
        assert f"  {table.name}: {table.says}\n    {', '.join(table.schema.names)}\n" in shown


def test_a_wrong_table_name_is_told_where_the_names_are(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=4).path
    assert "scope-gui query --help" in scope("query", path, "SELECT * FROM evnts", expect=1).stderr

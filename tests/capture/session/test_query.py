"""SQL sees every table of the design, truly, and reaches nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import SiteRow
from capture.session import query as query_module
from capture.session.pack import pack
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from tests.interpreters import ROOT
from tests.sessions import Truth, build_session


@pytest.fixture(params=["directory", "packed"])
def truth(tmp_path: Path, request: pytest.FixtureRequest) -> Truth:
    built = build_session(tmp_path / "a.scope", events=500, tracks=3)
    if request.param == "packed":
        pack(built.path)
    return built


def ask(path: Path, sql: str) -> list[dict[str, object]]:
    with Session.open(path) as session:
        rows: list[dict[str, object]] = query(session, sql).to_pylist()
        assert session.problems == []
        return rows


def test_calls_per_function_are_those_that_happened(truth: Truth) -> None:
    sql = "SELECT function, file, line, count(*) n FROM calls JOIN sites USING (site_id) GROUP BY ALL"
    names = {row["site_id"]: row["function"] for row in truth.tables["sites"].to_pylist()}
    expected = Counter(names[site] for site in truth.tables["calls"]["site_id"].to_pylist())
    rows = ask(truth.path, sql)
    assert {row["function"]: row["n"] for row in rows} == expected
    assert {row["file"] for row in rows} == {"/srv/orders.py"}


@pytest.mark.parametrize(
    "name", ["events", "calls", "states", "metrics", "edges", "gaps", "sites", "tracks", "processes"]
)
def test_a_table_has_its_rows_in_order(truth: Truth, name: str) -> None:
    assert ask(truth.path, f"SELECT * FROM {name}") == truth.tables[name].to_pylist()


def test_every_table_of_the_design_exists_with_its_columns_even_when_empty(truth: Truth) -> None:
    for name, schema in SCHEMAS.items():
        assert [row["column_name"] for row in ask(truth.path, f"DESCRIBE {name}")] == schema.names
    for name in ("messages", "waits", "holds", "allocations", "gc_runs", "notes"):
        assert ask(truth.path, f"SELECT * FROM {name}") == []


@pytest.mark.parametrize("column", ["count(*)", "max(new)", "max(version_id)", "min(old)", "sum(changes)"])
def test_one_column_of_states_is_read_alone(truth: Truth, column: str) -> None:
    everything = "WITH s AS MATERIALIZED (SELECT * FROM states WHERE version_id > 0)"
    assert ask(truth.path, f"SELECT {column} AS x FROM states") == ask(
        truth.path, f"{everything} SELECT {column} AS x FROM s"
    )


@pytest.mark.parametrize(
    "condition",
    [
        "kind = 'call'",
        "kind IN ('return', 'unwind') AND value IS NOT NULL",
        "time_ns BETWEEN 20000 AND 60000",
        "event_id = 77",
        "event_id > 490 OR site_id = 3",
        "object_id IS NULL AND time_ns < 0",
        "time_ns > 1e18",
    ],
)
def test_conditions_pushed_down_to_the_files_change_nothing(truth: Truth, condition: str) -> None:
    pushed = ask(truth.path, f"SELECT * FROM events WHERE {condition} ORDER BY event_id")
    everything = "WITH e AS MATERIALIZED (SELECT * FROM events)"
    plain = ask(truth.path, f"{everything} SELECT * FROM e WHERE {condition} ORDER BY event_id")
    assert pushed == plain


def test_conditions_on_calls_find_the_open_ones_too(truth: Truth) -> None:
    still_open = [row for row in truth.tables["calls"].to_pylist() if row["end_ns"] is None]
    assert still_open
    assert ask(truth.path, "SELECT * FROM calls WHERE end_ns IS NULL") == still_open
    assert ask(truth.path, "SELECT * FROM calls WHERE outcome = 'open'") == still_open
    late = [row for row in truth.tables["calls"].to_pylist() if row["start_ns"] > 50_000]
    assert ask(truth.path, "SELECT * FROM calls WHERE start_ns > 50000") == late


def test_a_live_session_has_its_open_calls(tmp_path: Path) -> None:
    built = build_session(tmp_path / "a.scope", finish=False)
    row = {"call_id": 999, "start_ns": 5, "end_ns": None, "track_id": 2, "depth": 0, "site_id": 1, "outcome": "open"}
    with Session.open(built.path) as session:
        rows = query(
            session, "SELECT call_id, end_ns FROM calls WHERE call_id = 999", open_rows={"calls": [row]}
        ).to_pylist()
        assert rows == [{"call_id": 999, "end_ns": None}]
        assert query(session, "SELECT count(*) n FROM calls").to_pylist()[0]["n"] == len(built.tables["calls"])


def test_a_query_outlives_a_merge_that_takes_its_files_away(tmp_path: Path) -> None:
    built = build_session(tmp_path / "a.scope", finish=False, merge=True)
    with Session.open(built.path) as session:
        SegmentStore.reopen(built.path, sync=False).finish()
        assert not any((built.path / entry.name).exists() for entry in session.segments[0].files)
        assert query(session, "SELECT count(*) n FROM events").to_pylist() == [{"n": 1000}]
        assert session.problems == []


@pytest.mark.parametrize(
    "sql",
    [
        "COPY events TO 'out.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA enable_profiling",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "CREATE TABLE t AS SELECT 1",
        "CREATE SECRET (TYPE s3)",
        "EXPORT DATABASE 'there'",
        "IMPORT DATABASE 'there'",
        "DROP VIEW events",
        "DELETE FROM events",
        "CHECKPOINT",
        "CALL enable_logging()",
        "SELECT 1; COPY (SELECT 1) TO 'out.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('manifest.json')",
        "SELECT * FROM read_parquet('segments/*.parquet')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM '/etc/passwd'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'",
        "SELECT * FROM duckdb_extensions() WHERE install_extension('httpfs')",
        "",
        "SELEC 1",
        "SELECT * FROM nowhere",
    ],
)
def test_anything_but_reading_the_session_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    built = build_session(tmp_path / "a.scope", events=10, segments=1)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with Session.open(built.path) as session, pytest.raises(SessionProblem) as refused:
        query(session, sql)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "cwd").iterdir()) == []


def test_python_objects_around_a_query_are_not_tables(tmp_path: Path) -> None:
    built = build_session(tmp_path / "a.scope", events=10, segments=1)
    secrets = Session.open(built.path).table("sites")
    assert secrets.schema.names
    with pytest.raises(SessionProblem, match="secrets"):
        ask(built.path, "SELECT * FROM secrets")


@pytest.mark.parametrize("tables", ["calls JOIN sites", "sites JOIN calls"])
def test_a_join_never_loads_the_big_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: str) -> None:
    count, parts = 500_000, 6
    store = SegmentStore.create(tmp_path / "a.scope", {"session_id": "0" * 16, "created_real_ns": 1}, sync=False)
    store.write_defs(
        sites=[SiteRow(site_id=i, function=f"f{i}", module="m", file="m.py", line=i) for i in range(1, 21)]
    )
    for part in range(parts):
        ids = np.arange(part * count, (part + 1) * count)
        columns = {"call_id": ids, "start_ns": ids, "end_ns": ids, "site_id": (ids % 20 + 1).astype(np.int32)}
        store.seal(EventBatch.empty(), {"calls": columns}, end_ns=int(ids[-1]))
    store.finish()
    limits = {"memory_limit": "40MiB", "max_temp_directory_size": "0KiB", "threads": "2"}
    monkeypatch.setattr(query_module, "_CONFIG", {**query_module._CONFIG, **limits})
    rows = ask(tmp_path / "a.scope", f"SELECT function, count(*) n FROM {tables} USING (site_id) GROUP BY ALL")
    assert {row["function"]: row["n"] for row in rows} == {f"f{i}": parts * count // 20 for i in range(1, 21)}


def test_a_scan_leaves_no_work_to_threads_of_arrow(truth: Truth) -> None:
    """A program that ended while they went on with a scan that had been given up was ended by a signal."""
    asked = "from capture.session.session import Session; import os; session = Session.open(PATH); "
    asked += "batch = next(session.table('events', []).scanner(use_threads=True).to_batches()); "
    asked += "print(len(batch) > 0, len(os.listdir('/proc/self/task')))"
    plain = "import pyarrow.dataset, os; print(True, len(os.listdir('/proc/self/task')))"
    told = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
        for code in (asked.replace("PATH", repr(str(truth.path))), plain)
    ]
    assert told[0] == told[1]

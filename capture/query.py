"""SQL over a session: DuckDB in memory, fed by checked rows, unable to reach anything else."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from capture.errors import SessionProblem
from capture.session import Session
from capture.tables import SCHEMAS, Rows, as_table, empty_table

_RETRIES = 5  # small segments of a live session may be merged away under a query
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "max_temp_directory_size": "16GiB",
    "memory_limit": "1GiB",
    "threads": "4",
    "disabled_optimizers": "join_filter_pushdown",  # WORKAROUND: 1.5 pushes bloom filters, which Arrow scans refuse
    "lock_configuration": "true",
}
_WORD = re.compile(r"[a-z_]+")
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def query(session: Session, sql: str, open_rows: Mapping[str, Rows] | None = None) -> pa.Table:
    """The answer to one SELECT over the tables of the session; `session.problems` says what it could not see.

    `open_rows` are, by table, rows of `calls` and `waits` that the sealed segments of a live session do not hold yet.

    Raises: SessionProblem with DuckDB's sentence for a statement that is wrong, or does anything but read.
    """
    for last in (*([False] * _RETRIES), True):
        failures: list[Exception] = []
        try:
            answer = _answer(session, sql, open_rows or {}, failures)
        except duckdb.Error as error:
            raise SessionProblem(f"The query failed. {_sentence(error)}") from error
        if not failures:
            return answer
        if last or not session.refresh():
            break
    raise SessionProblem(f"The query failed, because {failures[0]} could not be read.") from failures[0]


def _answer(session: Session, sql: str, open_rows: Mapping[str, Rows], failures: list[Exception]) -> pa.Table:
    with (
        tempfile.TemporaryDirectory(prefix="scope-query-") as spill,
        duckdb.connect(":memory:", config={**_CONFIG, "temp_directory": spill}) as connection,
    ):
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READS:
            raise SessionProblem("A query is one SELECT statement.", "Sessions are read only.")
        named = set(_WORD.findall(sql.lower()))
        for name in SCHEMAS:
            # Only what the query names is read; the others are there to be listed and described.
            rows = session.table(name, failures) if name in named else empty_table(name)
            more = as_table(name, open_rows[name]) if name in open_rows and name in named else None
            if name == "waits":  # rows of a segment that a wait has outlasted are not the whole wait
                _create_waits(connection, rows, empty_table(name) if more is None else more)
                continue
            if more is not None:
                rows = ds.UnionDataset(SCHEMAS[name], [_dataset(rows), ds.dataset(more)])
            _create_view(connection, name, rows, _row_count(session, name, rows))
        result: pa.Table = connection.execute(statements[0]).to_arrow_table()
        return result


def _create_waits(connection: duckdb.DuckDBPyConnection, rows: Any, still_open: pa.Table) -> None:
    """Whole waits, and those that go on where a recording does."""
    whole = connection.from_arrow(rows).filter("end_ns IS NOT NULL")
    whole.union(connection.from_arrow(still_open)).create_view("waits")


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, rows: Any, count: int) -> None:
    """A view of the rows that lets the optimizer know how many there are.

    It takes every Arrow source for one row, so a join would load the hundred million calls to look up twenty sites.
    It does believe in the length of a range, of which the condition then leaves nothing.
    """
    view = connection.from_arrow(rows)
    if count:
        nothing = ", ".join(f"NULL AS {column}" for column in SCHEMAS[name].names)
        view = view.union(connection.sql(f"SELECT {nothing} FROM range({count}) AS t(i) WHERE i < 0"))
    view.create_view(name)


def _row_count(session: Session, name: str, rows: Any) -> int:
    if isinstance(rows, pa.Table):
        return len(rows)
    return sum(entry.rows for segment in session.segments for entry in segment.files if entry.table == name)


def _dataset(rows: Any) -> ds.Dataset:
    return ds.dataset(rows) if isinstance(rows, pa.Table) else rows


def _sentence(error: Exception) -> str:
    """What DuckDB says, without the picture of the place."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines[: lines.index("") if "" in lines else None])

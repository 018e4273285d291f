"""SQL over a session: DuckDB in memory, fed by checked rows, unable to reach anything else."""

from __future__ import annotations

import re
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
    "temp_directory": "",  # else a big query would spill into the working directory
    "memory_limit": "1GiB",
    "threads": "4",
    "lock_configuration": "true",
}
_WORD = re.compile(r"[a-z_]+")
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def query(session: Session, sql: str, open_calls: Rows | None = None) -> pa.Table:
    """The answer to one SELECT over the tables of the session; `session.problems` says what it could not see.

    `open_calls` are rows of `calls` that the sealed segments of a live session do not hold yet.

    Raises: SessionProblem with DuckDB's sentence for a statement that is wrong, or does anything but read.
    """
    attempts = _RETRIES
    while True:
        attempts -= 1
        try:
            return _answer(session, sql, open_calls)
        except (duckdb.Error, OSError) as error:
            if not attempts or not session.refresh():
                raise SessionProblem(f"The query failed. {_sentence(error)}") from error


def _answer(session: Session, sql: str, open_calls: Rows | None) -> pa.Table:
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READS:
            raise SessionProblem("A query is one SELECT statement.", "Sessions are read only.")
        for name in SCHEMAS:
            connection.register(name, empty_table(name))
        # Only what the query names is read; the others are there to be listed and described.
        for name in SCHEMAS.keys() & set(_WORD.findall(sql.lower())):
            rows = session.table(name)
            if name == "calls" and open_calls is not None:
                rows = ds.UnionDataset(SCHEMAS[name], [_dataset(rows), ds.dataset(as_table(name, open_calls))])
            connection.register(name, rows)
        result: pa.Table = connection.execute(statements[0]).to_arrow_table()
        return result


def _dataset(rows: Any) -> ds.Dataset:
    return ds.dataset(rows) if isinstance(rows, pa.Table) else rows


def _sentence(error: Exception) -> str:
    """What DuckDB says, without the picture of the place."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines[: lines.index("") if "" in lines else None])

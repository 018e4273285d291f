"""A session's Parquet files as DuckDB reads them by itself: no code of ours between the bytes and the answer.

All columns of these tables can be compared. Two are not stored as they are shown: what events of a segment tell of
`states` and of `calls` stands there alone, and an `old` that is the `new` of an earlier row is a number of rows to go
back (capture/FORMAT.md). That is said here once more, in SQL.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

TABLES = ("processes", "tracks", "sites", "state_keys", "events", "calls", "states", "waits", "metrics", "edges")
_SAMPLED, _FIRST_KNOWN = 16, 8


class OwnReading:
    """Answers SQL over a session's folder. A thread has one of its own."""

    def __init__(self, session: Path, columns: dict[str, list[tuple[str, str]]]) -> None:
        """`columns`: of each table the names and SQL types, as a session shows them."""
        self.connection = duckdb.connect()
        self._session = session
        manifest = json.loads((session / "manifest.json").read_bytes())["manifest"]
        self._segments = [segment["files"] for segment in manifest["segments"]]
        files = [*manifest["defs"], *(file for segment in self._segments for file in segment)]
        for table in TABLES:
            paths = [str(session / file["name"]) for file in files if file["name"].endswith(f".{table}.parquet")]
            if not paths:
                rows = _nothing_of(columns[table])
            elif table in ("states", "calls"):
                of_segment = self._states if table == "states" else self._calls
                parts = (of_segment(segment, columns["events"]) for segment in self._segments)
                rows = " UNION ALL BY NAME ".join([*parts, _nothing_of(columns[table])])
                rows = f"SELECT {', '.join(name for name, _ in columns[table])} FROM ({rows})"
            else:
                rows = _whole(paths, columns[table])
            if table == "waits":  # one that has outlasted a segment is there once more, whole
                rows = f"SELECT * FROM ({rows}) WHERE end_ns IS NOT NULL"
            self.connection.execute(f"CREATE TABLE {table} AS {rows}")

    def answer(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def close(self) -> None:
        self.connection.close()

    def _of(self, segment: list[dict[str, Any]]) -> dict[str, str]:
        """The file of each table."""
        return {file["name"].split(".")[1]: str(self._session / file["name"]) for file in segment}

    def _there(self, path: str) -> list[str]:
        """The columns that a file has."""
        return [row[0] for row in self.connection.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()]

    def _calls(self, segment: list[dict[str, Any]], columns: list[tuple[str, str]]) -> str:
        """The calls of one segment, with what their events say they were called with and gave."""
        of = self._of(segment)
        if "calls" not in of:
            return "SELECT NULL::BIGINT AS call_id WHERE false"
        there, calls = self._there(of["calls"]), f"SELECT * FROM read_parquet('{of['calls']}')"
        ids = {"arguments": ("arguments_event_shift", " + 2 * call_id - depth"), "result": ("result_event_id", "")}
        for text, (stored, more) in ids.items():
            if stored in there:
                own = f"c.{text}" if text in there else "NULL::VARCHAR"
                calls = f"""
                    SELECT c.* {f"EXCLUDE ({text})" if text in there else ""}, coalesce({own}, e.value) AS {text}
                    FROM ({calls}) c LEFT JOIN ({_whole([of["events"]], columns)}) e ON e.event_id = c.{stored}{more}"""
        return calls

    def _states(self, segment: list[dict[str, Any]], columns: list[tuple[str, str]]) -> str:
        """The states of one segment, whole."""
        of = self._of(segment)
        if "states" not in of:
            return "SELECT NULL::BIGINT AS version_id WHERE false"
        there = self._there(of["states"])
        writer = (
            f"CASE WHEN flags & {_SAMPLED} <> 0 OR (flags & {_FIRST_KNOWN} <> 0 AND coalesce(e.object_id, 0) = 0) "
            "THEN NULL ELSE nullif(e.track_id, 0) END"
        )
        told = {"time_ns": "e.time_ns", "object_id": "e.object_id", "new": "e.value", "writer_track_id": writer}
        told |= {"changes": "1", "old": "NULL::VARCHAR", "writer_call_id": "NULL::BIGINT", "old_rows_back": "0"}
        shown = ", ".join(
            f"s.{name}" if name in there else f"{told[name]} AS {name}"
            for name in ("version_id", "owner", "key", *told)
        )
        return f"""
            SELECT * REPLACE (
                CASE WHEN old_rows_back > 0 THEN lag(new, old_rows_back) OVER (ORDER BY row) ELSE old END AS old)
            FROM (SELECT {shown}, s.row FROM
                (SELECT *, file_row_number AS row FROM read_parquet('{of["states"]}', file_row_number = true)) s
                LEFT JOIN (SELECT *, row_number() OVER (ORDER BY event_id) - 1 AS row
                    FROM ({_whole([of["events"]], columns)}) WHERE kind = 'state') e ON e.row = s.row)"""


def _nothing_of(columns: list[tuple[str, str]]) -> str:
    """These columns, no row."""
    return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in columns)} WHERE false"


def _whole(paths: list[str], columns: list[tuple[str, str]]) -> str:
    """The rows of these files with all columns in their order: one that no row has is in none of the files."""
    names = ", ".join(name for name, _ in columns)
    read = f"SELECT * FROM read_parquet({paths}, union_by_name = true)"
    return f"SELECT {names} FROM ({read} UNION ALL BY NAME {_nothing_of(columns)})"

"""The tables of names (processes, tracks, sites, state keys) as files that grow in pieces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import xxhash

from capture.errors import SessionProblem
from capture.session import parquet
from capture.session.folder import SessionFolder
from capture.session.format import FileEntry
from capture.session.rows import as_table
from capture.session.tables import TABLE

_PIECES = 8  # of a table, before it is written anew as one


class DefinitionFiles:
    """Keeps the files of the tables in step with lists of rows that grow and change."""

    def __init__(self, folder: SessionFolder, entries: Iterable[FileEntry], retire: Callable[..., None]) -> None:
        self._folder = folder
        self._retire = retire
        self._files: dict[str, list[FileEntry]] = {}
        for entry in entries:
            self._files.setdefault(entry.table, []).append(entry)
        self._written = {table: sum(entry.rows for entry in files) for table, files in self._files.items()}
        self._digests: dict[str, bytes] = {}
        self._more: dict[str, pa.Table | None] = {}
        self._found = {entry.name for entry in self.entries}  # and not written here: they may say more than is known
        self._next_no = 1 + max((int(e.name.split("/")[1][:8]) for e in self.entries), default=0)

    @property
    def entries(self) -> list[FileEntry]:
        """The files that a manifest must list now."""
        return [entry for files in self._files.values() for entry in files]

    def update(self, table: str, rows: Sequence[Any]) -> None:
        """Brings a table up to date; `rows` is all of it.

        Raises: TargetProblem.
        """
        if TABLE[table].grows:
            written = self._written.get(table, 0)
            if len(rows) > written and len(self._files.get(table, ())) < _PIECES:
                self._files.setdefault(table, []).append(self._write(table, rows[written:]))
            elif len(rows) > written:
                self._rewrite(table, rows)
            self._written[table] = max(written, len(rows))
            return
        digest = xxhash.xxh3_64_digest(msgspec.msgpack.encode(rows))
        if rows and self._digests.get(table) != digest:
            self._rewrite(table, rows)
            self._digests[table] = digest

    def _rewrite(self, table: str, rows: Sequence[Any]) -> None:
        if table not in self._more:
            self._more[table] = self._beyond(table)
        fresh = self._write(table, rows, self._more[table])
        self._retire(*(entry.name for entry in self._files.get(table, ())))
        self._files[table] = [fresh]

    def _beyond(self, table: str) -> pa.Table | None:
        """What a newer Scope's files of the table say beyond the columns that this one knows."""
        found = [entry for entry in self._files.get(table, ()) if entry.name in self._found]
        with contextlib.suppress(OSError, SessionProblem):  # damaged: readers report it
            pieces = [parquet.columns_beyond(table, pa.py_buffer(self._folder.read(e)), e.rows) for e in found]
            said = [piece for piece in pieces if piece is not None]
            return pa.concat_tables(said, promote_options="default") if said else None
        return None

    def _write(self, table: str, rows: Sequence[Any], more: pa.Table | None = None) -> FileEntry:
        data = parquet.encode(table, _with_columns(as_table(table, rows), more))
        entry = self._folder.write(f"defs/{self._next_no:08d}.{table}.parquet", data, len(rows))
        self._next_no += 1
        return entry


def _with_columns(rows: pa.Table, more: pa.Table | None) -> pa.Table:
    """The rows, and columns of the rows of `more` that have the same id, which is the first column of both.

    A loop over the rows, 5 M a second: for tables of names that are written once, by a recovery.
    """
    if more is None:
        return rows
    places = {ident: row for row, ident in enumerate(more.column(0).to_pylist())}
    at = pa.array([places.get(ident) for ident in rows.column(0).to_pylist()], pa.int64())
    for name in more.column_names[1:]:
        rows = rows.append_column(name, more[name].take(at))
    return rows

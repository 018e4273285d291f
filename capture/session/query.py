"""SQL over a session: DuckDB in memory, fed by checked rows, unable to reach anything else, and always with an end.

The statement runs on a thread of its own: the one that asks waits where Ctrl+C reaches it at once, whatever DuckDB is
doing. What DuckDB spills lies in a folder that a small process removes when this one lets go of it, however it ends.
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from capture.errors import SessionProblem
from capture.session.answer import weight
from capture.session.rows import Rows, as_table, empty_table
from capture.session.session import Session
from capture.session.tables import SCHEMAS, TABLE

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
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_ODD_TYPE = re.compile("date|time|interval|uhugeint|bignum|variant|uuid|bit|geometry|union")
_ASKS_WHAT_THERE_IS = re.compile("show|describe|pragma|information_schema|duckdb_|sqlite_|pg_")
_BATCH_ROWS = 1 << 11  # a vector of DuckDB's: one is made before the limits are looked at
_LOOK_S = 0.05
_MOST_GROWTH = 2 << 30  # one vector of long texts is made whatever the limits of DuckDB are
_INTERRUPTED_S = 0.5  # what DuckDB gets to end a statement by itself


class Limits(msgspec.Struct, frozen=True):
    """What an answer may take; 0 rows or seconds: any number. More is refused in a sentence, never cut off."""

    rows: int = 1_000_000
    bytes: int = 512 << 20
    row_bytes: int = 64 << 20
    seconds: float = 600


def query(
    session: Session, sql: str, open_rows: Mapping[str, Rows] | None = None, limits: Limits | None = None
) -> pa.Table:
    """The answer to one SELECT over the tables of the session; `session.problems` says what it could not see.

    `open_rows` are, by table, rows of `calls` and `waits` that the sealed segments of a live session do not hold yet.
    Of columns of one name the second is called NAME_1.

    Raises: SessionProblem with DuckDB's sentence for a statement that is wrong, does anything but read, or is over
    a limit; KeyboardInterrupt within a second, and what a pinned session ends questions by (`Session.pinned`), and the
    thread of the statement may then still be there.
    """
    _leave_deleted_folder()
    asked = _Asked(session, sql, open_rows or {}, Limits() if limits is None else limits)
    for last in (*([False] * _RETRIES), True):
        failures: list[Exception] = []
        answer = asked.once(failures)
        if not failures:
            assert answer is not None
            return answer
        if last or not session.refresh():
            break
    first = failures[0]
    if isinstance(first, SessionProblem):
        raise first
    raise SessionProblem(f"The query failed, because {first} could not be read.") from first


def _leave_deleted_folder() -> None:
    """WORKAROUND: DuckDB 1.5 asks for the working directory while it shuts out files, and aborts where that is deleted.

    Nothing can be relative to a deleted folder, so nobody misses it.
    """
    try:
        os.getcwd()  # noqa: PTH109  only to hear whether it is there
    except FileNotFoundError:
        os.chdir("/")


class _Asked:
    """One statement, and how far it is."""

    def __init__(self, session: Session, sql: str, open_rows: Mapping[str, Rows], limits: Limits) -> None:
        self._session, self._sql, self._open_rows, self._limits = session, sql, open_rows, limits
        self._outcome: tuple[pa.Table | None, BaseException | None] = (None, None)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._over = threading.Event()
        self._given_up = False

    def once(self, failures: list[Exception]) -> pa.Table | None:
        """Runs it; None when there are failures."""
        self._over.clear()
        thread = threading.Thread(target=self._run, args=(failures,), daemon=True, name="query")
        thread.start()
        end_s, most = time.monotonic() + (self._limits.seconds or float("inf")), _resident_bytes() + _MOST_GROWTH
        try:
            while not self._over.wait(_LOOK_S):
                self._session.reads_on()
                if time.monotonic() > end_s:
                    raise SessionProblem(f"The query was ended after {self._limits.seconds:g} seconds.", _LESS)
                if _resident_bytes() > most:
                    raise SessionProblem(f"The query was ended: it took more than {_MOST_GROWTH >> 20} MiB.", _LESS)
        except BaseException:  # Ctrl+C, and whoever pinned the session
            self._interrupt()
            raise
        thread.join()
        answer, error = self._outcome
        if isinstance(error, duckdb.Error) and not failures:
            is_about_names = isinstance(error, (duckdb.CatalogException, duckdb.BinderException))
            raise SessionProblem(f"The query failed. {_sentence(error)}", _NAMES if is_about_names else None) from error
        if error is not None and not failures:
            raise error
        return answer

    def _interrupt(self) -> None:
        """Again and again: DuckDB forgets an interruption that comes before the statement has begun."""
        self._given_up = True
        end_s = time.monotonic() + _INTERRUPTED_S
        while not self._over.wait(_LOOK_S) and time.monotonic() < end_s:
            if self._connection is not None:
                with suppress(duckdb.ConnectionException):  # it has just been closed
                    self._connection.interrupt()

    def _run(self, failures: list[Exception]) -> None:
        try:
            self._outcome = self._answered(failures), None
        except BaseException as error:  # for the thread that waits
            self._outcome = None, error
        finally:
            self._over.set()

    def _goes_on(self) -> None:
        """Called before a piece is read, on whichever thread needs it. Raises: SessionProblem when nobody waits."""
        if self._given_up:
            raise SessionProblem("The query was ended before all was read.")

    def _answered(self, failures: list[Exception]) -> pa.Table:
        with (
            _spill_folder() as spill,
            duckdb.connect(":memory:", config={**_CONFIG, "temp_directory": spill}) as connection,
        ):
            self._connection = connection
            statements = connection.extract_statements(_as_text(self._sql))
            if len(statements) != 1 or statements[0].type not in _READS:
                raise SessionProblem("A query is one SELECT statement.", "Sessions are read only.")
            named = _named_tables(statements[0].query)
            sources = [self._create_view(connection, name, failures) for name in named]
            if self._given_up:
                raise SessionProblem("The query was ended before it had begun.")
            try:
                rows = _readable(connection, statements[0])
            except duckdb.CatalogException:  # of a name put together, or one that nothing has: it says what is alike
                sources += [self._create_view(connection, name, failures) for name in SCHEMAS if name not in named]
                rows = _readable(connection, statements[0])
            answer = self._fetched(*rows)
        del sources  # they outlive every scan
        return answer

    def _create_view(self, connection: duckdb.DuckDBPyConnection, name: str, failures: list[Exception]) -> Any:
        """A view of the rows that lets the optimizer know how many there are; gives what must be kept for it.

        It takes every Arrow source for one row, so a join would load the hundred million calls to look up twenty sites.
        It does believe in the length of a range, of which the condition then leaves nothing.
        """
        more = as_table(name, self._open_rows[name]) if name in self._open_rows else empty_table(name)
        is_told_whole = TABLE[name].open_rows == "whole"  # a row that has outlasted its segment is not all of it
        reading = self._session.pinned(self._goes_on)
        rows = reading.table(name, failures, empty_table(name) if is_told_whole else more)
        view = connection.from_arrow(rows)
        if is_told_whole:
            view = view.filter("end_ns IS NOT NULL").union(connection.from_arrow(more))
        elif rows.rows:
            nothing = ", ".join(f"NULL AS {column}" for column in SCHEMAS[name].names)
            view = view.union(connection.sql(f"SELECT {nothing} FROM range({rows.rows}) AS t(i) WHERE i < 0"))
        view.create_view(name)
        return rows, more

    def _fetched(self, reader: pa.RecordBatchReader, columns: list[str], kinds: list[str]) -> pa.Table:
        """All rows of the answer. Raises: SessionProblem as soon as they are too many."""
        batches, rows, size = list[pa.RecordBatch](), 0, 0
        for batch in reader:
            if self._given_up:
                break
            batches.append(batch)
            added = weight(batch)
            rows, size = rows + len(batch), size + added
            if self._limits.rows and rows > self._limits.rows:
                raise SessionProblem(f"The answer has more than {self._limits.rows} rows.", _LESS)
            if size > self._limits.bytes:
                raise SessionProblem(f"The answer takes more than {self._limits.bytes >> 20} MiB.", _LESS)
            if added > (most := self._limits.row_bytes) and any(weight(row) > most for row in _one_by_one(batch)):
                raise SessionProblem(f"A row of the answer takes more than {most >> 20} MiB.", _LESS)
        described = zip(reader.schema, distinct(columns), kinds, strict=True)
        fields = [field.with_name(name).with_metadata({"sql": kind}) for field, name, kind in described]
        return pa.table(pa.Table.from_batches(batches, reader.schema).columns, schema=pa.schema(fields))


def _named_tables(sql: str) -> list[str]:
    """The tables whose names are in the statement, or all; making all views is half the time of a small query.

    >>> _named_tables('SELECT count(*) FROM "Calls"')
    ['calls']
    """
    text = sql.casefold()
    return [name for name in SCHEMAS if name in text or _ASKS_WHAT_THERE_IS.search(text)]


def _readable(
    connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement
) -> tuple[pa.RecordBatchReader, list[str], list[str]]:
    """The rows, with the names and types of their columns.

    What Arrow has no value for, or a wrong one (UHUGEINT 2^128-1 came as -1), is text that DuckDB makes.
    """
    rows = connection.sql(statement.query)
    columns, kinds = rows.columns, [str(kind) for kind in rows.types]
    if any(odd := [_is_odd(kind) for kind in rows.types]):
        rows = rows.project(", ".join(f"#{at}::VARCHAR" if is_odd else f"#{at}" for at, is_odd in enumerate(odd, 1)))
    return rows.to_arrow_reader(_BATCH_ROWS), columns, kinds


def _is_odd(kind: Any) -> bool:
    """Whether it is of an odd type, or holds one. Its names say nothing: a field of a struct may be called TIME."""
    if kind.id in ("struct", "list", "array", "map"):
        return any(_is_odd(inner) for _, inner in kind.children if not isinstance(inner, int))
    return _ODD_TYPE.search(kind.id) is not None


def _one_by_one(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(at, 1) for at in range(len(batch)))


def _as_text(sql: str) -> str:
    """Raises: SessionProblem for bytes of a command line that are no text."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise SessionProblem(f"The statement is no text from its character {error.start + 1} on.") from error
    return sql


_LESS = "Ask for less: LIMIT, WHERE, GROUP BY."
_NAMES = "`scope-gui query --help` lists the tables and their columns."


def distinct(names: list[str]) -> list[str]:
    """The names, each its own, as DuckDB calls the columns of a subquery.

    >>> distinct(["name", "NAME", "name_1", "n"])
    ['name', 'NAME', 'name_1', 'n']
    >>> distinct(["name", "name", "name_1", "name"])
    ['name', 'name_2', 'name_1', 'name_3']
    """
    given, taken, count = dict[str, None](), set(names), dict[str, int]()
    for name in names:
        if name in given:
            number = count.get(name, 1)
            while f"{name}_{number}" in taken:
                number += 1
            count[name] = number + 1
            name = f"{name}_{number}"  # noqa: PLW2901
            taken.add(name)
        given[name] = None
    return list(given)


def _resident_bytes() -> int:
    """What this process holds in memory, files aside."""
    resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * mmap.PAGESIZE


@contextmanager
def _spill_folder() -> Iterator[str]:
    """A folder that goes whatever ends this process: a shell waits for the end of a pipe that only this process has."""
    folder = Path(tempfile.gettempdir()) / f"scope-query-{secrets.token_hex(8)}"
    remover = subprocess.Popen(  # before there is anything to remove
        ["/bin/sh", "-c", 'read -r _; rm -rf -- "$0"', str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # Ctrl+C is not for it
    )
    try:
        folder.mkdir(mode=0o700)
        yield str(folder)
    finally:
        remover.communicate()


def _sentence(error: Exception) -> str:
    """What DuckDB says, without the picture of the place."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines[: lines.index("") if "" in lines else None])

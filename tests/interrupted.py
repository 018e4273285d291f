"""Sessions in the state in which something was interrupted, and how they must be when it is finished.

Truth is the same session where nobody interrupted anything, and the step that the recorded program had come to.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from capture.drain import ids
from capture.folder_names import FOLDERS, SESSION_NOTE
from capture.session.files import NOTES
from capture.session.folder import listed_files
from capture.session.format import MANIFEST, MANIFEST_COPY
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from capture.session.verify import verify
from tests.scope_command import query

Rows = dict[str, pa.Table]
CLOCKS_NS = 2_000


class Source:
    """A session in its state before a verb, to be put in place again and again: its folder, and its pools."""

    def __init__(self, session: Path, kept: Path) -> None:
        self.session = session
        self._kept = kept
        kept.mkdir()
        notes = ids.SHARED_MEMORY.glob(f"scope-*/{SESSION_NOTE}")
        self._roots = [note.parent for note in notes if note.read_text().partition("\0")[0] == str(session)]
        for path in (session, *self._roots):
            copy(path, kept / path.name)

    def put_in_place(self) -> None:
        for path in (self.session, *self._roots):
            remove(path)
            copy(self._kept / path.name, path)

    def clear(self) -> None:
        for path in (self.session, *self._roots):
            remove(path)

    def pools(self) -> list[Path]:
        return [root for root in self._roots if root.exists()]


def copy(path: Path, to: Path) -> None:
    """Pools are 96 MiB, nearly all of it holes."""
    subprocess.run(["cp", "-a", "--sparse=always", path, to], check=True)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def rows_of(session: Path) -> Rows:
    """All that a session says, in an order that no writer has chosen; times come last."""
    rows = {}
    with Session.open(session) as opened:
        for name in SCHEMAS:
            table = opened.table(name).to_table()
            types = {field.name: getattr(field.type, "value_type", field.type) for field in table.schema}
            keys = sorted(types, key=lambda key: key.endswith("_ns"))
            rows[name] = table.cast(pa.schema(types)).select(keys).sort_by([(key, "ascending") for key in keys])
    return rows


def are_alike(rows: pa.Table, truth: pa.Table) -> bool:
    """Whether only times differ, by what the last comparison of the clocks, made while recovering, is worth."""
    if len(rows) != len(truth):
        return False
    times = [name for name in truth.schema.names if name.endswith("_ns")]
    return rows.drop_columns(times).equals(truth.drop_columns(times)) and all(
        (pc.max(pc.abs(pc.subtract(rows[name], truth[name]))).as_py() or 0) <= CLOCKS_NS
        and rows[name].is_null().equals(truth[name].is_null())
        for name in times
    )


def first_difference(rows: pa.Table, truth: pa.Table) -> str:
    where = next((at for at in range(min(len(rows), len(truth))) if rows.slice(at, 1) != truth.slice(at, 1)), -1)
    here = [table.slice(where, 1).to_pylist() for table in (rows, truth)] if where >= 0 else ""
    return f"{len(rows)} rows for {len(truth)}, row {where}: {here}"


def strays(session: Path) -> list[str]:
    """What is in a session, or beside it, that a finished one does not need."""
    beside = [path.name for path in session.parent.glob(f"{session.name}?*")]
    if session.is_file():
        return beside
    with Session.open(session) as opened:
        needed = {entry.name for entry in listed_files(opened.manifest)} | {MANIFEST, MANIFEST_COPY, NOTES, *FOLDERS}
        needed |= {name for part in opened.segments for name in part.cache_names}
    there = {str(path.relative_to(session)) for path in session.rglob("*")}
    return beside + sorted(there - needed)


def assert_finished(source: Source, truth: Rows) -> None:
    rows = rows_of(source.session)
    assert rows.keys() == truth.keys()
    for name, table in truth.items():
        alike = rows[name].equals(table) or are_alike(rows[name], table)
        assert alike, f"{name}: {first_difference(rows[name], table)}"
    with Session.open(source.session) as opened:
        assert not opened.live
        assert verify(opened).ok
    left = strays(source.session)
    assert not left, left
    assert not source.pools(), source.pools()


def assert_holds_steps(session: Path, steps: int) -> None:
    """Each call is there once, and none is missing of those that the program has counted."""
    sql = (
        "SELECT count(*) n, count(DISTINCT call_id) once FROM calls JOIN sites USING (site_id) WHERE function = 'step'"
    )
    [calls] = query(session, sql)
    with Session.open(session) as opened:
        info = opened.info()
    assert info.produced == info.recorded + info.dropped
    assert calls["n"] == calls["once"]
    assert calls["n"] + info.dropped >= steps

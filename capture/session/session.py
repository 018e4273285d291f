"""The read-only handle on a session, live or finished, directory or packed file, for everyone who does not record.

Opening reads the manifest and nothing else; every other file is checked against the manifest when it is first needed.
What is damaged costs itself only: its rows are missing, `problems` says so, and `gaps` has a row for its time.
"""

from __future__ import annotations

import copy
import functools
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any, TypeVar, get_args

import numpy as np
import pyarrow as pa
from msgspec.structs import fields

from capture.errors import FormatError, SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow, SiteLinesRow, SiteRow, StateKeyRow, TrackRow
from capture.events.kinds import Kind, StateFlag
from capture.losses import told_losses
from capture.session.caches import unframed
from capture.session.eventtable import BATCH_COLUMNS, batch_from_table
from capture.session.files import MAX_KEYFRAME_BYTES, DirectoryFiles, SessionFiles, load_manifest
from capture.session.format import (
    MANIFEST,
    MAX_FILE_BYTES,
    FileEntry,
    Manifest,
    Problem,
    SegmentEntry,
    told_books,
)
from capture.session.info import Info, session_info
from capture.session.packed import PackedFiles
from capture.session.reader import TableReader
from capture.session.rows import as_table, empty_table
from capture.session.table_shape import Table
from capture.session.tables import SCHEMAS, TABLE

Signature = tuple[int, int, int] | None
_MERGES_MEANWHILE = 5  # a segment may be merged again while its rows are looked for
_Row = TypeVar("_Row", ProcessRow, TrackRow, SiteRow, StateKeyRow, SiteLinesRow)


class Session:
    """One opened session. It shows the recording as of the last `refresh`; safe to read from several threads."""

    def __init__(self, path: Path, files: SessionFiles) -> None:
        """Use `open`."""
        self.path = path
        self.reader = TableReader(files)
        self._files = files
        self._lock = threading.RLock()
        self._rows: dict[str, tuple[list[FileEntry], list[Any]]] = {}
        self._reads_on: Callable[[], None] = _goes_on
        signature = files.signature(MANIFEST) if isinstance(files, DirectoryFiles) else None
        manifest, problems = load_manifest(files, path)
        for problem in problems:
            self.reader.report(problem)
        self._show(manifest, signature)
        self._look_for_missing_files()

    @classmethod
    def open(cls, path: Path | str) -> Session:
        """The session at this path.

        Raises: SessionProblem when it cannot be read, FormatError when it is no session, or of a newer major version.
        """
        path = Path(path)
        try:
            files: SessionFiles = DirectoryFiles(path) if path.is_dir() else PackedFiles(path)
        except OSError as error:
            raise SessionProblem(f"{path} cannot be opened: {error.strerror}.") from error
        try:
            return cls(path, files)
        except BaseException as error:
            files.close()
            if isinstance(error, SessionProblem) and not files.packed and path.is_file():
                return cls.open(path)  # a pack has put the file into the folder's place, and emptied the folder
            raise

    def close(self) -> None:
        """Lets go of the files. Harmless when repeated."""
        self._files.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def problems(self) -> list[Problem]:
        """What is known to be wrong; reading more of the session may find more."""
        return self.reader.problems

    @property
    def manifest(self) -> Manifest:
        """What the session is, as of the last refresh."""
        return self._manifest

    @property
    def segments(self) -> list[SegmentEntry]:
        """The segments in time order; they cover the recording without holes."""
        return self._manifest.segments

    @property
    def start_ns(self) -> int:
        """The first instant."""
        return self._manifest.start_ns

    @property
    def end_ns(self) -> int:
        """The last instant that is sealed."""
        return self._manifest.end_ns

    @property
    def live(self) -> bool:
        """Whether the recording has not been finished: it is going on, or its recorder died."""
        return self._manifest.state == "recording"

    @property
    def complete(self) -> bool:
        """Whether the recording has ended and nothing that was recorded is known to be missing."""
        return not self.live and not any(problem.lost for problem in self.problems)

    def refresh(self) -> bool:
        """Shows what has been recorded since; False when nothing has.

        Raises: FormatError when the manifest has been damaged meanwhile; the session then stays as it was.
        """
        with self._lock:
            newest = self._newest()
            if newest is not None:
                self._show(*newest)
            return newest is not None

    def pinned(self, reads_on: Callable[[], None] | None = None) -> Session:
        """The same session as it is shown now, whoever refreshes it: for a question that asks by a segment's number.

        It lives on the files of this one and is not closed by itself. `reads_on` is called before each piece of it is
        read, and by what waits for SQL over it, and may raise to end the question; None: as this one's.
        """
        with self._lock:
            same = copy.copy(self)
            same._reads_on = reads_on or self._reads_on
            return same

    def reads_on(self) -> None:
        """Called before a piece is read; whoever works for long on what was read may call it, too.

        Raises: whatever ends a question, see `pinned`.
        """
        self._reads_on()

    def segment_at(self, time_ns: int) -> int | None:
        """The index of the segment to replay for that instant: the last one that starts then or before."""
        if not self._starts:
            return None
        return max(0, bisect_right(self._starts, time_ns) - 1)

    def same_state_from(self, index: int) -> int:
        """The first segment that begins with the state that this one begins with: those in between have no rows."""
        at = bisect_left(self.with_rows, index)
        return self.with_rows[at - 1] + 1 if at else 0

    def keyframe_places(self) -> list[int]:
        """The segments that begin with a state of their own: whoever asks for another one's starts from these."""
        return sorted({0, *(at + 1 for at in self.with_rows)} - {len(self.segments)}) if self.segments else []

    def telling(self, start: int, stop: int) -> Sequence[int]:
        """Of the segments start..stop those that tell all that these do: of many without rows in a row the first."""
        if start >= stop or len(self.with_rows) == len(self.segments):
            return range(start, stop)
        rows = self.with_rows[bisect_left(self.with_rows, start) : bisect_left(self.with_rows, stop)]
        after = {at + 1 for at in rows if at + 1 < stop}
        return sorted({*rows, *after, start if start in rows[:1] else self.same_state_from(start)})

    def events(self, index: int, columns: Iterable[str] | None = None) -> EventBatch:
        """The events of a segment; columns not asked for are zero. Empty when the segment's events are damaged."""
        wanted = set(BATCH_COLUMNS if columns is None else columns)
        in_order = [name for name in BATCH_COLUMNS if name in wanted]
        segment, table = self._read(index, "events", in_order, sparse=True)
        batch = batch_from_table(table, segment.first_event_id)
        return self._with_changes(batch, index) if columns is None and "flags" in table.column_names else batch

    def _with_changes(self, batch: EventBatch, index: int) -> EventBatch:
        """The batch with the number of changes that each state stands for, where the segment's states are whole."""
        rows = np.flatnonzero(batch.kind == Kind.STATE)
        if not (batch.flags[rows] & StateFlag.COUNTED).any():
            return batch
        told = self.segment_table(index, "states", ("changes",))["changes"].fill_null(1).to_numpy()
        if len(told) != len(rows):
            return batch
        changes = np.zeros(len(batch), np.int64)
        changes[rows] = told
        return replace(batch, changes=changes)

    def calls(self, index: int, columns: Iterable[str] | None = None) -> pa.Table:
        """The calls that ended in a segment; those still open when the recording ended are in the last one."""
        return self._read(index, "calls", columns)[1]

    def segment_table(self, index: int, name: str, columns: Iterable[str] | None = None) -> pa.Table:
        """The rows of any table that a segment holds."""
        return self._read(index, name, columns)[1]

    def keyframe(self, index: int) -> bytes | None:
        """Every DAG's state at the first instant of a segment; None when it was deleted or is damaged."""
        name = self.segments[index].keyframe_name
        try:
            return unframed(self._files.read(name, MAX_KEYFRAME_BYTES))
        except (FileNotFoundError, SessionProblem):
            return None

    def processes(self) -> list[ProcessRow]:
        """The processes, by id."""
        return self._definitions("processes", ProcessRow)

    def tracks(self) -> list[TrackRow]:
        """The tracks, by id."""
        return self._definitions("tracks", TrackRow)

    def sites(self) -> list[SiteRow]:
        """The sites, by id. A damaged session may lack some: look them up by id, not by place."""
        return self._definitions("sites", SiteRow)

    def state_keys(self) -> list[StateKeyRow]:
        """The state keys, by id."""
        return self._definitions("state_keys", StateKeyRow)

    def site_lines(self) -> list[SiteLinesRow]:
        """Which lines sites have, by site."""
        return self._definitions("site_lines", SiteLinesRow)

    def table(self, name: str, failures: list[Exception] | None = None, more: pa.Table | None = None) -> Any:
        """A whole table of the design as a dataset, which pyarrow and DuckDB take as a source of rows.

        Nothing is read before a scan begins. One of a live session may find segments merged away: it then adds a
        FileNotFoundError to `failures` and has to be repeated after a `refresh`. `more` are rows to add.
        """
        from capture.session.dataset import StoredRows  # noqa: PLC0415 - pyarrow.dataset takes 50 ms to import

        if name not in SCHEMAS:
            raise SessionProblem(f"A session has no table {name!r}.", f"Its tables are {', '.join(SCHEMAS)}.")
        return StoredRows(self, name, [] if failures is None else failures, more)

    def whole_table(self, name: str) -> pa.Table | None:
        """The rows of a table that needs no streaming; None for one that lies in segments and may be long."""
        table = TABLE[name]
        if table.lives == "definition":
            return self._definition_table(name)
        if table.lives == "derived":
            return self._never_run()
        return None if table.streams else self._joined(table)

    def _never_run(self) -> pa.Table:
        from capture.session.line_runs import never_run_table  # noqa: PLC0415 - of the few that ask for it

        told = (index for index in self.with_rows if self.segments[index].file("first_runs"))
        first_runs = (self.segment_table(index, "first_runs") for index in told)
        return never_run_table(self._definition_table("site_lines"), first_runs)

    def info(self) -> Info:
        """The session in figures, without reading its rows."""
        return session_info(self._manifest, self._files.total_bytes(), list(self.problems), complete=self.complete)

    def damaged_segments(self) -> list[SegmentEntry]:
        """The segments of which something is known to be damaged."""
        found = {segment.seq: segment for segment in self.reader.damaged.values() if segment}
        return [found[seq] for seq in sorted(found)]

    def raw(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of any file of the session, as they are.

        Raises: FileNotFoundError, FormatError when there are more than allowed, SessionProblem.
        """
        return self._files.read(name, max_bytes)

    def names(self) -> dict[str, int]:
        """The files that are there, with their sizes."""
        return self._files.sizes()

    def _newest(self) -> tuple[Manifest, Signature] | None:
        """The manifest as it is now on disk, None when it is the one shown."""
        if not isinstance(self._files, DirectoryFiles):
            return None
        signature = self._files.signature(MANIFEST)
        if signature == self._signature:
            return None
        if signature is None and self.path.is_file():  # finished and packed in place while it was open here
            old, self._files = self._files, PackedFiles(self.path)
            self.reader.files = self._files
            old.close()
        manifest, problems = load_manifest(self._files, self.path)
        for problem in problems:
            self.reader.report(problem)
        return (manifest, signature) if signature is None or manifest.generation != self._manifest.generation else None

    def _newest_if_readable(self) -> tuple[Manifest, Signature] | None:
        """The same for who looks for a missing file: a session that is gone as a whole has no newer place for it."""
        try:
            return self._newest()
        except SessionProblem:
            return None

    def _show(self, manifest: Manifest, signature: Signature) -> None:
        self._manifest, self._signature = manifest, signature
        self._starts = [segment.start_ns for segment in manifest.segments]
        self.with_rows = [at for at, part in enumerate(manifest.segments) if part.files or part.events]
        if not (self.live or manifest.counts.balanced):
            self.reader.report(Problem(told_books(manifest.counts)))
        for told in told_losses(manifest.losses):
            self.reader.report(Problem(told))

    def _look_for_missing_files(self) -> None:
        """Reports files that are missing or cut, from their sizes alone; reads only those whose size is wrong."""
        sizes = self._files.sizes()
        listed: list[tuple[SegmentEntry | None, FileEntry]] = [(None, entry) for entry in self._manifest.defs]
        listed += [(segment, entry) for segment in self.segments for entry in segment.files]
        if all(sizes.get(entry.name) == entry.bytes for _, entry in listed):
            return
        if self.refresh():  # merged away while we looked
            return
        for segment, entry in listed:
            if sizes.get(entry.name) != entry.bytes:
                try:
                    self.reader.bytes(segment, entry)
                except FileNotFoundError:
                    self.reader.missing(segment, entry)

    def _read(
        self, index: int, name: str, columns: Iterable[str] | None, *, sparse: bool = False
    ) -> tuple[SegmentEntry, pa.Table]:
        """The segment as it is shown, and its rows; `sparse`: perhaps without columns of nothing but null or 0."""
        self._reads_on()
        manifest = self._manifest
        segment = manifest.segments[index]
        entry = segment.file(name)
        wanted = SCHEMAS[name].names if columns is None else list(columns)
        table = None
        if entry is not None:
            try:
                table = self.reader.table(segment, entry, wanted, sparse=sparse)
            except FileNotFoundError:
                table = self._from_merged(manifest, index, name, wanted)
                if table is None:
                    self.reader.missing(segment, entry)
        return segment, _no_rows(name, tuple(wanted)) if table is None else table

    def _from_merged(self, shown: Manifest, index: int, name: str, columns: list[str]) -> pa.Table | None:
        """What a segment held, out of the one it has been merged into; None when it is in none.

        A merged segment is its parts in order, so the rows before a part are those of the parts before it. What the
        session shows does not change here: its reader may be in the middle of a loop over it.
        """
        segment = shown.segments[index]
        for _ in range(_MERGES_MEANWHILE):
            newest = self._newest_if_readable()
            around = newest and _merged_segment(newest[0], segment)
            entry = around and around.file(name)
            if not around or not entry:
                return None
            before = [part for part in shown.segments[:index] if _position(part) >= _position(around)]
            rows = sum(file.rows for part in before if (file := part.file(name)))
            own = segment.file(name)
            try:
                table = self.reader.table(around, entry, columns)
            except FileNotFoundError:
                continue
            return None if table is None or own is None else table.slice(rows, own.rows)
        return None

    def _definition_table(self, name: str) -> pa.Table:
        manifest: Manifest | None = self._manifest
        while manifest is not None:
            try:
                pieces = [self.reader.table(None, entry, None) for entry in self._defined_in(manifest, name)]
                break
            except FileNotFoundError:
                newest = self._newest_if_readable() if manifest is self._manifest else None
                manifest = newest and newest[0]
        else:
            pieces = self._definition_pieces(name)
        whole = [as_table(name, piece) for piece in pieces if piece is not None]
        if not whole:
            return empty_table(name)
        table = pa.concat_tables(whole)
        ids = table.column(0).to_numpy()  # most often in order, and pyarrow.compute takes 70 ms to import
        return table if bool((ids[1:] >= ids[:-1]).all()) else table.sort_by(SCHEMAS[name].names[0])

    def _definition_pieces(self, name: str) -> list[pa.Table]:
        """The pieces that are there; the others are reported."""
        pieces = []
        for entry in self._defined_in(self._manifest, name):
            try:
                pieces.append(self.reader.table(None, entry, None))
            except FileNotFoundError:
                self.reader.missing(None, entry)
        return pieces

    def _defined_in(self, manifest: Manifest, name: str) -> list[FileEntry]:
        """The files of a table of names; those beyond what one may have in all are reported and left out."""
        listed = [entry for entry in manifest.defs if entry.table == name]
        most = TABLE[name].most_rows
        totals = accumulate(entry.rows for entry in listed)
        within = [entry for entry, total in zip(listed, totals, strict=True) if total <= most]
        for entry in listed[len(within) :]:
            self.reader.refuse(None, entry, f"a session has at most {most} {name}")
        return within

    def _definitions(self, name: str, kind: type[_Row]) -> list[_Row]:
        with self._lock:
            entries = [entry for entry in self._manifest.defs if entry.table == name]
            known = self._rows.get(name)
            if known is None or known[0] != entries:
                known = self._rows[name] = (entries, list(_rows_as(name, self._definition_table(name), kind)))
            return list(known[1])

    def _joined(self, table: Table) -> pa.Table:
        """All segments' rows by their first column; a damaged segment is a row, if the table has a reason for it."""
        for segment in self.segments if table.damaged_is else ():
            for entry in segment.files:
                if entry.name not in self.reader.trusted:
                    try:
                        self.reader.bytes(segment, entry)
                    except FileNotFoundError:
                        self.reader.missing(segment, entry)
        told = [index for index in self.with_rows if self.segments[index].file(table.name)]
        pieces = [as_table(table.name, self.segment_table(index, table.name)) for index in told]
        damaged = [
            {"start_ns": s.start_ns, "end_ns": s.end_ns, "dropped": self._lost_events(s), "reason": table.damaged_is}
            for s in (self.damaged_segments() if table.damaged_is else ())
        ]
        return pa.concat_tables([*pieces, as_table(table.name, damaged)]).sort_by(table.columns[0].name)

    def _lost_events(self, segment: SegmentEntry) -> int:
        entry = segment.file("events")
        return segment.events if entry and entry.name in self.reader.damaged else 0


def _goes_on() -> None:
    """Nobody wants to end anything."""


@functools.lru_cache(maxsize=256)
def _no_rows(name: str, columns: tuple[str, ...]) -> pa.Table:
    return empty_table(name).select(list(columns))


def _rows_as(name: str, table: pa.Table, kind: type[_Row]) -> Iterator[_Row]:
    """Two million a second; equal texts that lie near each other are one object.

    Raises: FormatError for a row that lacks a value it must have; the types are those of the schema.
    """
    for field in fields(kind):
        if table[field.name].null_count and NoneType not in get_args(field.type):
            raise FormatError(f"The table {name} holds a row without a {field.name}.")
    for batch in table.to_batches(max_chunksize=1 << 15):
        yield from map(kind, *(_values(batch.column(column)) for column in kind.__struct_fields__))


def _values(column: pa.Array) -> list[Any]:
    if column.type == pa.string():
        coded = column.dictionary_encode()
        texts = [*coded.dictionary.to_pylist(), None]
        return [texts[at] for at in coded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False).tolist()]
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy(zero_copy_only=False).tolist()
    return values


def _position(segment: SegmentEntry) -> tuple[int, int]:
    return segment.first_event_id, segment.start_ns


def _merged_segment(newest: Manifest, part: SegmentEntry) -> SegmentEntry | None:
    """The segment of a newer manifest that holds what `part` held."""
    at = bisect_right(newest.segments, _position(part), key=_position) - 1
    return newest.segments[at] if at >= 0 else None

"""The read-only handle on a session, live or finished, directory or packed file, for everyone who does not record.

Opening reads the manifest and nothing else; every other file is checked against the manifest when it is first needed.
What is damaged costs itself only: its rows are missing, `problems` says so, and `gaps` has a row for its time.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from capture.definitions import ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.errors import FormatError, SessionProblem
from capture.events import EventBatch
from capture.eventtable import BATCH_COLUMNS, batch_from_table
from capture.files import MAX_KEYFRAME_BYTES, DirectoryFiles, SessionFiles, load_manifest
from capture.format import MANIFEST, FileEntry, Manifest, Problem, SegmentEntry
from capture.info import Info, session_info
from capture.packed import PackedFiles
from capture.reader import TableReader
from capture.tables import DEFINITION_TABLES, SCHEMAS, TIME_COLUMN, as_table, empty_table

_Row = TypeVar("_Row", ProcessRow, TrackRow, SiteRow, StateKeyRow)


class Session:
    """One opened session. It shows the recording as of the last `refresh`; safe to read from several threads."""

    def __init__(self, path: Path, files: SessionFiles) -> None:
        """Use `open`."""
        self.path = path
        self.reader = TableReader(files)
        self._files = files
        self._lock = threading.RLock()
        self._rows: dict[str, tuple[list[FileEntry], list[Any]]] = {}
        self._signature: object = None
        self._load()
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
        except BaseException:
            files.close()
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
        if not isinstance(self._files, DirectoryFiles):
            return False
        signature = self._files.signature(MANIFEST)
        if signature == self._signature:
            return False
        with self._lock:
            generation, packed = self._manifest.generation, signature is None and self.path.is_file()
            if packed:  # finished and packed in place while it was open here
                old, self._files = self._files, PackedFiles(self.path)
                self.reader.files = self._files
                old.close()
            self._load()
            return packed or self._manifest.generation != generation

    def segment_at(self, time_ns: int) -> int | None:
        """The index of the segment to replay for that instant: the last one that starts then or before."""
        if not self._starts:
            return None
        return max(0, bisect_right(self._starts, time_ns) - 1)

    def events(self, index: int, columns: Iterable[str] | None = None) -> EventBatch:
        """The events of a segment; columns not asked for are zero. Empty when the segment's events are damaged."""
        segment = self.segments[index]
        wanted = set(BATCH_COLUMNS if columns is None else columns)
        table = self._read(segment, "events", [name for name in BATCH_COLUMNS if name in wanted])
        return batch_from_table(table, segment.first_event_id)

    def calls(self, index: int, columns: Iterable[str] | None = None) -> pa.Table:
        """The calls that ended in a segment; those still open when the recording ended are in the last one."""
        return self._read(self.segments[index], "calls", columns)

    def segment_table(self, index: int, name: str, columns: Iterable[str] | None = None) -> pa.Table:
        """The rows of any table that a segment holds."""
        return self._read(self.segments[index], name, columns)

    def keyframe(self, index: int) -> bytes | None:
        """Every DAG's state at the first instant of a segment; None when it was deleted or is damaged."""
        name = self.segments[index].keyframe_name
        try:
            data = self._files.read(name, MAX_KEYFRAME_BYTES)
        except (FileNotFoundError, SessionProblem):
            return None
        return data[8:] if len(data) >= 8 and xxhash.xxh3_64_digest(data[8:]) == data[:8] else None

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

    def table(self, name: str) -> Any:
        """A whole table of the design: a dataset that streams segment by segment, or a table if it is small.

        Both are what pyarrow and DuckDB take as a source of rows.
        """
        from capture.dataset import segment_dataset  # noqa: PLC0415 - pyarrow.dataset takes 50 ms to import

        if name not in SCHEMAS:
            raise SessionProblem(f"A session has no table {name!r}.", f"Its tables are {', '.join(SCHEMAS)}.")
        if name in DEFINITION_TABLES:
            return self._definition_table(name)
        if name == "gaps":
            return self._gaps()
        return segment_dataset(self, name) if any(s.file(name) for s in self.segments) else empty_table(name)

    def info(self) -> Info:
        """The session in figures, without reading its rows."""
        return session_info(self._manifest, self._files.total_bytes(), list(self.problems), complete=self.complete)

    def damaged_segments(self) -> list[SegmentEntry]:
        """The segments of which something is known to be damaged."""
        found = {segment.seq: segment for segment in self.reader.damaged.values() if segment}
        return [found[seq] for seq in sorted(found)]

    def raw(self, name: str) -> bytes:
        """The bytes of any file of the session, as they are.

        Raises: FileNotFoundError, FormatError, SessionProblem.
        """
        return self._files.read(name)

    def names(self) -> dict[str, int]:
        """The files that are there, with their sizes."""
        return self._files.sizes()

    def _load(self) -> None:
        signature = self._files.signature(MANIFEST) if isinstance(self._files, DirectoryFiles) else None
        manifest, problems = load_manifest(self._files, self.path)
        self._manifest, self._signature = manifest, signature
        self._starts = [segment.start_ns for segment in manifest.segments]
        for problem in problems:
            self.reader.report(problem)

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

    def _read(self, segment: SegmentEntry, name: str, columns: Iterable[str] | None) -> pa.Table:
        entry = segment.file(name)
        wanted = None if columns is None else list(columns)
        table = None
        if entry is not None:
            try:
                table = self.reader.table(segment, entry, wanted)
            except FileNotFoundError:
                if self.refresh():
                    return self._from_merged(segment, name, wanted)
                self.reader.missing(segment, entry)
        return empty_table(name).select(wanted or SCHEMAS[name].names) if table is None else table

    def _from_merged(self, segment: SegmentEntry, name: str, columns: list[str] | None) -> pa.Table:
        """What a segment held, out of the one that it has been merged into meanwhile."""
        index = self.segment_at(segment.start_ns)
        merged = None if index is None else self.segments[index]
        while merged is not None and index and merged.first_event_id > segment.first_event_id:
            index -= 1
            merged = self.segments[index]
        if merged is None or merged.file(name) is None:
            return empty_table(name)
        if name == "events":
            return self._read(merged, name, columns).slice(
                segment.first_event_id - merged.first_event_id, segment.events
            )
        table = self._read(merged, name, None)
        when = TIME_COLUMN.get(name)
        if when is not None:
            inside = pc.greater_equal(table[when], segment.start_ns)
            if segment.end_ns < merged.end_ns:
                inside = pc.and_(inside, pc.less(table[when], segment.end_ns))
            table = table.filter(inside)
        return table if columns is None else table.select(columns)

    def _definition_table(self, name: str) -> pa.Table:
        pieces = []
        for entry in self._manifest.defs:
            if entry.table == name:
                try:
                    table = self.reader.table(None, entry, None)
                except FileNotFoundError:
                    if self.refresh():
                        return self._definition_table(name)
                    self.reader.missing(None, entry)
                    continue
                if table is not None:
                    pieces.append(as_table(name, table))
        return pa.concat_tables(pieces).sort_by(SCHEMAS[name].names[0]) if pieces else empty_table(name)

    def _definitions(self, name: str, kind: type[_Row]) -> list[_Row]:
        with self._lock:
            entries = [entry for entry in self._manifest.defs if entry.table == name]
            known = self._rows.get(name)
            if known is None or known[0] != entries:
                rows = self._definition_table(name).to_pylist()
                try:
                    known = self._rows[name] = (entries, msgspec.convert(rows, list[kind]))  # type: ignore[valid-type]
                except msgspec.ValidationError as error:
                    raise FormatError(f"The table {name} holds a row without a value: {error}.") from error
            return list(known[1])

    def _gaps(self) -> pa.Table:
        for segment in self.segments:
            for entry in segment.files:
                if entry.name not in self.reader.trusted:
                    try:
                        self.reader.bytes(segment, entry)
                    except FileNotFoundError:
                        self.reader.missing(segment, entry)
        pieces = [as_table("gaps", self._read(segment, "gaps", None)) for segment in self.segments]
        damaged = [
            {"start_ns": s.start_ns, "end_ns": s.end_ns, "dropped": self._lost_events(s), "reason": "damaged"}
            for s in self.damaged_segments()
        ]
        return pa.concat_tables([*pieces, as_table("gaps", damaged)]).sort_by("start_ns")

    def _lost_events(self, segment: SegmentEntry) -> int:
        entry = segment.file("events")
        return segment.events if entry and entry.name in self.reader.damaged else 0

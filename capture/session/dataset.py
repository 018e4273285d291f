"""The rows of a session's tables as sources for SQL, each read and checked when a scan of it begins.

A scan runs on Arrow's and DuckDB's threads, under locks of theirs, so nothing of Python may be in it: a file system or
file object of Python's waits in there for the GIL, whose holder may be waiting for the same lock. One query in 780 hung
for ever. `scanner`, which DuckDB calls with the GIL and without such locks, therefore reads all that the scan can need,
and gives Arrow buffers that stay as they are. DuckDB tells it the columns and the condition: segments of which the
condition leaves nothing are not read.

What is read is a copy: nobody can change it between its check and its use, or cut it off under a mapping. Many bytes go
to a file without a name. Columns that need more than their own file to be whole (of states, arguments of calls) are
served as Arrow files: writing them as Parquet once more would be most of what a query costs.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from capture.session.format import FileEntry, Manifest, SegmentEntry
from capture.session.reader import TableReader
from capture.session.rows import empty_table
from capture.session.stored_states import as_arrow_file
from capture.session.table_shape import WORDS
from capture.session.tables import SCHEMAS, TABLE

_IN_MEMORY = 128 << 20
_ALIGNMENT = 64
_WHOLE_GROW = 8  # from their Parquet file to their Arrow file


class Stored(Protocol):
    """What a session gives of itself to be read from."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def reader(self) -> TableReader: ...
    @property
    def segments(self) -> Sequence[SegmentEntry]: ...
    def whole_table(self, name: str) -> pa.Table | None: ...
    def reads_on(self) -> None: ...


class StoredRows(ds.InMemoryDataset):  # type: ignore[misc]
    """A table of a session. What goes wrong in a scan is added to `failures`, and its rows are then incomplete.

    Live as long as the query: the last one to let go of a buffer of Python's needs the GIL.
    """

    def __init__(self, session: Stored, name: str, failures: list[Exception], more: pa.Table | None = None) -> None:
        super().__init__(empty_table(name), schema=SCHEMAS[name])
        self._session, self._name, self._failures = session, name, failures
        self._more = empty_table(name) if more is None else more
        self._kept: list[Any] = []

    def scanner(
        self, columns: Sequence[str] | None = None, filter: ds.Expression | None = None, **options: Any
    ) -> ds.Scanner:
        """As that of any dataset; what is needed for it is read now."""
        try:
            source = self._source(columns, filter)
        except Exception as error:  # DuckDB would tell it as a fault of its own; who asked the query raises it
            self._failures.append(error)
            source = ds.dataset(empty_table(self._name))
        self._kept.append(source)
        options["use_threads"] = False  # Arrow's threads would go on with what nobody wants any more
        return source.scanner(columns=columns, filter=filter, **options)

    @property
    def rows(self) -> int:
        """How many rows there should be, from the manifest alone."""
        manifest = self._session.manifest
        entries = (entry for segment in manifest.segments for entry in segment.files)
        listed = sum(entry.rows for entry in (*manifest.defs, *entries) if entry.table == self._name)
        return listed + len(self._more)

    def _source(self, columns: Sequence[str] | None, condition: ds.Expression | None) -> ds.Dataset:
        whole = self._session.whole_table(self._name)
        if whole is not None:
            return ds.dataset(whole)
        stored = self._stored(columns, condition)
        return ds.UnionDataset(SCHEMAS[self._name], [stored, ds.dataset(self._more)]) if len(self._more) else stored

    def _stored(self, columns: Sequence[str] | None, condition: ds.Expression | None) -> ds.Dataset:
        """The rows in segment order, with projection and filters pushed down to the files."""
        chosen = self._chosen(condition)
        asked, first = SCHEMAS[self._name].names, SCHEMAS[self._name].names[0]
        if columns is not None:
            said = str(condition)  # names the columns that the condition is about, and perhaps others
            asked = [name for name in asked if name in columns or name in said]
        is_shortened = TABLE[self._name].is_shortened_in(asked)
        form = ds.IpcFileFormat() if is_shortened else _format(self._name)
        if is_shortened:
            needed = [first, *(name for name in asked if name != first)]
            whole = ((entry, self._whole(segment, entry, needed)) for segment, entry in chosen)
            sources = [(entry, segment.file("events")) for segment, entry in chosen]
            listed = sum(one.bytes for both in sources for one in both if one is not None)
            buffers = _steady(whole, _WHOLE_GROW * listed)
        else:
            files = ((entry, self._checked(segment, entry)) for segment, entry in chosen)
            buffers = _steady(files, sum(entry.bytes for _, entry in chosen))
        self._kept.append(buffers)
        segments = {entry.name: segment for segment, entry in chosen}
        guarantees = _guarantees(self._name, [segments[name] for name, _ in buffers])
        fragments = [
            form.make_fragment(data, partition_expression=holds)
            for (_, data), holds in zip(buffers, guarantees, strict=True)
        ]
        return ds.FileSystemDataset(fragments, SCHEMAS[self._name], form, fs.LocalFileSystem())

    def _checked(self, segment: SegmentEntry, entry: FileEntry) -> pa.Buffer | None:
        self._session.reads_on()
        return self._session.reader.checked_file(segment, entry)

    def _whole(self, segment: SegmentEntry, entry: FileEntry, columns: list[str]) -> pa.Buffer | None:
        self._session.reads_on()
        table = self._session.reader.table(segment, entry, columns)
        return None if table is None else as_arrow_file(self._name, table)

    def _chosen(self, condition: ds.Expression | None) -> list[tuple[SegmentEntry, FileEntry]]:
        """The segments and files of which the condition can leave anything."""
        listed = {e.name: (s, e) for s in self._session.segments if (e := s.file(self._name))}
        if condition is None or not listed:
            return list(listed.values())
        form, nowhere = _format(self._name), fs.LocalFileSystem()
        guarantees = _guarantees(self._name, [segment for segment, _ in listed.values()])
        fragments = [
            form.make_fragment(path, nowhere, partition_expression=holds)
            for path, holds in zip(listed, guarantees, strict=True)
        ]
        left = ds.FileSystemDataset(fragments, SCHEMAS[self._name], form, nowhere).get_fragments(filter=condition)
        return [listed[fragment.path] for fragment in left]


def _format(name: str) -> ds.FileFormat:
    return ds.ParquetFileFormat(dictionary_columns={field.name for field in SCHEMAS[name] if field.type == WORDS})


def _guarantees(name: str, segments: Sequence[SegmentEntry]) -> list[ds.Expression | None]:
    """What holds for all rows of each segment, so that a filter can pass over it unopened.

    The numbers become Arrow's all at once: for each int of Python's pyarrow looks for a pandas, and where there is none
    it looks anew each time, which took a millisecond a segment.
    """
    table = TABLE[name]
    ends = pa.array([segment.end_ns for segment in segments], pa.int64())
    if table.numbered:
        time_ns, event_id = ds.field(table.time), ds.field(table.columns[0].name)
        starts = pa.array([segment.start_ns for segment in segments], pa.int64())
        firsts = pa.array([segment.first_event_id for segment in segments], pa.int64())
        nexts = pa.array([segment.first_event_id + segment.events for segment in segments], pa.int64())
        return [
            (time_ns >= start) & (time_ns <= end) & (event_id >= first) & (event_id < following)
            for start, end, first, following in zip(starts, ends, firsts, nexts, strict=True)
        ]
    if table.time and "start_ns" in table.schema.names:  # it began before it ended, and it ended in here
        return [ds.field("start_ns") <= end for end in ends]
    return [None] * len(segments)


def _steady(files: Iterable[tuple[FileEntry, pa.Buffer | None]], expected_bytes: int) -> list[tuple[str, pa.Buffer]]:
    """The sound ones by name, where nobody changes them: in memory, or mapped from a file without a name.

    Raises: OSError when there is no room for that.
    """
    sound = ((entry.name, data) for entry, data in files if data is not None)
    if expected_bytes <= _IN_MEMORY:
        return list(sound)
    places = list[tuple[str, int, int]]()
    with tempfile.TemporaryFile() as file:
        for name, data in sound:
            places.append((name, file.tell(), len(data)))
            file.write(data)
            file.write(bytes(-len(data) % _ALIGNMENT))
        file.flush()
        whole = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if places else b"")
    return [(name, whole.slice(start, length)) for name, start, length in places]

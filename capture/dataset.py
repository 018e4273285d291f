"""A table of all segments as one dataset that streams: a file is read, checked and let go when its turn comes.

pyarrow opens the files through a file system of ours that knows nothing but the session's listed files, so the same
works for a directory and for a packed session, and no byte reaches the Parquet reader unchecked. A damaged file is
served as an empty one and reported in `session.problems`. States, which need more than their own file to be whole, are
served as Arrow files: writing them as Parquet once more would be most of what a query costs.

Nothing may be raised in there: a scan asks for the text of an error while it holds a lock that a thread with the GIL
is waiting for, and both wait for ever (pyarrow 26, `Scanner.to_reader`). Failures are collected instead, for whoever
started the scan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from capture import parquet
from capture.format import FileEntry, SegmentEntry
from capture.stored_states import as_arrow_file
from capture.tables import SCHEMAS, WORDS, empty_table

if TYPE_CHECKING:
    from capture.session import Session

_MOST_OPENED_ONCE = 4  # of 30 MB each; a scan opens the next few files ahead


def segment_dataset(session: Session, name: str, failures: list[Exception]) -> ds.Dataset:
    """The rows of a table in segment order, with projection and filters pushed down to the files.

    What goes wrong in a scan is added to `failures`: a FileNotFoundError when a live session's segment has been merged
    away meanwhile. The scan's rows are then incomplete.
    """
    schema = SCHEMAS[name]
    listed = {entry.name: (segment, entry) for segment in session.segments if (entry := segment.file(name))}
    files = fs.PyFileSystem(_CheckedFiles(session, listed, failures))
    form = _format(name)
    fragments = [
        form.make_fragment(path, filesystem=files, partition_expression=_guarantee(name, segment))
        for path, (segment, _) in listed.items()
    ]
    return ds.FileSystemDataset(fragments, schema, form, files)


def _format(name: str) -> ds.FileFormat:
    if name == "states":
        return ds.IpcFileFormat()
    return ds.ParquetFileFormat(dictionary_columns={field.name for field in SCHEMAS[name] if field.type == WORDS})


def _guarantee(name: str, segment: SegmentEntry) -> ds.Expression | None:
    """What holds for all rows of a segment, so that a filter can pass over it unopened."""
    if name == "events":
        time_ns, event_id = ds.field("time_ns"), ds.field("event_id")
        last = segment.first_event_id + segment.events
        in_time = (time_ns >= segment.start_ns) & (time_ns <= segment.end_ns)
        return in_time & (event_id >= segment.first_event_id) & (event_id < last)
    if name == "calls":
        return ds.field("start_ns") <= segment.end_ns
    return None


class _CheckedFiles(fs.FileSystemHandler):  # type: ignore[misc]
    """The listed files and nothing else, read only."""

    def __init__(
        self, session: Session, listed: dict[str, tuple[SegmentEntry, FileEntry]], failures: list[Exception]
    ) -> None:
        self._session = session
        self._listed = listed
        self._failures = failures
        self._opened_once: dict[str, pa.Buffer] = {}

    def open_input_file(self, path: str) -> pa.BufferReader:
        if (data := self._opened_once.pop(path, None)) is not None:
            return pa.BufferReader(data)
        data = self._file(path)
        if self._listed[path][1].table == "states":  # an Arrow file is opened for its schema, and then for its rows
            self._opened_once[path] = data
            for oldest in list(self._opened_once)[:-_MOST_OPENED_ONCE]:  # a list: other threads open files too
                self._opened_once.pop(oldest, None)
        return pa.BufferReader(data)

    def _file(self, path: str) -> pa.Buffer:
        segment, entry = self._listed[path]
        data = None
        try:
            reader = self._session.reader
            read = reader.whole_states if entry.table == "states" else reader.checked_file
            data = read(segment, entry)
        except Exception as error:  # see the module's docstring; whoever scans raises it
            self._failures.append(error)
        if data is None:
            empty = empty_table(entry.table)
            return as_arrow_file(empty) if entry.table == "states" else parquet.encode(entry.table, empty)
        return data

    def open_input_stream(self, path: str) -> pa.BufferReader:
        return self.open_input_file(path)

    def get_type_name(self) -> str:
        return "scope-session"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [
            fs.FileInfo(path, fs.FileType.File, size=self._listed[path][1].bytes)
            if path in self._listed
            else fs.FileInfo(path, fs.FileType.NotFound)
            for path in paths
        ]

    def get_file_info_selector(self, selector: Any) -> list[fs.FileInfo]:
        return []

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OSError("a session is read only")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse

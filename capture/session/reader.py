"""Listed files to tables: every byte checked before it is parsed, every loss reported once and kept apart."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection

import pyarrow as pa

from capture.errors import FormatError, SessionProblem
from capture.session import parquet
from capture.session.files import SessionFiles
from capture.session.format import FileEntry, Problem, SegmentEntry, checksum
from capture.session.tables import SCHEMAS

_MAX_PROBLEMS = 1000


class TableReader:
    """Reads listed files; `problems` and `damaged` (the files' names, with their segments) grow as damage is found.

    `on_problem` is then called, on the thread that met it.
    """

    def __init__(self, files: SessionFiles) -> None:
        self.on_problem: Callable[[], None] = lambda: None
        self.problems: list[Problem] = []
        self.damaged: dict[str, SegmentEntry | None] = {}
        self.trusted: set[str] = set()  # files whose bytes and texts have been checked once
        self.files = files
        self._lock = threading.Lock()

    def table(
        self, segment: SegmentEntry | None, entry: FileEntry, columns: list[str] | None, *, sparse: bool = False
    ) -> pa.Table | None:
        """The columns of a listed file; None when it is damaged. `sparse`: without those of nothing but null or 0.

        Raises: FileNotFoundError when it is not there: it may have been merged away, see `missing`.
        """
        data = self.bytes(segment, entry)
        try:
            events = functools.partial(self._events, segment)
            if data is None:
                return None
            return parquet.decode(entry.table, data, entry.rows, columns, sparse=sparse, events=events)
        except FormatError as error:
            self._report_damage(entry, segment, error.message)
            return None

    def _events(self, segment: SegmentEntry | None, columns: Collection[str]) -> pa.Table:
        """Columns of a segment's events, for a table of which they are a part.

        Raises: FormatError when they are damaged, FileNotFoundError.
        """
        entry = segment.file("events") if segment else None
        table = self.table(segment, entry, list(columns)) if entry else None
        if table is None:
            raise FormatError("the events that it is about are damaged.")
        return table

    def checked_file(self, segment: SegmentEntry | None, entry: FileEntry) -> pa.Buffer | None:
        """A listed file that is what the manifest says and safe to hand to a Parquet reader; None when it is damaged.

        Raises: FileNotFoundError when it is not there (it may have been merged away).
        """
        data = self.bytes(segment, entry)
        if data is None or entry.name in self.trusted:
            return data
        texts = [field.name for field in SCHEMAS[entry.table] if not pa.types.is_primitive(field.type)]
        try:
            parquet.decode(entry.table, data, entry.rows, texts)
        except FormatError as error:
            self._report_damage(entry, segment, error.message)
            return None
        self.trusted.add(entry.name)
        return data

    def bytes(self, segment: SegmentEntry | None, entry: FileEntry) -> pa.Buffer | None:
        """A listed file as it was written; None when it is damaged.

        Raises: FileNotFoundError.
        """
        if entry.name in self.damaged:
            return None
        why = "its bytes are not those that were written"
        try:
            data = self.files.read(entry.name, entry.bytes)
            if len(data) == entry.bytes and checksum(data) == entry.xxh3_64:
                return pa.py_buffer(data)
        except SessionProblem as error:  # bigger than listed, a link, not permitted
            why = error.message
        for other in self.files.alternatives(entry.name, entry.bytes):
            if len(other) == entry.bytes and checksum(other) == entry.xxh3_64:
                return pa.py_buffer(other)
        self._report_damage(entry, segment, why)
        return None

    def missing(self, segment: SegmentEntry | None, entry: FileEntry) -> None:
        """Reports a file that is not there and should be."""
        self._report_damage(entry, segment, "it is missing")

    def refuse(self, segment: SegmentEntry | None, entry: FileEntry, why: str) -> None:
        """Reports a file that is not read, for what it claims to be."""
        self._report_damage(entry, segment, why)

    def report(self, problem: Problem) -> None:
        """Adds a problem, once."""
        with self._lock:
            if len(self.problems) >= _MAX_PROBLEMS or problem in self.problems:
                return
            self.problems.append(problem)
        self.on_problem()

    def _report_damage(self, entry: FileEntry, segment: SegmentEntry | None, why: str) -> None:
        if entry.name in self.damaged:
            return
        self.damaged[entry.name] = segment
        what = f"{entry.rows} rows of {entry.table} are lost: {entry.name} is damaged ({why.rstrip('.')})."
        times = (segment.start_ns, segment.end_ns) if segment else (None, None)
        self.report(Problem(what, lost=True, file=entry.name, start_ns=times[0], end_ns=times[1]))

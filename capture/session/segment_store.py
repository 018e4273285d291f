"""The writing side of a session: seals batches into segments and keeps the manifest true at every instant."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from capture.changes import SettingsChange
from capture.errors import FormatError, SessionFull, SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow, SiteLinesRow, SiteRow, StateKeyRow, TrackRow
from capture.folder_names import CACHE
from capture.losses import LossRow
from capture.measured_cost import Overhead
from capture.own_folder import OwnFolder, remove_folder
from capture.session import parquet
from capture.session.beyond import with_fields
from capture.session.caches import framed
from capture.session.compaction import LONGEST_NS, level_of, next_merge, rows_of
from capture.session.definition_files import DefinitionFiles
from capture.session.eventtable import event_table
from capture.session.folder import SessionFolder, listed_files
from capture.session.format import (
    MANIFEST,
    MANIFEST_COPY,
    MAX_MANIFEST_BYTES,
    MAX_SEGMENTS,
    About,
    Counts,
    FileEntry,
    JournalMark,
    Manifest,
    ManifestHead,
    SegmentEntry,
    checksum,
    encode_manifest,
    is_newer,
    version_text,
)
from capture.session.rows import Rows, as_table
from capture.session.stored_states import without_repeats
from capture.typed import converted
from capture.unseen import UnseenRow

_replace = msgspec.structs.replace
_LAST_WORDS_BYTES = 1 << 16  # of a manifest, kept free for what the end of a recording has to say


class SegmentStore:
    """Writes one session directory. Only one store at a time, which the directory's lock sees to."""

    def __init__(self, folder: SessionFolder, manifest: Manifest) -> None:
        """Use `create` or `reopen`."""
        self.segments = list(manifest.segments)
        self.durable_journal = manifest.journal
        self._folder = folder
        self._head = ManifestHead(**{name: getattr(manifest, name) for name in ManifestHead.__struct_fields__})
        self._more = folder.beyond(manifest) or {}
        # Encoded once: a live manifest of hundreds of segments is written five times a second.
        segments: Iterable[Any] = self.segments
        if (more := self._more.pop("segments", None)) is not None:
            segments = with_fields(msgspec.to_builtins(self.segments), more)
        self._encoded = [msgspec.json.encode(segment) for segment in segments]
        self._defs = DefinitionFiles(folder, manifest.defs, self._retire)
        self.longest_ns = LONGEST_NS  # of a segment that is made of several; a flight recorder's are short
        self._may_merge = True
        self._has_last_words = False
        self._known = {entry.name for entry in listed_files(manifest)}

    @classmethod
    def create(
        cls, place: Path | OwnFolder, about: About | Mapping[str, Any], *, sync: bool = True, reads_back: bool = False
    ) -> SegmentStore:
        """A store for a new session in a directory that is new, or holds no session yet, or whose lock is held.

        `reads_back`: each file is read again before it is listed, as those of `reopen` are.

        Raises: SessionProblem when there is one or the description is wrong, TargetProblem when it cannot be written.
        """
        try:
            fields = about if isinstance(about, About) else converted(about, About)
        except msgspec.ValidationError as error:
            raise SessionProblem(f"The session's description is wrong: {error}.") from error
        folder = SessionFolder(place, sync=sync)
        folder.reads_back = reads_back
        try:
            if folder.holds_session:
                raise SessionProblem(f"{folder.path} holds a session already.", "Choose another name with -o.")
            store = cls(folder, Manifest(format=version_text(), generation=0, state="recording", about=fields))
            store.commit(checkpoint=True)
        except BaseException:
            folder.close()
            raise
        return store

    @classmethod
    def reopen(cls, place: Path | OwnFolder, *, sync: bool = True) -> SegmentStore:
        """Continues a session whose recorder died; what it had not committed is still in the journal.

        Raises: SessionProblem when it is being recorded, FormatError when it is no session or no manifest is whole.
        """
        path = place.path if isinstance(place, OwnFolder) else place
        if not path.is_dir():
            raise FormatError(f"{path} is not a session directory.")
        if not any((path / name).exists() for name in (MANIFEST, MANIFEST_COPY)):
            raise FormatError(f"{path} is not a session: it holds no {MANIFEST}.")
        folder = SessionFolder(place, sync=sync)
        folder.reads_back = True
        try:
            manifest = folder.load_manifest()
            folder.delete_unlisted(manifest)  # before the commit, which may merge and then lists files of its own
            store = cls(folder, manifest)
            version = manifest.format if is_newer(manifest) else version_text()  # it goes on as this Scope writes
            store._head = _replace(store._head, state="recording", format=version)
            store._has_last_words = True  # as much as it lists already may be listed again
            store.commit(checkpoint=True)
            store._has_last_words = False
        except BaseException:
            folder.close()
            raise
        return store

    @property
    def path(self) -> Path:
        """The session directory."""
        return self._folder.path

    @property
    def head(self) -> ManifestHead:
        """The manifest as it would be committed now, without its segments."""
        return self._head

    @property
    def end_ns(self) -> int:
        """Where the next segment will start."""
        return self._head.end_ns

    @property
    def next_event_id(self) -> int:
        """The id that the next batch must start with."""
        return self.segments[-1].first_event_id + self.segments[-1].events if self.segments else 1

    def seal(
        self,
        batch: EventBatch,
        rows: Mapping[str, Rows] | None = None,
        keyframe: bytes | None = None,
        end_ns: int | None = None,
    ) -> SegmentEntry:
        """Writes one segment from where the last one ended up to `end_ns`; `commit` makes it visible.

        `rows` are those of every other table, by its name. `keyframe` is every DAG's state at the segment's first
        instant, before its events. Events earlier than that instant are given its time.

        Raises: TargetProblem when it cannot be written; the store is then as before. ValueError for a batch that does
        not continue the events before it.
        """
        start_ns, seq = self._head.end_ns, self._head.next_seq
        if len(batch) and batch.first_event_id != self.next_event_id:
            raise ValueError(f"the batch starts at event {batch.first_event_id}, expected {self.next_event_id}")
        tables = {"events": event_table(_not_before(batch, start_ns))} if len(batch) else {}
        tables |= {name: as_table(name, some, stored=True) for name, some in (rows or {}).items()}
        last_ns = int(batch.time_ns[-1]) if len(batch) else start_ns
        files = self._write_tables(seq, tables)
        segment = SegmentEntry(
            seq=seq,
            level=level_of(rows_of(files), 0),
            first_event_id=self.next_event_id,
            events=len(batch),
            start_ns=start_ns,
            end_ns=max(start_ns, last_ns, start_ns if end_ns is None else end_ns),
            files=files,
        )
        if keyframe is not None:
            self._folder.write(segment.keyframe_name, framed(keyframe))
        self.segments.append(segment)
        self._encoded.append(msgspec.json.encode(segment))
        self._head = _replace(self._head, next_seq=seq + 1, end_ns=segment.end_ns)
        return segment

    def bytes_of(self, segments: Sequence[SegmentEntry]) -> list[int]:
        """What each of these takes of the disk, with its keyframe."""
        caches = self._folder.own.inside(CACHE).names()
        kept = {f"{CACHE}/{name}": info.st_size for name, info in caches.items()}
        return [sum(e.bytes for e in part.files) + kept.get(part.keyframe_name, 0) for part in segments]

    def forget(self, count: int) -> None:
        """Gives up so many segments, the oldest; the session begins with what follows. `commit` makes it so."""
        gone = self.segments[:count]
        del self.segments[:count], self._encoded[:count]
        start_ns = self.segments[0].start_ns if self.segments else self._head.end_ns
        self._head = _replace(self._head, start_ns=start_ns)
        self._retire(*(entry.name for part in gone for entry in part.files))
        self._retire(*(name for part in gone for name in part.cache_names))

    def cut(self, place: Path, first: int) -> SegmentStore:
        """A store for a new session that begins with the segments from the `first` on, as they were committed here.

        What its first keyframe tells is nowhere else any more: calls that were open, values that were set.

        Raises: SessionProblem, TargetProblem when it cannot be written, FormatError when a file here is damaged.
        """
        kept = self.segments[first:]
        folder = SessionFolder(OwnFolder.open(place, new=True))
        try:
            for entry in (*self._head.defs, *(entry for part in kept for entry in part.files)):
                folder.write(entry.name, self._folder.read(entry), entry.rows)
            for part in kept:
                with contextlib.suppress(FileNotFoundError):
                    folder.write(part.keyframe_name, self._folder.read_cache(part.keyframe_name))
            start_ns = kept[0].start_ns if kept else self._head.end_ns
            head = _replace(self._head, generation=0, start_ns=start_ns, resume=None, journal=JournalMark())
            fields = {name: getattr(head, name) for name in ManifestHead.__struct_fields__}
            store = SegmentStore(folder, Manifest(**fields, segments=kept))
            store.commit(checkpoint=True)
        except BaseException:
            folder.own.clear()
            folder.close()
            remove_folder(place)
            raise
        return store

    def write_defs(
        self,
        processes: Sequence[ProcessRow] = (),
        tracks: Sequence[TrackRow] = (),
        sites: Sequence[SiteRow] = (),
        state_keys: Sequence[StateKeyRow] = (),
        site_lines: Sequence[SiteLinesRow] = (),
    ) -> None:
        """Brings the definitions up to date; each list is the whole table. Rows of the last three never change.

        Raises: TargetProblem.
        """
        self._defs.update("processes", processes)
        self._defs.update("tracks", tracks)
        self._defs.update("sites", sites)
        self._defs.update("state_keys", state_keys)
        self._defs.update("site_lines", site_lines)
        self._head = _replace(self._head, defs=self._defs.entries)

    def set_counts(
        self, produced: int, recorded: int, dropped: int, late: int = 0, kinds: Mapping[str, int] | None = None
    ) -> None:
        """What the next commit says about the events of the whole session."""
        counts = Counts(produced, recorded, dropped, late)
        self._head = _replace(self._head, counts=counts, kinds=self._head.kinds if kinds is None else dict(kinds))

    def set_unseen(self, rows: Sequence[UnseenRow]) -> None:
        """What the next commit says that the recording cannot see; the whole list."""
        self._head = _replace(self._head, unseen=list(rows))

    def set_losses(self, rows: Sequence[LossRow]) -> None:
        """What the next commit says that was lost; the whole list."""
        self._head = _replace(self._head, losses=list(rows))

    def set_changes(self, rows: Sequence[SettingsChange]) -> None:
        """What the next commit says of changes of the settings; the whole list."""
        self._head = _replace(self._head, changes=list(rows))

    def set_overhead(self, overhead: Overhead | None) -> None:
        """What the next commit says that recording has cost."""
        self._head = _replace(self._head, overhead=overhead)

    def set_about(self, **fields: Any) -> None:
        """Fills in what was not known yet when the recording began, for example the target's Python."""
        self._head = _replace(self._head, about=_replace(self._head.about, **fields))

    def set_resume(self, data: bytes, position: tuple[int, int]) -> None:
        """What is needed to continue after a crash, and the journal position up to which segments hold everything.

        Raises: TargetProblem.
        """
        resume = self._head.resume
        if resume is None or checksum(data) != resume.xxh3_64:
            fresh = self._folder.write(f"journal/{self._head.generation + 1:08d}.resume", data)
            if resume is not None and resume.name != fresh.name:
                self._retire(resume.name)
            resume = fresh
        self._head = _replace(self._head, resume=resume, journal=JournalMark(*position))

    def resume_bytes(self) -> bytes | None:
        """What `set_resume` was last given, None when there is none or it is damaged."""
        try:
            return self._folder.read(self._head.resume) if self._head.resume else None
        except (FormatError, OSError):
            return None

    def commit(self, *, checkpoint: bool | None = None) -> None:
        """Makes everything written since the last commit visible, at once; merges small segments on the way.

        A checkpoint survives a power loss; one a second is, unless said otherwise. Only what comes before
        `durable_journal` may be deleted from the journal.

        Raises: TargetProblem, SessionFull; readers then still see the last commit.
        """
        self._merge_some()
        # Counted up even if publishing fails: a file named after a generation must never be written twice.
        self._head = _replace(self._head, generation=self._head.generation + 1)
        data = encode_manifest(self._head, self._encoded, self._more or None)
        last_words = 0 if self._has_last_words else _LAST_WORDS_BYTES
        if len(data) > MAX_MANIFEST_BYTES - last_words or len(self.segments) > MAX_SEGMENTS:
            raise SessionFull(
                f"{self.path} holds as much as a session can list; everything recorded until now is kept.",
                "Record what follows into another session.",
            )
        if self._folder.publish(data, self._head.generation, checkpoint=checkpoint):
            self.durable_journal = self._head.journal
        self._folder.delete_retired()

    def finish(self, state: Literal["complete", "recovered"] = "complete", *, read_again: bool = False) -> None:
        """Merges what is small, marks the session finished, and lets go of it.

        `read_again`: only once all that was written since `reopen` has come back from the disk as it was written.

        Raises: TargetProblem; the session is then unfinished still.
        """
        self._has_last_words = True
        while self._merge_some(finishing=True):
            pass
        if read_again:
            self.commit(checkpoint=True)
            self._read_again()
        if self._head.resume is not None:
            self._retire(self._head.resume.name)
        self._head = _replace(self._head, state=state, resume=None)
        self.commit(checkpoint=True)
        self._folder.delete_retired(at_once=True)
        self.close()

    def _read_again(self) -> None:
        for entry in (*self._head.defs, *(entry for segment in self.segments for entry in segment.files)):
            if entry.name not in self._known:
                self._folder.expect_back(entry)

    def close(self) -> None:
        """Lets go of the session without finishing it. Harmless when repeated."""
        self._folder.close()

    def _merge_some(self, *, finishing: bool = False) -> bool:
        where = next_merge(self.segments, finishing=finishing, longest_ns=self.longest_ns) if self._may_merge else None
        if where is None:
            return False
        parts = self.segments[where]
        seq = self._head.next_seq
        try:
            names = dict.fromkeys(entry.table for part in parts for entry in part.files)
            files = self._write_tables(seq, {name: self._joined(name, parts) for name in names})
        except (FormatError, OSError):
            # A file was damaged meanwhile, and readers report it, which merging would hide; or a newer Scope wrote it,
            # and what only that one knows would not be in the merged one.
            self._may_merge = False
            return False
        merged = SegmentEntry(
            seq=seq,
            level=level_of(rows_of(files), max(part.level for part in parts) + 1),
            first_event_id=parts[0].first_event_id,
            events=sum(part.events for part in parts),
            start_ns=parts[0].start_ns,
            end_ns=parts[-1].end_ns,
            files=files,
        )
        with contextlib.suppress(OSError, SessionProblem):  # a keyframe is a cache
            self._folder.write(merged.keyframe_name, self._folder.read_cache(parts[0].keyframe_name))
        self.segments[where] = [merged]
        self._encoded[where] = [msgspec.json.encode(merged)]
        self._head = _replace(self._head, next_seq=seq + 1)
        self._retire(*(entry.name for part in parts for entry in part.files), *(part.keyframe_name for part in parts))
        return True

    def _joined(self, table: str, parts: Sequence[SegmentEntry]) -> pa.Table:
        """The rows of a table of neighbours. Raises: FormatError, OSError."""
        pieces = []
        for part in parts:
            if entry := part.file(table):
                data = pa.py_buffer(self._folder.read(entry))
                if entry.name in self._known and parquet.columns_beyond(table, data, entry.rows) is not None:
                    raise FormatError(f"{entry.name} holds what only a newer Scope knows.")
                events = functools.partial(self._events_of, part)
                pieces.append(parquet.decode(table, data, entry.rows, stored=True, events=events))
        rows = pa.concat_tables(pieces).unify_dictionaries().combine_chunks()
        return as_table(table, rows, stored=True)

    def _events_of(self, part: SegmentEntry, columns: Collection[str]) -> pa.Table:
        entry = part.file("events")
        if entry is None:
            raise FormatError("A segment without events tells nothing about rows that they tell.")
        return parquet.decode("events", pa.py_buffer(self._folder.read(entry)), entry.rows, columns)

    def _write_tables(self, seq: int, tables: Mapping[str, pa.Table]) -> list[FileEntry]:
        events = tables.get("events")
        return [
            self._folder.write(
                f"segments/{seq:08d}.{name}.parquet",
                parquet.encode(name, without_repeats(name, table, events)),
                len(table),
            )
            for name, table in tables.items()
            if len(table)
        ]

    def _retire(self, *names: str) -> None:
        self._folder.retire(self._head.generation, *names)


def _not_before(batch: EventBatch, start_ns: int) -> EventBatch:
    if int(batch.time_ns[0]) >= start_ns:
        return batch
    fields = {name: getattr(batch, name) for name in EventBatch.__slots__}
    return EventBatch(**{**fields, "time_ns": np.maximum(batch.time_ns, start_ns)})

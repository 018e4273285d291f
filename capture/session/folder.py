"""The folder that a session is written into: its lock, and the life of every file in it.

A file is written before a manifest lists it, never changed afterwards, and deleted only when neither `manifest.json`
nor its copy lists it and readers have had time to notice. `manifest.bak` is the last manifest of a checkpoint, when
all its files were synced: it is what a power loss leaves. `manifest.json` may be newer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Any

from capture.drain.blocks import file_name
from capture.errors import FormatError, SessionProblem, TargetProblem
from capture.folder_names import CACHE, DEFS, FOLDERS, JOURNAL, SEGMENTS
from capture.own_folder import OwnFolder
from capture.session.files import DirectoryFiles, load_manifest
from capture.session.format import (
    MANIFEST,
    MANIFEST_COPY,
    MAX_MANIFEST_BYTES,
    MAX_TABLE_ROWS,
    FileEntry,
    Manifest,
    checksum,
    decode_manifest,
    is_newer,
    manifest_beyond,
)

CHECKPOINT_INTERVAL_NS = 1_000_000_000
GRACE_NS = 10_000_000_000  # a reader that refreshes more often than this never misses a file


class SessionFolder:
    """Writes, replaces and deletes the files of one session. Only one process at a time can have it."""

    def __init__(self, place: Path | OwnFolder, *, sync: bool = True) -> None:
        """A session's folder, which is made if it is missing, or one whose lock is held already.

        Raises: SessionProblem when another process writes the session, TargetProblem when it cannot be written.
        """
        self.own = place.again() if isinstance(place, OwnFolder) else OwnFolder.open(place, make=True)
        self.path = self.own.path
        self.sync = sync
        self.reads_back = False
        self._unsynced: set[str] = set()
        self._retired: list[tuple[int, int, str]] = []  # when, in which generation, what
        self._checkpoint_generation = -1
        self._checkpoint_ns = 0
        try:
            if isinstance(place, Path):
                self.own.lock()
            self.own.make_all()
        except BaseException:
            self.own.close()
            raise

    @property
    def holds_session(self) -> bool:
        """Whether a manifest, or its copy, is there."""
        return self.own.has(MANIFEST) or self.own.has(MANIFEST_COPY)

    def load_manifest(self) -> Manifest:
        """The newest manifest whose files are all there.

        After a power loss `manifest.json` may list files that were never synced; then its copy counts, and the
        journal still holds the rest. Where it does not, rows that are there are worth more than what to go on from.

        Raises: FormatError when no manifest is whole.
        """
        with DirectoryFiles(self.path, self.own.fd) as files:
            newest, _ = load_manifest(files, self.path)
            with contextlib.suppress(FileNotFoundError, SessionProblem):
                if files.read(MANIFEST, MAX_MANIFEST_BYTES) == files.read(MANIFEST_COPY, MAX_MANIFEST_BYTES):
                    return newest
            try:
                synced, _ = load_manifest(files, self.path, names=(MANIFEST_COPY,))
            except FormatError:
                return newest
            certain = {entry.name for entry in listed_files(synced)}
            broken = [e for e in listed_files(newest) if e.name not in certain and not _is_whole(files, e)]
            mark = synced.journal
            if broken == [newest.resume] and files.sizes().get(f"journal/{file_name(mark.file_no)}", 0) <= mark.offset:
                return newest
            return synced if broken else newest

    def beyond(self, manifest: Manifest) -> Any:
        """What this manifest, which is one of ours, says that only a newer Scope knows; None when that is nothing."""
        with DirectoryFiles(self.path, self.own.fd) as files:
            for name in (MANIFEST, MANIFEST_COPY) if is_newer(manifest) else ():
                with contextlib.suppress(FileNotFoundError, SessionProblem):
                    data = files.read(name, MAX_MANIFEST_BYTES)
                    if decode_manifest(data)[0] == manifest:
                        return manifest_beyond(data, manifest)
        return None

    def write(self, name: str, data: Any, rows: int = 0) -> FileEntry:
        """A new file; it is nobody's until a manifest lists it.

        With `reads_back` none is listed that has not come back as it was written: a recovery that noticed it only after
        the commit would be repeated by one that takes the file for good, and deletes what it was made of.

        Raises: TargetProblem.
        """
        if rows > MAX_TABLE_ROWS:
            raise ValueError(f"{name} would hold {rows} rows; a table's file holds at most {MAX_TABLE_ROWS}")
        size = self.own.write(name, data)
        entry = FileEntry(name, size, rows, checksum(data))
        if self.reads_back:
            self.expect_back(entry)
        self._unsynced.add(name)
        return entry

    def expect_back(self, entry: FileEntry) -> None:
        """Reads a file that was written here. Raises: TargetProblem when it is not what was written."""
        try:
            self.read(entry)
        except (OSError, SessionProblem) as error:
            raise TargetProblem(
                f"{self.path / entry.name} could not be read back as it was written; nothing was deleted.",
                f"Make sure of the disk, then run: scope-gui recover {self.path}",
            ) from error

    def read(self, entry: FileEntry) -> bytes:
        """A file that was written here.

        Raises: FormatError when it is not any more what was written, OSError.
        """
        with DirectoryFiles(self.path, self.own.fd) as files:
            return read_checked(files, entry)

    def read_cache(self, name: str) -> bytes:
        """A cache that was written here. Raises: OSError, SessionProblem."""
        with DirectoryFiles(self.path, self.own.fd) as files:
            return files.read(name)

    def retire(self, generation: int, *names: str) -> None:
        """These files are listed by the manifest of this generation for the last time."""
        now = time.monotonic_ns()
        self._retired += [(now, generation, name) for name in names]
        self._unsynced.difference_update(names)

    def publish(self, data: bytes, generation: int, *, checkpoint: bool | None = None) -> bool:
        """Replaces the manifest; True when it was a checkpoint, by default one a second.

        Raises: TargetProblem; readers then still see the manifest before.
        """
        if checkpoint is None:
            checkpoint = time.monotonic_ns() - self._checkpoint_ns >= CHECKPOINT_INTERVAL_NS
        durable = checkpoint and self.sync
        if durable:
            for name in sorted(self._unsynced):
                self.own.sync(name)
            for folder in FOLDERS:
                self.own.inside(folder).sync()
        if checkpoint:
            self.own.replace(MANIFEST_COPY, data, durable=durable)
        self.own.replace(MANIFEST, data, durable=durable)
        if durable:
            self.own.sync()
        if checkpoint:
            self._unsynced.clear()
            self._checkpoint_ns = time.monotonic_ns()
            self._checkpoint_generation = generation
        return checkpoint

    def delete_retired(self, *, at_once: bool = False) -> None:
        """Deletes the retired files whose time has come; one that has to stay is tried again."""
        before_ns = time.monotonic_ns() - (0 if at_once else GRACE_NS)
        kept = []
        for when, generation, name in self._retired:
            if not (when <= before_ns and generation < self._checkpoint_generation and self._is_deleted(name)):
                kept.append((when, generation, name))
        self._retired = kept

    def _is_deleted(self, name: str) -> bool:
        """False when it has to stay. That ends nothing: no manifest lists it, and what it held is safe elsewhere."""
        try:
            self.own.remove(name)
        except OSError:
            return False
        return True

    def delete_unlisted(self, manifest: Manifest) -> None:
        """Deletes what a recorder that died had written but not listed; their rows are still in the journal.

        One that has to stay harms nobody: who writes a file of its name replaces it.
        """
        kept = {entry.name for entry in listed_files(manifest)} | {
            name for part in manifest.segments for name in (part.keyframe_name, part.detail_name)
        }
        for folder in (SEGMENTS, DEFS, CACHE, JOURNAL):
            inside = self.own.inside(folder)
            for leaf in inside.names():
                if f"{folder}/{leaf}" not in kept and not leaf.endswith(".jrn"):
                    self._is_deleted(f"{folder}/{leaf}")

    def close(self) -> None:
        """Lets another process have the session. Harmless when repeated."""
        self.own.close()


def is_being_written(path: Path) -> bool:
    """Whether another process has the session. Asks for a moment only, and only where nobody is about to begin."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks
    finally:
        os.close(fd)
    return False


def listed_files(manifest: Manifest) -> list[FileEntry]:
    """Every file that a manifest lists."""
    resume = [manifest.resume] if manifest.resume else []
    return [*manifest.defs, *(entry for segment in manifest.segments for entry in segment.files), *resume]


def read_checked(files: DirectoryFiles, entry: FileEntry) -> bytes:
    """The bytes of a listed file."""
    data = files.read(entry.name, entry.bytes)
    if len(data) != entry.bytes or checksum(data) != entry.xxh3_64:
        raise FormatError(f"{entry.name} is damaged.")
    return data


def _is_whole(files: DirectoryFiles, entry: FileEntry) -> bool:
    try:
        read_checked(files, entry)
    except (FileNotFoundError, SessionProblem):
        return False
    return True

"""The folder that a session is written into: its lock, and the life of every file in it.

A file is written before a manifest lists it, never changed afterwards, and deleted only when neither `manifest.json`
nor its copy lists it and readers have had time to notice. `manifest.bak` is the last manifest of a checkpoint, when
all its files were synced: it is what a power loss leaves. `manifest.json` may be newer.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Any

from capture.disk import replace_file, sync_files, write_file, write_problem
from capture.errors import FormatError, SessionBusy, SessionProblem
from capture.files import DirectoryFiles, load_manifest
from capture.format import MANIFEST, MANIFEST_COPY, MAX_TABLE_ROWS, FileEntry, Manifest, checksum

CHECKPOINT_INTERVAL_NS = 1_000_000_000
GRACE_NS = 10_000_000_000  # a reader that refreshes more often than this never misses a file
FOLDERS = ("segments", "defs", "cache", "journal")


class SessionFolder:
    """Writes, replaces and deletes the files of one session. Only one process at a time can have it."""

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        """Raises: SessionProblem when another process writes the session, TargetProblem when it cannot be written."""
        self.path = path
        self.sync = sync
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in FOLDERS:
                (path / folder).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise write_problem(error, f"the session {path}") from error
        self._lock = _lock(path)
        self._unsynced: set[str] = set()
        self._retired: list[tuple[int, int, str]] = []  # when, in which generation, what
        self._checkpoint_generation = -1
        self._checkpoint_ns = 0

    def load_manifest(self) -> Manifest:
        """The newest manifest whose files are all there.

        After a power loss `manifest.json` may list files that were never synced; then its copy counts, and the
        journal still holds the rest.

        Raises: FormatError when no manifest is whole.
        """
        files = DirectoryFiles(self.path)
        try:
            newest, _ = load_manifest(files, self.path)
            try:
                synced, _ = load_manifest(files, self.path, names=(MANIFEST_COPY,))
            except FormatError:
                return newest
            certain = {entry.name for entry in listed_files(synced)}
            whole = all(_is_whole(files, entry) for entry in listed_files(newest) if entry.name not in certain)
            return newest if whole else synced
        finally:
            files.close()

    def write(self, name: str, data: Any, rows: int = 0) -> FileEntry:
        """A new file; it is nobody's until a manifest lists it.

        Raises: TargetProblem.
        """
        if rows > MAX_TABLE_ROWS:
            raise ValueError(f"{name} would hold {rows} rows; a table's file holds at most {MAX_TABLE_ROWS}")
        size = write_file(self.path / name, data)
        self._unsynced.add(name)
        return FileEntry(name, size, rows, checksum(data))

    def read(self, entry: FileEntry) -> bytes:
        """A file that was written here.

        Raises: FormatError when it is not any more what was written, OSError.
        """
        data = (self.path / entry.name).read_bytes()
        if checksum(data) != entry.xxh3_64:
            raise FormatError(f"{entry.name} is damaged.")
        return data

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
            sync_files(self.path / name for name in self._unsynced)
            sync_files(self.path / folder for folder in FOLDERS)
        if checkpoint:
            replace_file(self.path / MANIFEST_COPY, data, durable=durable)
        replace_file(self.path / MANIFEST, data, durable=durable)
        if durable:
            sync_files([self.path])
        if checkpoint:
            self._unsynced.clear()
            self._checkpoint_ns = time.monotonic_ns()
            self._checkpoint_generation = generation
        return checkpoint

    def delete_retired(self, *, at_once: bool = False) -> None:
        """Deletes the retired files whose time has come."""
        before_ns = time.monotonic_ns() - (0 if at_once else GRACE_NS)
        kept = []
        for when, generation, name in self._retired:
            if when <= before_ns and generation < self._checkpoint_generation:
                (self.path / name).unlink(missing_ok=True)
            else:
                kept.append((when, generation, name))
        self._retired = kept

    def delete_unlisted(self, manifest: Manifest) -> None:
        """Deletes what a recorder that died had written but not listed; their rows are still in the journal."""
        kept = {entry.name for entry in listed_files(manifest)} | {
            name for part in manifest.segments for name in (part.keyframe_name, part.detail_name)
        }
        for pattern in ("segments/*.parquet", "defs/*.parquet", "cache/*.key", "cache/*.lod", "journal/*.resume"):
            for path in self.path.glob(pattern):
                if f"{path.parent.name}/{path.name}" not in kept:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets another process have the session. Harmless when repeated."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


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


def _lock(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SessionProblem(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise SessionBusy(f"{path} is being recorded by another process.", "Wait until it ends.") from error
    except OSError:
        pass  # a file system without locks: the caller's care is all there is
    return fd

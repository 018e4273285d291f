"""A finished session directory as one file: a zip without compression, which any tool opens.

The manifest comes first and its copy last, each member's size is in its local header, and nothing else is in there:
so a file cut short still tells what it held, and what is left of it can be read (see `capture.session.packed`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from capture.disk import sync_files, write_problem
from capture.errors import FormatError, SessionProblem
from capture.folder_names import FOLDERS, POOLS
from capture.own_folder import OwnFolder, name_finished
from capture.session.caches import framed, unframed
from capture.session.files import MAX_KEYFRAME_BYTES, NOTES, DirectoryFiles, load_manifest
from capture.session.folder import listed_files
from capture.session.format import MANIFEST, MANIFEST_COPY, Manifest, checksum
from capture.session.left_packs import remove_left
from capture.session.packed import MAX_MEMBERS

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same session packs to the same bytes


def pack(
    source: Path, target: Path | None = None, *, caches: bool = True, each_file: Callable[[], None] = lambda: None
) -> Path:
    """The packed session, beside the directory under the same name unless told otherwise.

    Without a target the file takes the directory's place: the directory is deleted when the file is safe on disk.
    One that is killed can be repeated, which also takes away what it has left.
    `caches=False` leaves the segments' caches out; they can be rebuilt, and damaged ones stay out anyway.

    Raises: SessionProblem when the session is unfinished or damaged or the target exists, TargetProblem when the disk
    is full; the directory is then untouched.
    """
    if source.is_file() and zipfile.is_zipfile(source):
        if target is None and remove_left(source):  # one that was killed at the very end
            return source
        raise SessionProblem(f"{source} is packed already.")
    if not source.is_dir():
        raise SessionProblem(f"{source} is not a session directory.")
    if source.is_symlink() and target is None:
        raise SessionProblem(f"{source} is a link.", f"Pack the folder itself: {source.resolve()}")
    with OwnFolder.open(source) as folder, DirectoryFiles(source, folder.fd) as files:
        folder.lock()
        for name in (*FOLDERS, POOLS):
            with contextlib.suppress(FileNotFoundError):
                folder.inside(name, make=False)  # a link in its place ends here
        manifest, _ = load_manifest(files, source)
        if manifest.state == "recording":
            raise SessionProblem(f"{source} is not finished.", f"Run `scope-gui recover {source}` first.")
        place = source if target is None else target
        if target is not None and os.path.lexists(target):
            raise _taken(target)
        remove_left(place)
        fresh = place.with_name(f"{place.name}.{os.getpid()}.new")
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise write_problem(error, f"the file {place}") from error
        try:
            with os.fdopen(fd, "w+b") as file:
                _write(file, files, manifest, caches=caches, each_file=each_file)
                file.flush()
                os.fsync(file.fileno())
            if target is None:
                folder.give_place_to(fresh)
            else:
                name_finished(fresh, place)
            sync_files([place.parent])
        except FileExistsError as error:
            raise _taken(place) from error
        except OSError as error:
            raise write_problem(error, f"the file {place}") from error
        finally:
            if fresh.is_file():
                fresh.unlink()
    return place


def _taken(target: Path) -> SessionProblem:
    return SessionProblem(f"{target} exists already.", "Choose another name with -o.")


def _write(
    file: IO[bytes], files: DirectoryFiles, manifest: Manifest, *, caches: bool, each_file: Callable[[], None]
) -> None:
    raw = files.read(MANIFEST)
    members = 3 + len(listed_files(manifest)) + sum(len(segment.cache_names) for segment in manifest.segments)
    if members > MAX_MEMBERS:
        raise SessionProblem(f"{files.path} has more files than one packed session can hold ({MAX_MEMBERS}).")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _add(archive, MANIFEST, raw)
        for entry in listed_files(manifest):
            try:
                data = files.read(entry.name)
            except FileNotFoundError:
                data = b""
            if checksum(data) != entry.xxh3_64:
                raise FormatError(f"{entry.name} is missing or damaged, so the session was not packed.")
            _add(archive, entry.name, data)
            each_file()
        there = files.sizes() if caches else {}
        for segment in manifest.segments:
            for name in (name for name in segment.cache_names if name in there):
                with contextlib.suppress(FileNotFoundError, SessionProblem):
                    _add(archive, name, framed(unframed(files.read(name, MAX_KEYFRAME_BYTES))))
        with contextlib.suppress(FileNotFoundError):
            _add(archive, NOTES, files.read(NOTES, MAX_KEYFRAME_BYTES))
        _add(archive, MANIFEST_COPY, raw)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o600 << 16
    archive.writestr(member, data)

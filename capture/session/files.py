"""The files of a session, in a directory or in one packed file, read by name and never outside of it.

A name comes from a manifest, so it is hostile: it must be one that the format knows. No link is followed, nothing but
a regular file is opened, and no more is read than the caller allows.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from capture.errors import FormatError, SessionProblem
from capture.session.format import (
    MANIFEST,
    MANIFEST_COPY,
    MAX_FILE_BYTES,
    MAX_MANIFEST_BYTES,
    Manifest,
    Problem,
    decode_manifest,
)

NOTES = "notes.json"
MAX_KEYFRAME_BYTES = 256 << 20

_NAME = re.compile(r"(segments|defs|cache|journal)/[0-9]{8}\.[a-z_.]{1,48}|manifest\.(json|bak)|notes\.json", re.ASCII)
FOLDERS = ("", "segments", "defs", "cache", "journal")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SessionFiles(Protocol):
    """Where the bytes of a session come from."""

    packed: bool

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The whole file.

        Raises: FileNotFoundError; FormatError when it is bigger than allowed or no regular file;
        SessionProblem when the system refuses.
        """
        ...

    def alternatives(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> list[bytes]:
        """Other places the file may have been found at, for when what `read` gave is damaged."""
        ...

    def sizes(self) -> dict[str, int]:
        """The files that seem to be there, and their sizes, without opening any of them."""
        ...

    def total_bytes(self) -> int:
        """What the session takes on disk."""
        ...

    def close(self) -> None:
        """Lets go of the files. Harmless when repeated."""
        ...


def is_name(name: str) -> bool:
    """Whether a file of a session may be called so."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raises: FormatError for a name that no file of a session has."""
    if not is_name(name):
        raise FormatError(f"The session names a file {name!r:.80}, which is not a name of the format.")


class DirectoryFiles:
    """The files of a session directory, which may be growing."""

    packed = False

    def __init__(self, path: Path, root: int | None = None) -> None:
        """`root`: a descriptor of the directory, which may have been moved since.

        Raises: SessionProblem when the directory cannot be opened.
        """
        self.path = path
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            self._root = os.open(path, flags) if root is None else os.dup(root)
        except OSError as error:
            raise SessionProblem(f"{path} cannot be opened: {error.strerror}.") from error
        self._folders: dict[str, int] = {}

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        check_name(name)
        folder, _, leaf = name.rpartition("/")
        try:
            fd = os.open(leaf, _FLAGS, dir_fd=self._folder(folder))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SessionProblem(f"{self.path / name} cannot be read: {error.strerror}.") from error
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise FormatError(f"{self.path / name} is not a regular file.")
            if info.st_size > max_bytes:
                raise FormatError(f"{self.path / name} has {info.st_size} bytes, more than a session may hold there.")
            return _read_all(fd, info.st_size)
        except OSError as error:
            raise SessionProblem(f"{self.path / name} cannot be read: {error.strerror}.") from error
        finally:
            os.close(fd)

    def alternatives(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> list[bytes]:
        return []

    def signature(self, name: str) -> tuple[int, int, int] | None:
        """Changes whenever the file is replaced; None when it is missing."""
        try:
            info = os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except OSError:
            return None
        return info.st_ino, info.st_mtime_ns, info.st_size

    def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for folder in FOLDERS:
            try:
                with os.scandir(self._folder(folder)) as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            name = f"{folder}/{entry.name}" if folder else entry.name
                            found[name] = entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue  # a folder that is missing, or a file that has just been merged away
        return found

    def total_bytes(self) -> int:
        return sum(self.sizes().values())

    def close(self) -> None:
        for fd in (*self._folders.values(), *([self._root] if self._root >= 0 else [])):
            os.close(fd)
        self._folders, self._root = {}, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _folder(self, folder: str) -> int:
        if not folder:
            return self._root
        fd = self._folders.get(folder)
        if fd is None:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root)
            self._folders[folder] = fd
        return fd


def _read_all(fd: int, size: int) -> bytes:
    data = os.pread(fd, size, 0)
    while len(data) < size:  # a signal, or the file shrank under us
        more = os.pread(fd, size - len(data), len(data))
        if not more:
            break
        data += more
    return data


def load_manifest(
    files: SessionFiles, where: Path, names: Sequence[str] = (MANIFEST, MANIFEST_COPY)
) -> tuple[Manifest, list[Problem]]:
    """The newest whole manifest, and what was wrong with the ones before it.

    Raises: FormatError when there is none, or it is of a newer major version.
    """
    failure: SessionProblem | None = None
    tried = list[bytes]()  # a copy of the same bytes says the same once more, after as long a time
    for name in names:
        try:
            candidates = [files.read(name, MAX_MANIFEST_BYTES)]
        except FileNotFoundError:
            continue
        except SessionProblem as error:  # too big, a link, not permitted
            failure, candidates = failure or error, []
        for data in (*candidates, *files.alternatives(name, MAX_MANIFEST_BYTES)):
            if data in tried:
                continue
            tried.append(data)
            try:
                manifest, problems = decode_manifest(data)
            except FormatError as error:
                if error.remedy:  # whole, but not for this version
                    raise
                failure = failure or error
                continue
            if name == MANIFEST_COPY:
                text = f"{MANIFEST} is missing or damaged; the session was opened from its copy."
                problems = [Problem(text, lost=manifest.state == "recording", file=MANIFEST), *problems]
            return manifest, problems
    if failure is None and any(name.endswith(".jrn") for name in files.sizes()):
        remedy = f"`scope-gui recover {where}` finishes it, once its recorder is gone."
        raise FormatError(f"{where} is not finished: nothing of it is sealed yet.", remedy)
    if failure is None:
        raise FormatError(f"{where} is not a session: it holds no {MANIFEST}.")
    raise FormatError(f"{where} cannot be opened: {failure.message}") from failure

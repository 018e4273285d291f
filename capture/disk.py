"""Writing a session's files: whole or not at all, and the disk's refusals as one sentence."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from capture.errors import TargetProblem

_counter = itertools.count(1)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def write_problem(error: OSError, what: str) -> TargetProblem:
    """The sentence for a write that the system refused."""
    if error.errno in _FULL:
        return TargetProblem(f"The disk is full: {what} cannot be written; everything recorded until now is kept.")
    return TargetProblem(f"{what[:1].upper()}{what[1:]} cannot be written: {error.strerror}.")


def write_whole(fd: int, data: memoryview) -> None:
    """Writes all of it. Raises: OSError."""
    while data:
        data = data[os.write(fd, data) :]


def replace_file(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o600, what: str = "") -> None:
    """Replaces a file atomically: a reader sees the old bytes or the new ones. `mode` as the umask leaves it.

    What is written meanwhile has a name that nobody else has: in a folder for everybody a link may wait under any
    other. For files of the user's choice; those of a session are `capture.own_folder`'s.

    Raises: TargetProblem, of `what` it is called; the old file is then as it was.
    """
    fresh = path.with_name(f".{path.name[:200]}.{os.getpid()}-{next(_counter)}.new")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            write_whole(fd, memoryview(data))
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        fresh.replace(path)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            with contextlib.suppress(OSError):
                fresh.unlink()
        raise write_problem(error, what or path.name) from error


def new_file(path: Path, data: bytes, *, mode: int = 0o600, what: str = "") -> None:
    """Writes a file of the user's choice where there was none. Raises: as `new_stream`."""
    with new_stream(path, mode=mode, what=what) as file:
        file.write(data)


@contextlib.contextmanager
def new_stream(path: Path, *, mode: int = 0o600, what: str = "") -> Iterator[IO[bytes]]:
    """A file of the user's choice to write into, where there was none: at the end it is there whole, or not at all.

    Raises: TargetProblem, of `what` it is called, also when something has that name.
    """
    fresh = path.with_name(f".{path.name[:200]}.{os.getpid()}-{next(_counter)}.new")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            yield file
        _name_new(fresh, path)
    except OSError as error:
        raise write_problem(error, what or path.name) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _name_new(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(name):  # a file system that knows no links: two at the same moment meet nobody
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name)) from error
        file.rename(name)


def sync_files(paths: Iterable[Path]) -> None:
    """Returns once the files survive a power loss; a file that is gone is not needed any more.

    Raises: TargetProblem.
    """
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(fd)
        except OSError as error:
            raise write_problem(error, path.name) from error
        finally:
            os.close(fd)

"""Writing a session's files: whole or not at all, and the disk's refusals as one sentence."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from capture.errors import TargetProblem

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_problem(error: OSError, what: str) -> TargetProblem:
    """The sentence for a write that the system refused."""
    if error.errno in _FULL:
        return TargetProblem(f"The disk is full: {what} cannot be written; everything recorded until now is kept.")
    return TargetProblem(f"{what[:1].upper()}{what[1:]} cannot be written: {error.strerror}.")


def write_file(path: Path, data: object, *, durable: bool = False, mode: int = 0o600, what: str = "") -> int:
    """Writes a new file, or nothing. Returns its size. `mode` as the umask leaves it; `what` it is called if it fails.

    Raises: TargetProblem.
    """
    view = memoryview(data).cast("B")  # type: ignore[arg-type]
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            rest = view
            while rest:
                rest = rest[os.write(fd, rest) :]
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise write_problem(error, what or path.name) from error
    return len(view)


def replace_file(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o600, what: str = "") -> None:
    """Replaces a file atomically: a reader sees the old bytes or the new ones.

    Raises: TargetProblem; the old file is then as it was.
    """
    fresh = path.with_name(path.name + ".new")
    write_file(fresh, data, durable=durable, mode=mode, what=what or path.name)
    try:
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise write_problem(error, what or path.name) from error


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

"""The folder of Scope's log and crash reports: $XDG_STATE_HOME/scope-gui, of this user alone.

Files are reached through its descriptor and no link is followed: root may have been given another user's HOME, who
could plant one. A folder that is not ours, or cannot be made, is none, and then nothing is kept: no failure of Scope
becomes two because of its log.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def folder() -> Path:
    """Where they lie, whether it is there or not."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(base) / "scope-gui"


@contextlib.contextmanager
def opened_folder(*, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder. Raises: OSError, PermissionError when it is another user's."""
    path = folder()
    if make:
        _refuse_other_users(path)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_uid != os.geteuid():
            raise PermissionError(f"{path} belongs to another user")
        yield fd
    finally:
        os.close(fd)


def open_file(folder_fd: int, name: str, flags: int) -> int:
    """A descriptor of a regular file of ours, made with 0600 where `flags` say so. Raises: OSError."""
    fd = os.open(name, flags | _FLAGS, 0o600, dir_fd=folder_fd)
    info = os.fstat(fd)
    if stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and info.st_uid == os.geteuid():
        return fd
    os.close(fd)
    raise PermissionError(f"{name} is no file of ours")


def read_text(folder_fd: int, name: str, most_bytes: int, *, last: bool = False) -> str:
    """The first bytes of a file as text, or its last ones. Raises: OSError."""
    fd = open_file(folder_fd, name, os.O_RDONLY)
    with os.fdopen(fd, "rb") as file:
        if last:
            file.seek(max(0, os.fstat(fd).st_size - most_bytes))
        return file.read(most_bytes).decode("utf-8", "replace")


def _refuse_other_users(path: Path) -> None:
    """No folder of ours is made in one of another user, who could not write there then. Raises: OSError."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if there.stat().st_uid != os.geteuid():
        raise PermissionError(f"{there} belongs to another user")

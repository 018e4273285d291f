"""What a pack that was killed leaves beside a session: half a file, or the folder whose place the file has taken.

`NAME.PID.new` is the file until it takes the folder's place, and the folder from then on; `NAME.PID.old` is the folder
where a file system cannot exchange two names. Whoever packs the session again takes them away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from pathlib import Path

from capture.errors import SessionProblem
from capture.own_folder import OwnFolder, remove_folder
from capture.session.files import DirectoryFiles, SessionFiles, load_manifest
from capture.session.packed import PackedFiles


def remove_left(place: Path) -> bool:
    """Removes what killed packs have left beside a session's place; True when there was something.

    A file that is being written is locked. A folder goes only where the file in its place is the same session. Where
    the place cannot be listed, nothing goes.
    """
    left = re.compile(rf"{re.escape(place.name)}\.[0-9]{{1,10}}\.(new|old)", re.ASCII)
    has_removed = False
    try:
        beside = list(place.parent.iterdir())
    except OSError:
        return False
    for path in beside:
        if left.fullmatch(path.name):
            with contextlib.suppress(OSError, SessionProblem):
                is_folder = stat.S_ISDIR(path.lstat().st_mode)
                has_removed |= _remove_folder(path, place) if is_folder else _remove_file(path)
    return has_removed


def _remove_file(path: Path) -> bool:
    """Raises: OSError, also for one that is being written."""
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(fd)
    return True


def _remove_folder(path: Path, place: Path) -> bool:
    """Raises: OSError, SessionProblem, also for one that somebody has."""
    if not place.is_file():
        return False
    if remove_folder(path):  # an empty one
        return True
    with OwnFolder.open(path) as folder:
        folder.lock()
        with DirectoryFiles(path, folder.fd) as mine, contextlib.closing(PackedFiles(place)) as packed:
            if _which(mine, path) != _which(packed, place):
                return False
        folder.clear()
    return remove_folder(path)


def _which(files: SessionFiles, where: Path) -> tuple[str, int]:
    """Raises: FormatError."""
    manifest, _ = load_manifest(files, where)
    return manifest.about.session_id, manifest.generation

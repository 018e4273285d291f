"""Pools in shared memory that nobody will ask for: their recording was killed, and their session is over or gone.

A pool outlives recorder and target, because `recover` finishes a session from it; one whose session was deleted instead
would fill the memory until the machine starts again. Each folder of pools says which session it belongs to, and its
recorder holds a lock on that note. What is not ours in every respect, or might still be asked for, stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import NamedTuple

from capture.drain import ids
from capture.drain.pool_folders import remove_pools
from capture.errors import ScopeError, SessionBusy, SessionProblem
from capture.folder_names import SESSION_NOTE
from capture.lock_holders import held_by
from capture.own_folder import OwnFolder
from capture.session.files import DirectoryFiles, load_manifest
from capture.target.maps import read_maps

MOST_BYTES = 4200  # of a path
_LOOK_S = 0.02
DAY_S = 86_400.0
"""Until then a session that is not where it was may have been moved, and a recovery would find its pool by its id."""


class Noted(NamedTuple):
    """Which folder pools were recorded for: its path then, and what it is wherever it is moved (device, inode)."""

    path: Path
    folder: tuple[int, int] | None

    def is_for(self, folder: int) -> bool:
        """Whether they are for the folder of this descriptor, and no copy of it may want them. Raises: OSError.

        A recorder that died between making the note and writing it, or had no room to, has noted nobody.
        """
        here = os.fstat(folder)
        if not self.path.is_absolute() or self.folder == (here.st_dev, here.st_ino):
            return True
        try:
            return os.path.samestat(self.path.stat(), here)
        except OSError:
            return self.folder is None


def note_session(root: Path, session_path: Path) -> int:
    """Writes into a folder of pools whose they are; the descriptor holds the lock that says that somebody records.

    Raises: OSError, SessionProblem when the folder is not ours.
    """
    with OwnFolder.open_pools(root) as own:
        try:
            fd = own.new_file(SESSION_NOTE, os.O_RDWR)
        except FileExistsError:
            fd = own.open_file(SESSION_NOTE, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(fd, os.fsencode(session_path.absolute()) + _identity(session_path))
    except OSError:
        os.close(fd)
        raise
    return fd


def hold_note(root: Path, patience_s: float = 0.0) -> int | None:
    """The lock that says that somebody works on these pools; None when there is no note in them.

    Raises: SessionBusy when somebody has it for longer than `patience_s`: a recorder that lives, if it says anything
    or not, or who else works on them; OSError.
    """
    try:
        with OwnFolder.open_pools(root) as own:
            fd = own.open_file(SESSION_NOTE, os.O_RDWR)
    except FileNotFoundError:
        return None
    deadline = time.monotonic() + patience_s
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() < deadline:
                    time.sleep(_LOOK_S)
                    continue
                raise SessionBusy(f"The pools in {root} are in use{held_by(fd)}.", "Wait until it ends.") from error
            return fd
    except BaseException:
        os.close(fd)
        raise


def _identity(folder: Path) -> bytes:
    try:
        info = folder.stat()
    except FileNotFoundError:
        return b""
    return b"\0%d:%d" % (info.st_dev, info.st_ino)


def noted_session(note: int) -> Noted:
    """Whose pools these are. Raises: OSError."""
    path, _, folder = os.pread(note, MOST_BYTES, 0).partition(b"\0")
    device, _, inode = folder.partition(b":")
    return Noted(Path(os.fsdecode(path)), (int(device), int(inode)) if device.isdigit() and inode.isdigit() else None)


def remove_left_pools() -> list[Path]:
    """Takes away this user's pools whose sessions are finished, or gone for a day; their folders."""
    removed: list[Path] = []
    for root in sorted(ids.SHARED_MEMORY.glob(f"scope-{os.getuid()}-*")):
        with contextlib.suppress(OSError, ValueError, SessionProblem):
            if _remove(root):
                removed.append(root)
    return removed


def _remove(root: Path) -> bool:
    """Removes one folder if it may. Raises: OSError where something of it cannot be read, which may then stay.

    The lock is taken only where the folder is to go, and then it is looked at again: a recovery that meets the lock
    takes its holder for one who works on the session.
    """
    if not ids.is_session_id(root.name.rpartition("-")[2]):
        return False
    with OwnFolder.open_pools(root) as own:
        note = own.open_file(SESSION_NOTE, os.O_RDONLY)
    try:
        if not _may_go(root, note):
            return False
    finally:
        os.close(note)
    held = hold_note(root)
    if held is None:
        return False
    try:
        if _may_go(root, held):
            remove_pools(root)
    finally:
        os.close(held)
    return not root.exists()


def _may_go(root: Path, note: int) -> bool:
    session_path = noted_session(note).path
    if not session_path.is_absolute() or not _holds_pools_only(root):
        return False
    return _is_needless(root, session_path) and not _is_mapped(root)


def _holds_pools_only(root: Path) -> bool:
    """Whether everything in it is what a recording makes. A target of another user owns the pool itself."""
    with OwnFolder.open_pools(root) as own:
        if own.strangers():
            return False
        return not any(own.inside(str(number), make=False).strangers() for number in own.pools())


def _is_needless(root: Path, session_path: Path) -> bool:
    """Whether its session is finished, or has been gone for a day."""
    is_old = time.time() - max(path.lstat().st_mtime for path in (root, *root.rglob("*"))) > DAY_S
    if not session_path.is_dir():
        return is_old
    try:
        with contextlib.closing(DirectoryFiles(session_path)) as files:
            manifest, _ = load_manifest(files, session_path)
    except ScopeError:
        return False  # one that has no manifest as yet, or a damaged one
    if manifest.about.session_id != root.name.rpartition("-")[2]:
        return is_old
    return manifest.state != "recording"


def _is_mapped(root: Path) -> bool:
    """Whether a process that we may look into has one of its files mapped.

    For one that we may not it would be no loss: what is mapped stays until it is let go.
    """
    for name in os.listdir("/proc"):  # noqa: PTH208  hundreds of names
        with contextlib.suppress(OSError):
            if name.isdecimal() and any(mapping.path.startswith(f"{root}/") for mapping in read_maps(int(name))):
                return True
    return False

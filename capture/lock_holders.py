"""Who holds a folder's lock, as the kernel lists it: for the sentence that says why a session cannot be had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from capture.own_folder import OwnFolder

_STOPPED = ("T", "t")


class Holder(NamedTuple):
    """A process with the lock. Children may hold the same lock beside it."""

    pid: int
    is_stopped: bool


def holder_of(folder: OwnFolder) -> Holder | None:
    """Who took the lock, None when that is not told, or it is gone and a child of it holds the lock.

    Source: proc_locks(5), `1: FLOCK ADVISORY WRITE 4711 08:01:131073 0 EOF`.
    """
    info = os.fstat(folder.fd)
    wanted = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}:{info.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == wanted and words[4].isdecimal():
            state = _state(int(words[4]))
            return Holder(int(words[4]), state in _STOPPED) if state else None
    return None


def _state(pid: int) -> str:
    """The letter of its state, '' when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""

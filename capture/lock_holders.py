"""Who holds a lock of ours, and what that process is: for the sentence that says why a session cannot be had.

The kernel's list of locks names the process that took one, which may be gone while a child that inherited the
descriptor holds the lock on: the sealer of a killed recorder. So every process is asked for its descriptors.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from capture.foreign_files import read_start

_STOPPED = ("T", "t")
_SEALER = b"scope_gui.recording.sealer"
_MOST_WORDS = 4096
_MOST_VERB = 20


class Holder(NamedTuple):
    """A process with the lock; `what` it is, in words."""

    pid: int
    what: str
    is_stopped: bool

    @property
    def is_sealer(self) -> bool:
        return self.what == "a sealer"

    def __str__(self) -> str:
        return f"{self.what} (process {self.pid})"


def holders_of(fd: int) -> list[Holder]:
    """The processes that have the lock of this open file or folder, as far as we may look; recorders before sealers.

    Some 5 us per descriptor of this machine. Source: proc_pid_fdinfo(5), `lock:	1: FLOCK  ADVISORY  WRITE 4711 ...`.
    """
    info = os.fstat(fd)
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  hundreds of names
        if name.isdecimal():
            with contextlib.suppress(OSError):  # ended meanwhile, or not ours
                if _has_lock(int(name), info):
                    found.append(Holder(int(name), _what(int(name)), _state(int(name)) in _STOPPED))
    return sorted(found, key=lambda holder: holder.is_sealer)


def held_by(fd: int) -> str:
    """Who has the lock, as the end of a sentence about it; '' when that cannot be seen."""
    holders = holders_of(fd)
    return f": {' and '.join(map(str, holders))}" if holders else ""


def _has_lock(pid: int, wanted: os.stat_result) -> bool:
    """Raises: OSError."""
    for fd in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            is_locked = b"FLOCK" in read_start(f"/proc/{pid}/fdinfo/{fd}", _MOST_WORDS)
            if is_locked and os.path.samestat(
                Path(f"/proc/{pid}/fd/{fd}").stat(), wanted
            ):  # that may wait for a server
                return True
    return False


def _what(pid: int) -> str:
    """`scope-gui recover`, a sealer, the window; another program has inherited a descriptor of ours."""
    words = read_start(f"/proc/{pid}/cmdline", _MOST_WORDS).split(b"\0")
    if _SEALER in words:
        return "a sealer"
    for word, following in zip(words, [*words[1:], b""], strict=True):
        if word == b"scope_gui" or word.endswith(b"scope-gui"):
            is_verb = following.isalpha() and following.isascii() and len(following) <= _MOST_VERB
            return f"scope-gui {following.decode()}" if is_verb else "scope-gui"
    return "another program"


def _state(pid: int) -> str:
    """The letter of its state, '' when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""

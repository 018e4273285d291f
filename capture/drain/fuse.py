"""When recording must stop by itself before it can harm the target or the machine.

What can harm: a full disk (the target writes there too), a journal that grows without end because sealing cannot keep
up, and the recorder's tables in the target's memory. Each table has a limit of its own (24 MiB for functions, sites.h),
at which it counts instead of naming; the fuse is for their sum. A dead recorder is handled on the other side: the agent
takes its hooks out when its socket closes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from capture.folder_names import FOLDERS
from capture.own_folder import OwnFolder

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Fuse:
    """Limits of one recording. Units: bytes."""

    session_path: Path
    least_free_bytes: int = 64 * MIB
    most_journal_bytes: int = 64 << 30
    most_table_bytes: int = 256 * MIB
    folder: OwnFolder | None = None  # the session's, held open: somebody may move it

    def blown(self, table_bytes: int = 0) -> str | None:
        """Why recording must stop now, as one sentence, or None. `table_bytes`: as `Pool.table_bytes` says."""
        if table_bytes > self.most_table_bytes:
            return (
                f"the recorder's tables take {table_bytes // MIB} MiB of the program's memory, so recording stopped; "
                "narrow it with --include"
            )
        try:
            stat = os.statvfs(self.session_path) if self.folder is None else os.fstatvfs(self.folder.fd)
        except OSError as error:
            return f"The disk of {self.session_path} does not tell its room ({error.strerror}), so recording stopped."
        if self.folder is not None and self.folder.is_gone:
            return f"{self.session_path} was deleted while it was being recorded, so recording stopped."
        free = stat.f_bavail * stat.f_frsize
        if free < self.least_free_bytes:
            return (
                f"The disk of {self.session_path} has only {free // MIB} MiB left, so recording stopped; "
                "free some space or choose another place with -o."
            )
        backlog = _folder_bytes((self.session_path if self.folder is None else self.folder.here) / "journal")
        if backlog > self.most_journal_bytes:
            return (
                f"{backlog // MIB} MiB wait to be sealed in {self.session_path}, so recording stopped; "
                "narrow it with --include."
            )
        return None


def session_bytes(session: Path, folders: Sequence[str] = (".", *FOLDERS)) -> int:
    """What a session's files take of the disk: what is sealed, what waits to be, and what is kept to find it fast."""
    return sum(_folder_bytes(session / name) for name in folders)


def _folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder; files that the sealer deletes meanwhile count as nothing."""
    total = 0
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat().st_size if entry.is_file(follow_symlinks=False) else 0
    return total

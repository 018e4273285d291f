"""When recording must stop by itself before it can harm the target or the machine.

What can harm: a full disk (the target writes there too), and a journal that grows without end because sealing
cannot keep up. A dead recorder is handled on the other side: the agent takes its hooks out when its socket closes.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Fuse:
    """Limits of one recording. Units: bytes."""

    session_path: Path
    least_free_bytes: int = 64 * MIB
    most_journal_bytes: int = 64 << 30

    def blown(self) -> str | None:
        """Why recording must stop now, as one sentence, or None."""
        stat = os.statvfs(self.session_path)
        free = stat.f_bavail * stat.f_frsize
        if free < self.least_free_bytes:
            return (
                f"The disk of {self.session_path} has only {free // MIB} MiB left, so recording stopped; "
                "free some space or choose another place with -o."
            )
        backlog = _folder_bytes(self.session_path / "journal")
        if backlog > self.most_journal_bytes:
            return (
                f"{backlog // MIB} MiB wait to be sealed in {self.session_path}, so recording stopped; "
                "narrow it with --include."
            )
        return None


def _folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder; files that the sealer deletes meanwhile count as nothing."""
    total = 0
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat().st_size
    return total

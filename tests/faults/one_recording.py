"""One attach and detach through the code of the command line, without a recorder process, and what a target looks like
before and after: what tests of harm need a hundred times."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil

from capture.attach.attach import attach
from capture.drain.drain import Drain
from capture.drain.ids import new_session_id, pool_root
from capture.drain.journal import JournalWriter
from capture.drain.pool import Pool
from capture.drain.pool_folders import remove_pool_folder
from capture.settings import CaptureSettings

EVERYTHING = CaptureSettings(include=("*",))


def record(pid: int, folder: Path, settings: CaptureSettings = EVERYTHING, *, patience_s: float = 20) -> int:
    """Attaches, waits until something was recorded and detaches; the bytes of records that were drained.

    Raises: TargetProblem if the process cannot be entered.
    """
    session = new_session_id()
    journal_folder = folder / f"journal-{session}"
    pool_folder = pool_root(session, folder, 0) / "1"
    pool_folder.mkdir(parents=True, mode=0o700)
    journal = JournalWriter(journal_folder)
    moved = 0
    try:
        channel = attach(pid, settings, pool_folder, 1)
        try:
            pool = Pool(pool_folder)
            drain = Drain(pool, journal, 1)
            deadline = time.monotonic() + patience_s
            while moved == 0:
                moved += drain.drain_once()
                assert time.monotonic() < deadline, "attached, but nothing is recorded"
            channel.request("stop", timeout_s=patience_s)
            moved += drain.drain_once()
            assert pool.stopped
            pool.close()
        finally:
            channel.close()
    finally:
        journal.close()
        remove_pool_folder(pool_folder)
        for path in journal_folder.iterdir():
            path.unlink()
    return moved


def traces(pid: int) -> tuple[int, list[str]]:
    """Threads and open files of a target, which must be afterwards as they were before."""
    files = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            files.append(str(descriptor.readlink()))
    return psutil.Process(pid).num_threads(), sorted(files)

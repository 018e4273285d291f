"""Finishing a session whose recorder was killed: drain what the pools still hold, then seal the rest of the journal.

The same drain and the same sealer as while recording. Whatever the kill tore apart is settled by sequence numbers:
a block that is in the journal and in the pool is counted once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from capture import ids
from capture.blocks import BlockType
from capture.drain import Drain
from capture.errors import FormatError, PoolProblem, SessionBusy, SessionProblem
from capture.format import MANIFEST, MANIFEST_COPY
from capture.journal import JournalReader, JournalWriter, journal_files
from capture.pool import Pool, pool_folders, remove_pool_folder
from capture.session import Session
from scope_gui.recording import control
from scope_gui.recording.sealer import Sealer

DETACH_DEADLINE_S = 15.0


def recover(path: Path, say: Callable[[str], None]) -> int:
    """Brings an interrupted recording to its end; the number of events found in targets' memory.

    Raises: SessionProblem when it is still being recorded, FormatError when it is no session folder.
    """
    if path.is_file():
        raise SessionProblem(f"{path} is a packed session, and those are finished.")
    if not path.is_dir() or not any((path / name).exists() for name in (MANIFEST, MANIFEST_COPY, "journal")):
        raise FormatError(f"{path} is not a session folder.")
    if _is_served(path):
        raise SessionProblem(f"{path} is still being recorded; stop it with: scope-gui stop {path}")
    if _is_finished(path):
        say(f"{path} is finished; there is nothing to recover")
        return 0
    drained = _drain_pools(path, say)
    sealer = _sealer_once_free(path)
    sealer.finish("recovered")
    (path / control.NAME).unlink(missing_ok=True)
    return drained


def _sealer_once_free(path: Path) -> Sealer:
    """The sealer; that of the dead recorder needs a moment to notice and let go of the session."""
    deadline = time.monotonic() + DETACH_DEADLINE_S
    while True:
        try:
            return Sealer.resumed(path)
        except SessionBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _is_served(path: Path) -> bool:
    try:
        control.ask(path, "status")
    except SessionProblem:
        return False
    return True


def _is_finished(path: Path) -> bool:
    if not any((path / name).exists() for name in (MANIFEST, MANIFEST_COPY)):
        return False
    with Session.open(path) as session:
        return not session.live


def _drain_pools(path: Path, say: Callable[[str], None]) -> int:
    """Journals what the pools hold, and the facts that end a recording."""
    session_id, has_ended = _read_facts(path)
    folders = [
        (serial, folder)
        for root in ids.find_pool_roots(session_id, path)
        for serial, folder in pool_folders(root)
    ]  # fmt: skip
    if has_ended and not folders:
        return 0
    journal = JournalWriter.reopen(path / "journal")
    drained = 0
    try:
        for serial, folder in folders:
            try:
                drained += _drain_pool(Pool(folder), journal, serial, say)
            except PoolProblem as problem:
                say(str(problem))
        end = {"fact": "end", "mono_ns": 0, "reason": "the recorder was killed"}
        journal.append(BlockType.FACTS, 1, msgspec.json.encode(end))
        journal.append(BlockType.END, 1, b"")
        journal.sync()
    finally:
        journal.close()
    for _, folder in folders:
        remove_pool_folder(folder)
    return drained


def _drain_pool(pool: Pool, journal: JournalWriter, serial: int, say: Callable[[str], None]) -> int:
    """Journals one pool to its last record; the number of events."""
    drained = 0
    try:
        _wait_until_detached(pool, say)
        drain = Drain(pool, journal, serial)
        while moved := sum(entry.new_events for entry in pool.scan()):
            drained += moved
            drain.drain_once(clock_block=True)
        journal.append(BlockType.FACTS, serial, msgspec.json.encode(pool.counters().fact(serial)))
    finally:
        pool.close()
    return drained


def _wait_until_detached(pool: Pool, say: Callable[[str], None]) -> None:
    """The agent takes its hooks out when its recorder's socket closes; until then the pool may still grow."""
    pool.drop_when_full()
    deadline = time.monotonic() + DETACH_DEADLINE_S
    while not pool.stopped and _is_alive(pool.pid):
        if time.monotonic() > deadline:
            say(f"process {pool.pid} has not detached yet; what it records from now on is not in this session")
            return
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _read_facts(path: Path) -> tuple[str, bool]:
    """The session's id, and whether its journal has come to its end block."""
    session_id, has_ended = "", False
    if (path / MANIFEST).exists():
        with Session.open(path) as session:
            session_id = session.manifest.about.session_id
    reader = JournalReader(path / "journal")
    try:
        while blocks := reader.read():
            for block in blocks:
                has_ended = has_ended or block.type == BlockType.END
                if block.type == BlockType.FACTS and not session_id:
                    session_id = _session_id_in(bytes(block.payload))
    finally:
        reader.close()
    if not session_id and not journal_files(path / "journal"):
        raise FormatError(f"{path} is not a recording: it has neither a manifest nor a journal.")
    return session_id, has_ended


def _session_id_in(payload: bytes) -> str:
    try:
        fact: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(fact.get("session_id", "")) if fact.get("fact") == "session" else ""

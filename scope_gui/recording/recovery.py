"""Finishing a session whose recorder was killed: drain what the pools still hold, then seal the rest of the journal.

The same drain and the same sealer as while recording. Whatever the kill tore apart is settled by sequence numbers: a
block that is in the journal and in the pool is counted once. So a recovery may be killed as well, at any step, and
repeated: it reads the pools without a mark in them, and deletes them when all is committed and has been read again.

Before anything is touched it has the lock that recorder and sealer hold for as long as one of them lives. A recorder
that does not answer may be stopped, and one that goes on finds what is its own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil

from capture.drain import ids
from capture.drain.blocks import BlockType, JournalPosition
from capture.drain.drain import Drain
from capture.drain.journal import JournalReader, JournalWriter, delete_before, journal_files
from capture.drain.pool import Pool
from capture.drain.pool_folders import pool_folders, refuse_new_pools, remove_pools, strangers_among
from capture.errors import FormatError, PoolProblem, ResumeLost, ScopeError, SessionBusy, SessionFull, SessionProblem
from capture.folder_names import FOLDERS, JOURNAL, POOLS, SOCKET
from capture.foreign_files import read_start
from capture.lock_holders import held_by, holders_of
from capture.losses import KEEPS_JOURNAL, RESUME_LOST, SESSION_FULL
from capture.names import json_bytes
from capture.own_folder import OwnFolder
from capture.session.files import DirectoryFiles, load_manifest
from capture.session.format import MANIFEST, MANIFEST_COPY, JournalMark, Manifest
from capture.session.left_pools import hold_note, noted_session
from capture.target.maps import processes_with
from capture.typed import from_json
from scope_gui.recording import control
from scope_gui.recording.sealer import Sealer, finish_sealed

DETACH_DEADLINE_S = 15.0
BUSY_DEADLINE_S = 2.0  # of somebody who lives: a recorder says so, and others have a session for a moment, or for long
SILENT_S = 0.5
Say = Callable[[str], None]


class _Pools(NamedTuple):
    """A folder of pools; `is_ours_alone`: no other folder of the same session may want them."""

    root: Path
    folders: list[tuple[int, Path]]
    is_ours_alone: bool


def recover(path: Path, say: Say) -> int:
    """Brings an interrupted recording to its end; the number of events found in targets' memory.

    Raises: SessionProblem when somebody is at work on it, FormatError when it is no session folder.
    """
    if path.is_file():
        raise SessionProblem(f"{path} is a packed session, and those are finished.")
    if not path.is_dir() or not any((path / name).exists() for name in (MANIFEST, MANIFEST_COPY, JOURNAL)):
        raise FormatError(f"{path} is not a session folder.")
    with OwnFolder.open(path) as folder:
        for name in (*FOLDERS, POOLS):
            with contextlib.suppress(FileNotFoundError):
                folder.inside(name, make=False)  # a link in its place ends here
        _have_alone(folder, say)
        try:
            return _finished(folder, say)
        except ScopeError:
            folder.refuse_if_moved()  # then whatever was found wanting is only a consequence
            raise


def _finished(folder: OwnFolder, say: Say) -> int:
    """Finishes a session that is had alone. Raises: ScopeError."""
    manifest = _manifest(folder)
    with _held_pools(folder, manifest, say) as pools:
        if manifest is not None and manifest.state != "recording":
            say(f"{folder.path} is finished; there is nothing to recover")
            _tidy(folder, pools)
            return 0
        mark = manifest.journal if manifest is not None else JournalMark()
        drained = _drain_pools(folder, pools, JournalPosition(mark.file_no, mark.offset), say)
        try:
            _seal(folder)
        except (ResumeLost, SessionFull) as problem:
            finish_sealed(folder, RESUME_LOST if isinstance(problem, ResumeLost) else SESSION_FULL)
            say(f"{problem.message} The journal is kept.")
        _tidy(folder, pools)
    return drained


def _seal(folder: OwnFolder) -> None:
    """Raises: ResumeLost, SessionFull when only what is sealed is left, and else as the sealer."""
    sealer = Sealer.resumed(folder)
    try:
        sealer.finish("recovered")
    except BaseException:
        sealer.close()  # with its share of the lock: who runs in this process may try again
        raise


def _have_alone(folder: OwnFolder, say: Say) -> None:
    """Takes the locks, once for all that follows. Who is ending needs a moment to let go, and is waited for.

    Raises: SessionProblem when a recorder lives, if it answers or not, or somebody recovers the session already.
    """
    path = folder.path
    journal = folder.inside(JOURNAL)
    try:
        journal.lock()
    except SessionBusy as error:
        busy = f"{path} is being recovered by another process already{held_by(journal.fd)}."
        raise SessionBusy(busy, "Wait until it ends.") from error
    began = time.monotonic()
    has_said = False
    while True:
        try:
            folder.lock()
        except SessionBusy:
            holders = holders_of(folder.fd)
            for holder in holders:
                if holder.is_stopped:
                    raise SessionBusy(
                        f"{path} is that of {holder}, which is stopped, not dead, and would go on.",
                        f"Let it go on (kill -CONT {holder.pid}) or end it (kill -KILL {holder.pid}), and repeat this.",
                    ) from None
            _refuse_if_served(path)
            waited_s = time.monotonic() - began
            is_ending = all(holder.is_sealer for holder in holders)  # its recorder is dead, or nobody can be seen
            if waited_s > (DETACH_DEADLINE_S if is_ending else BUSY_DEADLINE_S):
                raise
            if waited_s > SILENT_S and holders and not has_said:
                has_said = True
                say(f"waiting for {' and '.join(map(str, holders))} to let go of {path}")
            time.sleep(0.02)
        else:
            _refuse_if_served(path)  # on a file system without locks it is all that there is
            return


def _refuse_if_served(path: Path) -> None:
    try:
        control.ask(path, "status")
    except SessionProblem:
        return
    raise SessionProblem(f"{path} is still being recorded; stop it with: scope-gui stop {path}")


@contextlib.contextmanager
def _held_pools(folder: OwnFolder, manifest: Manifest | None, say: Say) -> Iterator[list[_Pools]]:
    """The pools of the session, which nobody else touches meanwhile.

    Those in shared memory are found by the session's id, which a copy of a folder has as well.

    Raises: SessionBusy when they are those of a recorder that lives, or somebody else is at work on them.
    """
    found, held = [], []
    session_id = _session_id_of_journal(folder) if manifest is None else manifest.about.session_id
    try:
        for root in ids.find_pool_roots(session_id, folder.path):
            is_shared = root.parent == ids.SHARED_MEMORY
            try:
                note = hold_note(root, BUSY_DEADLINE_S) if is_shared else None
                if note is not None:
                    held.append(note)
                ours = note is None or noted_session(note).is_for(folder.fd)
                if not ours and note is not None and not noted_session(note).path.exists():
                    say(f"what {root} holds is kept for a day: the folder that it was recorded for is moved or deleted")
                if ours:
                    refuse_new_pools(root)
                found.append(_Pools(root, pool_folders(root), ours))
                for name in strangers_among(root):
                    say(f"{root / name} is no pool that a recorder makes; it is left where it is")
            except SessionBusy:
                raise
            except (OSError, SessionProblem) as problem:
                say(str(problem))
        yield found
    finally:
        for note in held:
            os.close(note)


def _tidy(folder: OwnFolder, pools: list[_Pools]) -> None:
    """Deletes what a finished session does not need. A recovery that was killed may have left it."""
    for one in pools:
        if one.is_ours_alone:
            remove_pools(one.root)
    manifest = _manifest(folder)
    if manifest is not None and not any(row.code in KEEPS_JOURNAL for row in manifest.losses):
        delete_before(folder.inside(JOURNAL), 1 << 62)
    with contextlib.suppress(OSError):
        folder.remove(SOCKET)
        folder.remove_unfinished()


def _drain_pools(folder: OwnFolder, pools: list[_Pools], sealed: JournalPosition, say: Say) -> int:
    """Journals what the pools hold, and the facts that end a recording.

    `sealed` is how far the journal is in segments: a recording that has not ended has one that reaches there.
    """
    folders = [pair for one in pools for pair in one.folders]
    if not folders and _has_ended(folder):
        return 0
    _refuse_foreign(folders)
    # Events in a block that a kill tore are in a pool yet: a program whose pool is gone with its books open is told of.
    journal = JournalWriter.reopen(folder.inside(JOURNAL), sealed=sealed)
    drained = 0
    writers = processes_with("pool.bin") if folders else {}
    deadline = time.monotonic() + DETACH_DEADLINE_S  # one for all: how many pools there are, a session says itself
    try:
        for serial, pool_folder in folders:
            try:
                _wait_until_detached(pool_folder, writers, deadline, say)
                pool = Pool(pool_folder, private=True)
                drained += _drain_pool(pool, journal, serial)
                if pool.has_lost_names:
                    names = PoolProblem(f"{pool_folder / 'defs.bin'} is damaged: some names of functions are lost.")
                    _tell_of_damage(journal, serial, names, say)
            except PoolProblem as problem:
                _tell_of_damage(journal, serial, problem, say)
        end = {"fact": "end", "mono_ns": 0, "reason": "the recorder was killed"}
        journal.append(BlockType.FACTS, 1, msgspec.json.encode(end))
        journal.append(BlockType.END, 1, b"")
        journal.sync()
    finally:
        journal.close()
    return drained


def _refuse_foreign(folders: Iterable[tuple[int, Path]]) -> None:
    """Raises: SessionProblem while nothing has been changed, where a later Scope could have all of a pool."""
    for _, pool_folder in folders:
        with contextlib.suppress(PoolProblem):
            pool = Pool(pool_folder, private=True)
            foreign = pool.foreign
            pool.close()
            if foreign:
                raise SessionProblem(foreign)


def _tell_of_damage(journal: JournalWriter, serial: int, problem: PoolProblem, say: Say) -> None:
    say(str(problem))
    loss = {"fact": "loss", "process_serial": serial, "code": "pool-damaged"}
    loss["detail"] = f"{serial}: {problem.message}"
    journal.append(BlockType.FACTS, serial, json_bytes(loss))


def _drain_pool(pool: Pool, journal: JournalWriter, serial: int) -> int:
    """Journals one pool to its last record; the number of events. Raises: PoolProblem."""
    try:
        drain = Drain(pool, journal, serial)
        drain.drain_rest()
        drain.journal_counters()
    finally:
        pool.close()
    return drain.events


def _wait_until_detached(pool_folder: Path, writers: dict[int, list[int]], deadline: float, say: Say) -> None:
    """The agent takes its hooks out when its recorder's socket closes; until then the pool may still grow.

    `writers`: who has which file mapped. The number that the pool itself names may be another process's by now, or mean
    something in another namespace only.

    Raises: PoolProblem.
    """
    pool = Pool(pool_folder, private=True)
    try:
        pids = [pid for pid in (*writers.get(pool.inode, ()), *_hidden(pool)) if _is_alive(pid)]
        if pool.stopped or not pids:
            return
    finally:
        pool.close()
    pool = Pool(pool_folder)
    try:
        pool.drop_when_full()
        while not pool.stopped and any(map(_is_alive, pids)):
            if time.monotonic() > deadline:
                say(f"process {pids[0]} has not detached yet; what it records from now on is not in this session")
                return
            time.sleep(0.01)
    finally:
        pool.close()


def _hidden(pool: Pool) -> Iterator[int]:
    """The process that a pool names, if it may be that one and we may not see what it has mapped."""
    try:
        read_start(f"/proc/{pool.pid}/maps", 1)
    except PermissionError:
        with contextlib.suppress(psutil.Error):
            named = psutil.Process(pool.pid)
            if named.uids().real == os.getuid() and named.create_time() < pool.changed_s + 1:
                yield pool.pid
    except OSError:
        pass


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_id_of_journal(folder: OwnFolder) -> str:
    """The id of a session that has no manifest. Raises: FormatError when it has no journal either."""
    reader = JournalReader(folder.path / JOURNAL)
    try:
        for block in reader.read(1 << 20):
            if block.type == BlockType.FACTS and (session_id := _session_id_in(bytes(block.payload))):
                return session_id
    finally:
        reader.close()
    if not journal_files(folder.path / JOURNAL):
        raise FormatError(f"{folder.path} is not a recording: it has neither a manifest nor a journal.")
    return ""


def _manifest(folder: OwnFolder) -> Manifest | None:
    """The manifest in this folder, wherever it is by now, if there is one. Raises: FormatError when none is whole."""
    if not folder.has(MANIFEST) and not folder.has(MANIFEST_COPY):
        return None
    with DirectoryFiles(folder.path, folder.fd) as files:
        return load_manifest(files, folder.path)[0]


def _has_ended(folder: OwnFolder) -> bool:
    """Whether the journal has come to its end block."""
    reader = JournalReader(folder.path / JOURNAL)
    has_ended = False
    try:
        while blocks := reader.read():
            has_ended = has_ended or any(block.type == BlockType.END for block in blocks)
    finally:
        reader.close()
    return has_ended


def _session_id_in(payload: bytes) -> str:
    try:
        fact: dict[str, Any] = from_json(payload, dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(fact.get("session_id", "")) if fact.get("fact") == "session" else ""

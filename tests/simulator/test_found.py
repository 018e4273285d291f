"""What seeds have found, each by itself: what should have held, without a simulator."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from capture.drain import ids
from capture.drain.blocks import BlockType
from capture.drain.journal import JournalWriter
from capture.errors import TargetProblem
from capture.session.session import Session
from capture.session.verify import verify
from capture.settings import CaptureSettings
from scope_gui.recording import recovery
from scope_gui.recording.recorder import Recording
from scope_gui.recording.recovery import recover

SESSION_ID = "51a7ed0000000001"


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A session whose recorder was killed when all that it had written was what begins a journal."""
    session = tmp_path / "begun.scope"
    session.mkdir()
    journal = JournalWriter(session / "journal")
    fact = {"fact": "session", "session_id": SESSION_ID, "start_mono_ns": 1, "start_real_ns": 1, "mode": "full",
            "include": [], "exclude": [], "state": [], "when_full": "drop", "command": "program"}  # fmt: skip
    journal.append(BlockType.FACTS, 1, msgspec.json.encode(fact))
    process = {"fact": "process", "process_serial": 1, "pid": 1 << 22, "name": "program", "tier": "observe"}
    journal.append(BlockType.FACTS, 1, msgspec.json.encode(process))
    journal.close()
    return session


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in the place of shared memory."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(ids, "SHARED_MEMORY", folder)
    yield folder


@pytest.mark.parametrize("refused", ["open", "writev"])
def test_a_recording_that_cannot_begin_leaves_its_name_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """The empty folder stayed, and the next try was told that it already exists."""
    real, session = getattr(os, refused), tmp_path / "a.scope"

    def full(first: object, *others: object, **named: object) -> object:
        if refused == "writev" or str(first).endswith(".jrn"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(first, *others, **named)

    with monkeypatch.context() as patched, pytest.raises(TargetProblem, match="disk is full"):
        patched.setattr(os, refused, full)
        Recording(session, CaptureSettings.checked(), ["program"])
    assert not session.exists()


def test_a_recording_that_cannot_begin_says_why_where_nothing_can_be_deleted_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended in a traceback, of the file that could not be deleted."""

    def broken(*words: object, **named: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched, pytest.raises(TargetProblem, match="journal cannot be written: Input"):
        patched.setattr(os, "writev", broken)
        patched.setattr(os, "unlink", broken)
        Recording(tmp_path / "a.scope", CaptureSettings.checked(), ["program"])


def test_pools_whose_recorder_had_not_said_for_whom_are_taken_away_with_the_session(begun: Path, shared: Path) -> None:
    """It was killed between making the note and writing it, or shared memory was full: the pools stayed for ever."""
    root = ids.shared_pool_root(SESSION_ID)
    (root / "1").mkdir(parents=True, mode=0o700)
    root.chmod(0o700)
    (root / "session").touch(mode=0o600)
    recover(begun, lambda said: None)
    assert list(shared.iterdir()) == []


def test_a_recovery_whose_disk_wrote_something_else_can_be_repeated(
    begun: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It noticed after its commit, and said so; the next one took the file for good, and deleted what it came from."""
    real = os.write

    def lie(fd: int, data: bytes) -> int:
        is_table = bytes(data[:4]) == b"PAR1"
        return real(fd, bytes(data[:-1]) + b"?" if is_table else data)

    with monkeypatch.context() as patched, pytest.raises(TargetProblem, match="could not be read back"):
        patched.setattr(os, "write", lie)
        recover(begun, lambda said: None)
    assert list((begun / "journal").glob("*.jrn"))
    recover(begun, lambda said: None)
    with Session.open(begun) as session:
        assert verify(session).ok
        assert session.processes()


def test_files_that_cannot_be_deleted_do_not_keep_a_session_from_being_finished(
    begun: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refused to delete what nobody needs ended `recover` with a traceback, and the sealer."""
    (begun / "segments").mkdir()
    (begun / "segments" / "00000007.events.parquet").write_bytes(b"left by a recorder that died")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        recover(begun, lambda said: None)
    with Session.open(begun) as session:
        assert session.manifest.state == "recovered"
    said: list[str] = []
    recover(begun, said.append)
    assert "nothing to recover" in said[0]
    assert list((begun / "journal").glob("*.jrn")) == []


def test_no_program_begins_to_record_for_a_recovery_that_has_looked_for_pools(begun: Path, shared: Path) -> None:
    """Its recorder had died as soon as there was a folder to record into. What the program recorded until it noticed
    was deleted unread, and the session said that it is complete."""
    folder = shared / f"scope-{os.getuid()}-{SESSION_ID}" / "1"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    (folder.parent / "session").write_text(str(begun))
    real, tried = recovery._drain_pools, []

    def drain_while_an_agent_begins(*words: Any) -> int:
        with pytest.raises(FileNotFoundError):
            (folder / "pool.bin").touch()
        tried.append(folder)
        return real(*words)

    with mock.patch.object(recovery, "_drain_pools", drain_while_an_agent_begins):
        recover(begun, lambda said: None)
    assert tried
    assert not folder.parent.exists()

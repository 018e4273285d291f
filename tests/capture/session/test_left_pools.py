"""Pools of killed recordings go once nobody can ask for them, and nothing else does (capture/session/left_pools.py)."""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from capture.drain import ids
from capture.errors import SessionBusy
from capture.session.left_pools import DAY_S, hold_note, note_session, remove_left_pools
from capture.session.session import Session
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, run_recorded, scope
from tests.targets import Launcher


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The pools of a recording that was killed; its session is gone."""
    if not ids.SHARED_MEMORY.is_dir():
        pytest.skip("/dev/shm is missing")
    root = ids.shared_pool_root(ids.new_session_id())
    (root / "1").mkdir(parents=True)
    root.chmod(0o700)
    for name in ("pool.bin", "defs.bin"):
        (root / "1" / name).write_bytes(bytes(4096))
    os.close(note_session(root, tmp_path / "gone.scope"))
    yield root
    shutil.rmtree(root, ignore_errors=True)


def make_old(root: Path) -> None:
    """As if nothing had been written for more than a day."""
    for path in (*root.rglob("*"), root):
        os.utime(path, (time.time() - DAY_S - 60,) * 2)


def goes(root: Path) -> bool:
    """Whether left pools are removed. A recording that begins beside this test may be the one that does it."""
    remove_left_pools()
    return wait_for(lambda: not root.exists(), 5)


def test_pools_of_a_session_that_is_gone_for_a_day_go(root: Path) -> None:
    make_old(root)
    assert goes(root)
    assert not root.exists()


def test_pools_stay_while_the_session_may_have_been_moved(root: Path) -> None:
    assert root not in remove_left_pools()
    assert (root / "1" / "pool.bin").exists()


def test_pools_of_a_session_that_can_be_recovered_stay(root: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.scope" / "journal").mkdir(parents=True)
    make_old(root)
    assert root not in remove_left_pools()
    assert (root / "1" / "pool.bin").exists()


def test_pools_of_a_finished_session_go_at_once(root: Path, tmp_path: Path) -> None:
    session = tmp_path / "gone.scope"
    run_recorded(session, [sys.executable, "-c", "pass"])
    with Session.open(session) as opened:
        root = root.rename(ids.shared_pool_root(opened.manifest.about.session_id))
    try:
        assert goes(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_pools_that_somebody_has_mapped_stay(root: Path) -> None:
    make_old(root)
    with (root / "1" / "pool.bin").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert root not in remove_left_pools()
    assert (root / "1" / "pool.bin").exists()


def test_pools_that_somebody_records_into_stay(root: Path, tmp_path: Path) -> None:
    lock = note_session(root, tmp_path / "gone.scope")
    make_old(root)
    assert root not in remove_left_pools()
    os.close(lock)
    assert goes(root)


def test_who_looks_for_left_pools_does_not_have_those_that_stay(root: Path) -> None:
    """A recovery met the lock of any recorder that began meanwhile: of 200 looks three such had it at 186."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            remove_left_pools()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            note = hold_note(root)
            assert note is not None
            os.close(note)
    finally:
        over.set()
        looking.join()


def test_who_is_about_to_let_pools_go_is_waited_for(root: Path) -> None:
    held = hold_note(root)
    assert held is not None
    with pytest.raises(SessionBusy, match=rf"in use: .* \(process {os.getpid()}\)\."):
        hold_note(root)
    letting_go = threading.Timer(0.1, os.close, (held,))
    letting_go.start()
    note = hold_note(root, patience_s=10)
    letting_go.join()
    assert note is not None
    os.close(note)


@pytest.mark.parametrize("strange", ["a file", "a folder", "no note", "writable", "a name", "a link"])
def test_what_is_not_wholly_ours_stays(root: Path, tmp_path: Path, strange: str) -> None:
    if strange == "a file":
        (root / "1" / "precious").write_text("mine")
    elif strange == "a folder":
        (root / "precious").mkdir()
    elif strange == "no note":
        (root / "session").unlink()
    elif strange == "writable":
        root.chmod(0o777)
    elif strange == "a name":
        root = root.rename(root.with_name(f"scope-{os.getuid()}-precious"))
    else:
        moved = root.rename(root.with_name(root.name + "x"))
        root.symlink_to(moved)
    make_old(root)
    try:
        assert root not in remove_left_pools()
        assert (root / "1" / "pool.bin").exists()
    finally:
        shutil.rmtree(root.resolve())
        root.unlink(missing_ok=True) if root.is_symlink() else None


def test_the_next_recording_takes_away_what_a_killed_one_left(target: Launcher, tmp_path: Path) -> None:
    session = tmp_path / "killed.scope"
    program = target([sys.executable, "-c", "print('ready', flush=True)\nwhile True: sum(range(9))"], ready="ready")
    before = set(ids.SHARED_MEMORY.glob(f"scope-{os.getuid()}-*"))
    recorder = psutil.Popen([*COMMAND, "attach", str(program.pid), "--no-window", "-o", str(session)])
    assert wait_for((session / "manifest.json").exists, 30)
    with Session.open(session) as opened:
        root = ids.shared_pool_root(opened.manifest.about.session_id)
    assert root not in before
    for process in (recorder, psutil.Process(program.pid)):
        process.send_signal(signal.SIGKILL)
    recorder.wait()
    program.wait(10)
    shutil.rmtree(session)
    assert (root / "1" / "pool.bin").exists()
    make_old(root)
    scope("run", "--no-window", "-o", tmp_path / "next.scope", "--", sys.executable, "-c", "pass")
    assert not root.exists()

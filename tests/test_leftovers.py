"""The suite notices what a test leaves behind: otherwise its promise would be an empty one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import leftovers
from tests.targets import Launcher

SLEEPER = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"]


def test_a_running_target_counts_until_it_is_ended(target: Launcher) -> None:
    before = leftovers.now()
    program = target(SLEEPER, ready="ready")
    assert set(leftovers.left_since(before, grace_s=0).processes) == {program.pid}
    program.end()
    assert not leftovers.left_since(before)


def test_an_orphan_is_found_and_removed() -> None:
    before = leftovers.now()
    start = f"import subprocess; print(subprocess.Popen({SLEEPER!r}, stdout=-3, stderr=-3).pid)"
    started = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True)
    left = leftovers.left_since(before, grace_s=0)
    assert set(left.processes) == {int(started.stdout)}
    left.remove()
    assert not leftovers.left_since(before)


def test_a_thread_counts_until_it_ends() -> None:
    before = leftovers.now()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="careless")
    thread.start()
    assert leftovers.left_since(before, grace_s=0).threads == {thread}
    release.set()
    thread.join()
    assert not leftovers.left_since(before)


@pytest.fixture
def pool() -> Iterator[Path]:
    """A pool in shared memory that no process maps."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("/dev/shm is missing")
    folder = Path(f"/dev/shm/scope-{os.getuid()}-{uuid.uuid4().hex[:16]}")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_pool_in_shared_memory_counts_until_it_is_deleted(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_others_run", lambda: False)
    left = leftovers.now().since(leftovers.Leftovers())
    assert pool in left.pools
    assert str(pool) in str(left)
    leftovers.Leftovers(pools=frozenset({pool})).remove()
    assert not pool.exists()


def test_beside_another_run_a_pool_counts_for_the_test_whose_session_it_is(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_others_run", lambda: True)
    ours = tmp_path / "session.scope" / "journal" / "000001"
    ours.parent.mkdir(parents=True)
    ours.write_text("another session")
    nothing = leftovers.Leftovers()
    assert not leftovers.now().since(nothing).pools
    assert not leftovers.now().since(nothing, tmp_path).pools
    ours.write_text(f'{{"session_id":"{pool.name.rpartition("-")[2]}"}}')
    assert leftovers.now().since(nothing, tmp_path).pools == {pool}

"""What a test left behind: processes, threads, shared-memory pools. Used by the fixture `nothing_left_behind`.

Processes are found by a mark in their environment, which children inherit: a recorder that was orphaned on purpose
(its starter was killed) is no child of pytest any more and would escape a walk over children. Other test runs on the
same machine, and the other workers of this one, carry another mark and are not ours to judge. Pools bear no mark:
beside another run only those count whose session lies in the folder of this test.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from capture.foreign_files import read_start

MARK = "SCOPE_TEST_RUN"
GRACE_S = 5.0
_SHM = Path("/dev/shm")
# The standard library keeps these for the life of the process once multiprocessing was used.
_STAYING = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
staying: set[int] = set()
"""Processes that this worker keeps from test to test."""


def mark_this_run() -> None:
    """Gives this pytest run its own mark; everything started from now on carries it."""
    os.environ[MARK] = uuid.uuid4().hex


@dataclass(frozen=True)
class Leftovers:
    """What exists now; the difference of two of them is what came in between."""

    processes: dict[int, str] = field(default_factory=dict)
    threads: frozenset[threading.Thread] = frozenset()
    pools: frozenset[Path] = frozenset()

    def since(self, before: Leftovers, sessions: Path | None = None) -> Leftovers:
        """The difference; `sessions` is the folder whose sessions' pools count while other runs are at work."""
        pools = self.pools - before.pools
        if pools and _others_run():
            pools = frozenset(pool for pool in pools if sessions and _has_session(sessions, pool))
        return Leftovers(
            {pid: name for pid, name in self.processes.items() if pid not in before.processes},
            self.threads - before.threads,
            pools,
        )

    def __bool__(self) -> bool:
        return bool(self.processes or self.threads or self.pools)

    def __str__(self) -> str:
        lines = [f"process {pid}: {name}" for pid, name in sorted(self.processes.items())]
        lines += [f"thread {thread.name}" for thread in self.threads]
        lines += [f"shared memory {pool}" for pool in sorted(self.pools)]
        return "\n".join(lines)

    def remove(self) -> None:
        """Ends and deletes what was left, so that one careless test does not fail the next ones."""
        for pid in self.processes:
            try:
                process = psutil.Process(pid)
                process.kill()
                process.wait(GRACE_S)
            except psutil.Error:
                continue
        for pool in self.pools:
            shutil.rmtree(pool, ignore_errors=True)


def now() -> Leftovers:
    """Processes of this run, threads of this process, shared-memory pools of this user."""
    pools = _SHM.glob(f"scope-{os.getuid()}-*") if _SHM.is_dir() else ()
    return Leftovers(_processes_of_this_run(), frozenset(threading.enumerate()), frozenset(pools))


def left_since(before: Leftovers, grace_s: float = GRACE_S, sessions: Path | None = None) -> Leftovers:
    """What came after `before` and does not go away within the grace time; empty as soon as all of it is gone."""
    left = Leftovers()

    def is_clean() -> bool:
        nonlocal left
        left = now().since(before, sessions)
        return not left

    wait_for(is_clean, grace_s)
    return left


def wait_for(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition became true in time; asked often, so that a test waits no longer than it must."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _processes_of_this_run() -> dict[int, str]:
    here = {}
    for pid in set(psutil.pids()) - _strangers() - staying:
        if not _is_marked(pid):
            continue
        try:
            name = " ".join(psutil.Process(pid).cmdline())
        except psutil.Error:
            continue
        if name and not any(staying in name for staying in _STAYING):
            here[pid] = name[:200]
    return here


@functools.cache
def _strangers() -> frozenset[int]:
    """What was there before the first test: to look at it again with each was 13 ms a test, half a minute in all."""
    return frozenset(pid for pid in psutil.pids() if pid == os.getpid() or not _is_marked(pid))


def _is_marked(pid: int) -> bool:
    try:
        return f"{MARK}={os.environ[MARK]}".encode() in read_start(f"/proc/{pid}/environ")
    except OSError:
        return False


def _others_run() -> bool:
    """Whether a process of another test run is there."""
    for pid in psutil.pids():
        if pid == os.getpid() or _is_marked(pid):
            continue
        try:
            if f"{MARK}=".encode() in read_start(f"/proc/{pid}/environ"):
                return True
        except OSError:
            continue
    return False


def _has_session(folder: Path, pool: Path) -> bool:
    """Whether a session that lies in the folder owns the pool: its id is early in journal and manifest."""
    session_id = pool.name.rpartition("-")[2].encode()
    for path in folder.rglob("*"):
        try:
            if (path.parent.name == "journal" or path.name == "manifest.json") and path.is_file():
                with path.open("rb") as file:
                    if session_id in file.read(4096):
                        return True
        except OSError:  # being moved or deleted
            continue
    return False

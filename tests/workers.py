"""Several workers run the tests (pytest-xdist); a test marked `alone` has the machine to itself meanwhile.

Two locks for the whole run. Whoever is about to run a test takes the first, then the second, shared or alone, and lets
go of the first: so one that wants to be alone waits for the tests that run now and for none that would begin after it.
The locks are POSIX record locks, which a forked child does not inherit: with `flock` a child that hung between fork and
exec held its worker's turn for ever, and every test that wants to be alone waited for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path

import psutil

FOLDER = "SCOPE_TEST_TURNS"
"""The variable that names the folder of the locks; workers inherit it."""
PATIENCE_S = 900.0
"""More than any test of `make test` takes."""


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def begin_run() -> None:
    """Makes the locks, in the process that the workers come from."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="scope-tests-")


def end_run() -> None:
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


@contextlib.contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Holds this worker's right to run a test, shared with the other workers or alone.

    Raises: TimeoutError, naming who holds the turn, where that lasts longer than any test.
    """
    folder = Path(os.environ[FOLDER])
    with _opened(folder / "turn") as held:
        with _opened(folder / "next") as queue:
            _take(queue, fcntl.LOCK_EX)
            _take(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def _opened(path: Path) -> BufferedRandom:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT), "r+b")


def _take(file: BufferedRandom, kind: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.lockf(file, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{file.name} was held for {PATIENCE_S:.0f} s by {_holders(file)}") from None
            time.sleep(0.01)


def _holders(file: BufferedRandom) -> str:
    """Who has locked the file: lines of /proc/locks end in pid, device:inode, first and last byte."""
    inode = os.fstat(file.fileno()).st_ino
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    pids = {int(words[-4]) for words in lines if words[-3].endswith(f":{inode}") and "->" not in words}
    return ", ".join(" ".join(psutil.Process(pid).cmdline()) for pid in pids if psutil.pid_exists(pid)) or "nobody now"

"""Several workers run the tests (pytest-xdist); a test marked `alone` has the machine to itself meanwhile.

Two locks for the whole run. Whoever is about to run a test takes the first, then the second, shared or alone, and lets
go of the first: so one that wants to be alone waits for the tests that run now and for none that would begin after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = "SCOPE_TEST_TURNS"
"""The variable that names the folder of the locks; workers inherit it."""


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def begin_run() -> None:
    """Makes the locks, in the process that the workers come from."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="scope-tests-")


def end_run() -> None:
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


@contextlib.contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Holds this worker's right to run a test, shared with the other workers or alone."""
    folder = Path(os.environ[FOLDER])
    with (folder / "turn").open("w") as held:
        with (folder / "next").open("w") as queue:
            fcntl.flock(queue, fcntl.LOCK_EX)
            fcntl.flock(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield

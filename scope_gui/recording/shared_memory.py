"""The memory that a recording shares with its programs: where the pools lie, that they are in use, and their end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from capture.drain import ids
from capture.drain.pool import BLOCK_BYTES, Pool, pool_bytes
from capture.drain.pool_folders import make_pool_folder, remove_pool_folder
from capture.errors import SessionProblem
from capture.session.left_pools import note_session


class SharedMemory:
    """The pools of one session, one for each process that is recorded."""

    def __init__(self, session_id: str, session_path: Path, chunk_count: int, most_processes: int = 1) -> None:
        """Nothing is made yet."""
        self._session_path = session_path
        self._chunk_count = chunk_count
        self._root = ids.pool_root(session_id, session_path, most_processes * chunk_count * BLOCK_BYTES)
        self._note = -1  # says that the pools in shared memory are in use

    def prepare(self, serial: int) -> Path:
        """Makes the folder of a process's pool. It may be there from an earlier try.

        Raises: TargetProblem, SessionProblem.
        """
        folder = self._root / str(serial)
        make_pool_folder(folder)
        if self._root.parent == ids.SHARED_MEMORY:
            self.let_go()
            with contextlib.suppress(OSError, SessionProblem):  # without it they are only never taken for left ones
                self._note = note_session(self._root, self._session_path)
        return folder

    def open_pool(self, serial: int) -> Pool:
        """The pool that the process has made there. Raises: PoolProblem."""
        return Pool(self._root / str(serial), most_bytes=pool_bytes(self._chunk_count))

    def remove_pool(self, serial: int) -> None:
        """Deletes the folder of a process's pool, if there is one, and that of all pools with the last."""
        remove_pool_folder(self._root / str(serial))

    def let_go(self) -> None:
        """Does not say any more that the pools are in use. Harmless when repeated."""
        if self._note >= 0:
            os.close(self._note)
        self._note = -1

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
    """The pools of one session, of which one is in use at a time."""

    def __init__(self, session_id: str, session_path: Path, chunk_count: int) -> None:
        """Nothing is made yet."""
        self._session_path = session_path
        self._chunk_count = chunk_count
        self._root = ids.pool_root(session_id, session_path, chunk_count * BLOCK_BYTES)
        self._folder: Path | None = None
        self._note = -1  # says that the pools in shared memory are in use

    def prepare(self, serial: int) -> Path:
        """Makes the folder of a process's pool, the one in use from now on. It may be there from an earlier try.

        Raises: TargetProblem, SessionProblem.
        """
        self._folder = self._root / str(serial)
        make_pool_folder(self._folder)
        if self._root.parent == ids.SHARED_MEMORY:
            self.let_go()
            with contextlib.suppress(OSError, SessionProblem):  # without it they are only never taken for left ones
                self._note = note_session(self._root, self._session_path)
        return self._folder

    def open_pool(self) -> Pool:
        """The pool that the process has made there. Raises: PoolProblem."""
        assert self._folder is not None
        return Pool(self._folder, most_bytes=pool_bytes(self._chunk_count))

    def remove_pool(self) -> None:
        """Deletes the folder in use, if there is one, and that of all pools with the last."""
        if self._folder is not None:
            remove_pool_folder(self._folder)

    def let_go(self) -> None:
        """Does not say any more that the pools are in use. Harmless when repeated."""
        if self._note >= 0:
            os.close(self._note)
        self._note = -1

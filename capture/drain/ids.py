"""Names that are never reused: the session id and the folder that its pools live in."""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")


def new_session_id() -> str:
    """16 hex characters."""
    return secrets.token_hex(8)


def is_session_id(text: str) -> bool:
    """Whether the text is a session id; anything else must not become part of a path."""
    return len(text) == 16 and all(c in string.hexdigits for c in text)


def pool_root(session_id: str, session_path: Path, needed_bytes: int) -> Path:
    """Where the pools of a session go: shared memory if it has room, else the session's own folder.

    Shared memory, because the kernel writes dirty pages of a disk file back again and again, and a target that
    touches such a page meanwhile waits for the disk.
    """
    root = shared_pool_root(session_id)
    try:
        stat = os.statvfs(SHARED_MEMORY)
    except OSError:
        return session_path / "pool"
    free = stat.f_bavail * stat.f_frsize
    return root if free >= 2 * needed_bytes and os.access(SHARED_MEMORY, os.W_OK) else session_path / "pool"


def shared_pool_root(session_id: str) -> Path:
    """The pools' folder in shared memory.

    Raises: ValueError for a text that is no session id.
    """
    if not is_session_id(session_id):
        raise ValueError(f"not a session id: {session_id!r}")
    return SHARED_MEMORY / f"scope-{os.getuid()}-{session_id}"


def find_pool_roots(session_id: str, session_path: Path) -> list[Path]:
    """The folders that may hold this session's pools, those that exist."""
    candidates = [session_path / "pool"]
    if is_session_id(session_id):
        candidates.append(shared_pool_root(session_id))
    return [path for path in candidates if path.is_dir() and not path.is_symlink()]

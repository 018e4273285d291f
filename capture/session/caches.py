"""Cache files: what can be worked out again from the rest of a session, kept so that nobody has to wait for it.

    XXH3 64-bit of the contents, canonical (8 bytes) | contents

No manifest lists them, so they are trusted no further than this checksum and their reader's own checks: one that is
cut, damaged or of another version counts as missing.
"""

from __future__ import annotations

from pathlib import Path

import xxhash

from capture.errors import FormatError, SessionProblem
from capture.own_folder import write_through

_DIGEST_BYTES = 8


def framed(contents: bytes) -> bytes:
    """The bytes of the file."""
    return xxhash.xxh3_64_digest(contents) + contents


def unframed(data: bytes) -> bytes:
    """The contents of the file.

    Raises: FormatError when they are not what was written.
    """
    if len(data) < _DIGEST_BYTES or xxhash.xxh3_64_digest(data[_DIGEST_BYTES:]) != data[:_DIGEST_BYTES]:
        raise FormatError("A cache file is damaged.")
    return data[_DIGEST_BYTES:]


def write_cache(session: Path, name: str, contents: bytes) -> None:
    """Puts a cache file into a session directory, in place of the one that is there.

    Raises: SessionProblem for a packed session, TargetProblem when it cannot be written.
    """
    if not session.is_dir():
        raise SessionProblem(f"{session} is packed, and a packed session is not written to.")
    write_through(session, name, framed(contents))

"""Which names a session's folders may hold: nothing else there is made, changed or removed (`capture.own_folder`)."""

from __future__ import annotations

import re

SOCKET = "control.sock"
SESSION_NOTE = "session"  # beside the pools of one session in shared memory: the path of its folder, and which it is
SEGMENTS, DEFS, CACHE, JOURNAL, POOLS = "segments", "defs", "cache", "journal", "pool"
FOLDERS = (SEGMENTS, DEFS, CACHE, JOURNAL)
SESSION, ONE_POOL = "session", "one pool"
_FRESH = r"(\.[0-9]{1,10}-[0-9]{1,10}\.new)?"  # of a file that is being replaced
_WRITER = re.compile(r"\.([0-9]{1,10})-[0-9]{1,10}\.new$", re.ASCII)
_TABLE = r"[0-9]{8}\.[a-z_]{1,32}\.parquet"
_FILES = {
    SESSION: rf"(manifest\.json|manifest\.bak|notes\.json){_FRESH}|control\.sock",
    SEGMENTS: _TABLE,
    DEFS: _TABLE,
    CACHE: rf"[0-9]{{8}}\.(key|lod|calls){_FRESH}",
    JOURNAL: r"[0-9]{8}\.(jrn|resume)",
    POOLS: SESSION_NOTE,
    ONE_POOL: r"pool\.bin|defs\.bin",
}
_PATTERNS = {kind: re.compile(pattern, re.ASCII) for kind, pattern in _FILES.items()}
_POOL_NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_MOST_SERIAL = 0xFFFF  # a journal's block has 16 bits for it


def is_file(kind: str, name: str) -> bool:
    """Whether a folder of this kind may hold a file of that name.

    >>> is_file(CACHE, "00000001.key"), is_file(CACHE, "thesis.key"), is_file(SESSION, "manifest.json")
    (True, False, True)
    """
    return _PATTERNS[kind].fullmatch(name) is not None


def is_pool_number(name: str) -> bool:
    """Whether a folder of pools may hold a pool of that name.

    >>> [is_pool_number(name) for name in ("1", "65535", "65536", "01")]
    [True, True, False, False]
    """
    return _POOL_NUMBER.fullmatch(name) is not None and int(name) <= _MOST_SERIAL


def writer_of(name: str) -> int | None:
    """The process that was about to put this file in the place of another; None: it has its name.

    >>> writer_of("manifest.json.4711-1.new"), writer_of("manifest.json")
    (4711, None)
    """
    found = _WRITER.search(name)
    return int(found[1]) if found else None

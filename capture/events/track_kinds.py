"""What a track can be: a row for each kind. Views and frames ask the rows, and treat a kind that they do not know as a
lane of its process, with a stack.
"""

from __future__ import annotations

from typing import NamedTuple


class TrackKind(NamedTuple):
    """One kind. `heads`: it stands for a process, above the tracks that run in it, and has no stack.

    `is_os_thread`: the system says whether it waits and since when it runs, and its stack is told when it is found.
    """

    name: str
    says: str
    heads: bool = False
    is_os_thread: bool = False


TRACK_KINDS: tuple[TrackKind, ...] = (
    TrackKind("process", "A process.", heads=True),
    TrackKind("thread", "A thread of the operating system.", is_os_thread=True),
)
HEADS = frozenset(row.name for row in TRACK_KINDS if row.heads)
OS_THREADS = frozenset(row.name for row in TRACK_KINDS if row.is_os_thread)

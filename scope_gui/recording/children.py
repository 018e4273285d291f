"""What a process has started, as the kernel lists it. Asked a hundred times a second, it must cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CHILDREN_INTERVAL_NS = 8_000_000
"""Between two looks; one that lives for less may be missed, see `os_watch`."""

_MOST_PROCESSES = 256
_MOST_THREADS = 16


def family(pid: int) -> Iterator[int]:
    """A process and everything that it has started and that still runs, parents first."""
    waiting, given = [pid], 0
    while waiting and given < _MOST_PROCESSES:
        one = waiting.pop(0)
        yield one
        given += 1
        waiting += children_of(one)


def children_of(pid: int) -> list[int]:
    """The direct children of a process, by whichever of its threads; [] where the kernel does not list them.

    Of a process with many threads only those that its first one has started: a file for each thread took 240 ms for
    1 900 threads, and the recorder looks a hundred times a second.
    """
    tasks, found = Path(f"/proc/{pid}/task"), list[int]()
    try:
        count = tasks.stat().st_nlink - 2  # proc(5): a link for each thread
        for task in tasks.iterdir() if count <= _MOST_THREADS else (tasks / str(pid),):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    except OSError:
        pass
    return found

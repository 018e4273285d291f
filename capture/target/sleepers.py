"""Which threads of a process sleep, as the kernel tells it: looked at from outside, a slice at a time.

Source: capture/native/host/sleepers.c says what proves that a thread slept. One thread takes 3 to 4 µs (`make bench`).
"""

from __future__ import annotations

import ctypes
import resource
from dataclasses import dataclass
from pathlib import Path

from capture.hostlib import host_library
from capture.target.maps import read_maps
from capture.target.python_build import LIBRARY_NAME

KINDS = ("", "lock", "io", "sleep", "join")
"""Words of the table `waits`, by the C side's number; '': asleep, and nobody may know what for."""
LOCK, GIL = "lock", "gil"


MOST_CHANGES = 256  # that one look tells
MOST_FILES = 16_384


class _Change(ctypes.Structure):
    """One thread that fell asleep or woke; mirrors struct scope_sleep_change."""

    _fields_ = (
        ("at_ns", ctypes.c_int64),
        ("futex", ctypes.c_uint64),
        ("thread_id", ctypes.c_int32),
        ("sleeps", ctypes.c_uint16),
        ("why", ctypes.c_uint16),
    )


@dataclass(frozen=True, slots=True)
class SleepChange:
    """A thread sleeps at least since `at_ns`, for `kind`; or it has slept at least until then. CLOCK_MONOTONIC."""

    thread_id: int
    at_ns: int
    sleeps: bool
    kind: str


class Sleepers:
    """The threads of one process, looked at over and over.

    Raises (constructor): OSError when the process is gone, or its threads may not be looked at.
    """

    def __init__(self, pid: int) -> None:
        library = host_library()
        library.scope_sleepers_open.restype = ctypes.c_void_p
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
        opened = library.scope_sleepers_open(ctypes.c_int(pid), ctypes.c_int(min(files, MOST_FILES)))
        self._changes = (_Change * MOST_CHANGES)()
        self._round_ns = ctypes.c_int64()
        self._all: ctypes.c_void_p | None = ctypes.c_void_p(opened)
        if not self._all:
            raise OSError(ctypes.get_errno(), "the threads cannot be looked at")
        self._interpreter = interpreter_data(pid)

    def ask_all(self) -> None:
        """From now on each look reads each thread's state, not only what shows that it has run: for the last looks."""
        host_library().scope_sleepers_ask_all(self._all)

    def look(self, budget_ns: int) -> tuple[list[SleepChange], int]:
        """Looks at the next threads for about that long: (what has changed, the time up to which all is told, or 0).

        Such a time comes with the last thread of each round; it is when the round began.
        """
        found = host_library().scope_sleepers_look(
            self._all,
            ctypes.c_int64(budget_ns),
            ctypes.c_int(MOST_CHANGES),
            self._changes,
            ctypes.byref(self._round_ns),
        )
        changes = [
            SleepChange(
                thread_id=one.thread_id,
                at_ns=one.at_ns,
                sleeps=bool(one.sleeps),
                kind=self._kind(one),
            )
            for one in self._changes[:found]
        ]
        return changes, self._round_ns.value

    def _kind(self, change: _Change) -> str:
        """A thread that waits for the GIL sleeps on a lock inside the interpreter, as long as its holder keeps it."""
        kind = KINDS[change.why] if change.why < len(KINDS) else ""
        is_inside = kind == LOCK and any(start <= change.futex < end for start, end in self._interpreter)
        return GIL if is_inside else kind

    def close(self) -> None:
        """Lets go of the process. Harmless when repeated."""
        if self._all:
            host_library().scope_sleepers_close(self._all)
            self._all = None


def interpreter_data(pid: int) -> list[tuple[int, int]]:
    """Where the interpreter keeps its own variables, as [start, end): those of the file that it is in, and the zeroed
    memory behind them. Locks that programs make lie on the heap or on stacks, the GIL's lie here.

    Source: CPython, `_PyRuntime` with `_gil_runtime_state` (3.10 to 3.15), a static variable; the futex of
    `take_gil` on each of them, by our own tests.
    """
    try:
        executable = str(Path(f"/proc/{pid}/exe").readlink())
        mappings = read_maps(pid)
    except OSError:
        return []
    found: list[tuple[int, int]] = []
    for mapping in mappings:
        is_own = mapping.path == executable or LIBRARY_NAME.match(mapping.name)
        is_behind = found and not mapping.path and mapping.start == found[-1][1]
        if "w" in mapping.permissions and (is_own or is_behind):
            found.append((mapping.start, mapping.end))
    return found

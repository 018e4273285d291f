"""Looks at the processes of this machine once a second, and examines the ones that are asked for. No Qt.

Listing costs some 40 us a process, examining one some milliseconds (its executable is read): so only what is on the
screen is examined, the chosen one first, and an answer holds for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from capture.attach.doctor import Diagnosis, examine
from capture.target.processes import list_processes
from scope_gui.dialogs.process_lines import Key, ProcessLine, process_lines
from views.loop.events import Event
from views.reading.worker import Worker
from views.reading.worker_pool import WorkerPool

REFRESH_S = 1.0
HOLDS_S = 10.0


class ProcessWatch:
    """What it finds is told from threads of the pool, until `stop`."""

    def __init__(
        self,
        listed: Callable[[list[ProcessLine]], None],
        examined: Callable[[Key, Diagnosis], None],
        send: Callable[[Event], None],
        pool: WorkerPool,
    ) -> None:
        self._listed, self._examined = listed, examined
        self._used_s: dict[Key, float] = {}
        self._at_s = 0.0
        self._known: dict[Key, float] = {}
        self._wanted: list[Key] = []
        self._worker = Worker(pool, send)
        self._worker.do_every(REFRESH_S, self._list)

    def want(self, keys: Iterable[Key]) -> None:
        """Examines these soon, the first one first; those asked for before and not here are forgotten."""
        wanted = list(keys)
        self._worker.ask("examine", lambda: self._begin(wanted))

    def stop(self) -> None:
        """Looks no more."""
        self._worker.stop(forget=True)

    def _list(self) -> None:
        rows, now_s = list_processes(), time.monotonic()
        lines = process_lines(rows, time.time(), self._used_s, now_s - self._at_s)
        self._used_s = {(row.pid, row.create_time): row.cpu_s for row in rows}
        self._at_s = now_s
        self._known = {key: at_s for key, at_s in self._known.items() if key in self._used_s}
        self._listed(lines)

    def _begin(self, wanted: list[Key]) -> None:
        self._wanted = wanted
        self._examine_next(chosen=True)

    def _examine_next(self, *, chosen: bool = False) -> None:
        """One at a time, so that a new wish or the next list never waits for more than one of them."""
        now_s = time.monotonic()
        while self._wanted:
            key = self._wanted.pop(0)
            holds_s = REFRESH_S / 2 if chosen else HOLDS_S
            chosen = False
            if now_s - self._known.get(key, -HOLDS_S) < holds_s:
                continue
            self._known[key] = now_s
            self._examined(key, examine(key[0]))
            self._worker.ask("next", self._examine_next)
            return

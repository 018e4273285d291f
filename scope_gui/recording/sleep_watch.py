"""The recorded process's threads that sleep, written into the journal: what changes, and up to when all is known.

A slice of a look takes half a millisecond at most and comes between two turns of the drain. Of a core it takes a
64th: with 10 threads there is a look every 20 ms, with 200 every 60 ms, with 5 000 about every 1.3 s (`make bench`).
"""

from __future__ import annotations

import time
from dataclasses import replace

from capture import clock
from capture.target.sleepers import SleepChange, Sleepers
from capture.target.thread_numbers import ThreadNumbers
from scope_gui.recording.os_watch import Fact

PERIOD_NS = 20_000_000
SLICE_NS = 400_000
COST_SHARE = 64  # of the time that a slice takes, until the next one
FIRST_SHARE = 4  # in the first rounds, in which whoever sleeps is asked why
FIRST_ROUNDS = 2
MOST_ROWS = 2_000  # in one fact, which has to fit into a block


class SleepWatch:
    """Looks at the threads of one process, and says what has changed with the last of them."""

    def __init__(self, pid: int, process_serial: int, fact: Fact) -> None:
        self._due_ns = 0
        self._serial = process_serial
        self._fact = fact
        self._changes: list[SleepChange] = []
        self._rounds = 0
        self._sleepers: Sleepers | None = None
        self._numbers = ThreadNumbers(pid)
        try:
            self._sleepers = Sleepers(pid)
        except OSError:
            fact("unseen", process_serial=process_serial, code="thread-states")

    def look(self, now_ns: int, *, among: int = 1) -> None:
        """Looks at the next few threads, when it is time to; `among` so many processes the share is divided."""
        if now_ns < self._due_ns:
            return
        began_ns = time.thread_time_ns()
        known_ns = self._look()
        share = FIRST_SHARE if self._rounds < FIRST_ROUNDS else COST_SHARE
        self._due_ns = max(
            now_ns + share * among * (time.thread_time_ns() - began_ns), known_ns + PERIOD_NS if known_ns else 0
        )

    def end(self) -> None:
        """A last look at all of them, and lets go of the process."""
        if self._sleepers is None:
            return
        self._sleepers.ask_all()
        for _ in range(2):  # the round in hand has begun before now
            while not self._look():
                pass
        self._sleepers.close()
        self._sleepers = None

    def _look(self) -> int:
        """The time up to which all is known, when a round has ended and was told; else 0."""
        if self._sleepers is None:
            return clock.monotonic_ns()
        changes, known_ns = self._sleepers.look(SLICE_NS)
        self._changes += [known for change in changes if (known := self._as_known(change)).thread_id]
        if known_ns:
            self._rounds += 1
            told, self._changes = self._changes, []
            while len(told) > MOST_ROWS:
                self._tell(told[:MOST_ROWS], known_ns, more=True)
                told = told[MOST_ROWS:]
            self._tell(told, known_ns)
        return known_ns

    def _as_known(self, change: SleepChange) -> SleepChange:
        """The same of the thread as its program knows it."""
        own = self._numbers.own(change.thread_id)
        if not change.sleeps:
            self._numbers.forget(change.thread_id)
        return change if own == change.thread_id else replace(change, thread_id=own)

    def _tell(self, changes: list[SleepChange], known_ns: int, *, more: bool = False) -> None:
        self._fact(
            "sleepers",
            process_serial=self._serial,
            known_ns=known_ns,
            more=more,
            slept=[(one.thread_id, one.at_ns, one.kind) for one in changes if one.sleeps],
            woke=[(one.thread_id, one.at_ns) for one in changes if not one.sleeps],
        )

"""The one pool of threads of a window, shared by all that is slow: a free one takes what is most urgent. No Qt.

Each window has few threads, because they share the interpreter with painting. What is less urgent leaves some of them
free: a frame never waits for the segments of a timeline, nor those that are visible for the rest of the session.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum

Work = Callable[[], None]

_log = logging.getLogger(__name__)


class Priority(IntEnum):
    """How urgent work is: what painting waits for, what is visible, the rest."""

    FRAME = 0
    VISIBLE = 1
    REST = 2


MOST = {Priority.FRAME: 4, Priority.VISIBLE: 3, Priority.REST: 2}
"""How many threads may be at work of this urgency or a lower one."""
CALM_S = 0.3  # longer than between two strokes of a held key


class WorkerPool:
    """Threads that begin when there is work; they end when there is none, unless somebody holds the pool.

    Any thread may use it.
    """

    def __init__(self) -> None:
        """No thread has begun."""
        self._changed = threading.Condition()
        self._waiting: dict[Priority, deque[Work]] = {priority: deque() for priority in Priority}
        self._later: list[tuple[float, int, Priority, Work]] = []
        self._numbers = itertools.count()
        self._at_work = dict.fromkeys(Priority, 0)
        self._threads = self._idle = self._holds = 0
        self._frame_s = -math.inf  # when the last frame was made

    def submit(self, priority: Priority, work: Work, after_s: float = 0.0) -> None:
        """Does this soon, or after a while; first come first served among what is as urgent."""
        with self._changed:
            if after_s > 0:
                heapq.heappush(self._later, (time.monotonic() + after_s, next(self._numbers), priority, work))
            else:
                self._waiting[priority].append(work)
            self._call_a_thread()

    def forget(self, work: Work) -> None:
        """Does not do later what was to be done after a while."""
        with self._changed:
            self._later = [one for one in self._later if one[3] != work]
            heapq.heapify(self._later)
            self._changed.notify_all()

    def settle(self, seconds: float) -> bool:
        """Waits until nothing is at work, for so long at most; False when something still is.

        A thread that is in a library's code when the interpreter ends takes the process down with it.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(self._at_work.values()) and not any(self._waiting.values()), seconds
            )

    def give_way(self, is_given_up: Callable[[], bool]) -> None:
        """Waits while somebody scrubs: until no frame has been wanted for CALM_S, or it is given up.

        Few cores and one interpreter are shared: what nobody waits for would cost each key half of its time.
        """
        with self._changed:
            while not is_given_up():
                busy = self._at_work[Priority.FRAME] or self._waiting[Priority.FRAME]
                left_s = CALM_S if busy else self._frame_s + CALM_S - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(min(left_s, 0.05))  # who gives it up cannot call us

    def hold(self) -> None:
        """Keeps one more thread that has nothing to do: the next question need not wait for one to begin."""
        with self._changed:
            self._holds += 1

    def release(self) -> None:
        """Takes one `hold` back."""
        with self._changed:
            self._holds -= 1
            self._changed.notify_all()

    def _call_a_thread(self) -> None:
        """Under the lock."""
        if self._idle:
            self._changed.notify_all()  # one call could reach who gives way, and the work would wait for good
        elif self._threads < MOST[Priority.FRAME]:
            self._threads += 1
            threading.Thread(target=self._run, name=f"scope-{self._threads}", daemon=True).start()

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            priority, work = taken
            try:
                work()
            except Exception:  # a bug of ours: who submits work says what fails in it
                _log.exception("work of the pool failed")
            del work, taken  # what it holds need not wait for the next one
            with self._changed:
                self._at_work[priority] -= 1
                if priority is Priority.FRAME:
                    self._frame_s = time.monotonic()
                self._changed.notify_all()

    def _next(self) -> tuple[Priority, Work] | None:
        """The most urgent work there is room for; None when the thread is not needed any more."""
        with self._changed:
            while True:
                now_s = time.monotonic()
                while self._later and self._later[0][0] <= now_s:
                    _, _, priority, work = heapq.heappop(self._later)
                    self._waiting[priority].append(work)
                for priority in Priority:
                    if self._waiting[priority] and self._has_room(priority):
                        self._at_work[priority] += 1
                        work = self._waiting[priority].popleft()
                        if any(self._waiting.values()):  # one call may have been meant for two
                            self._call_a_thread()
                        return priority, work
                if not self._is_needed():
                    self._threads -= 1
                    return None
                self._idle += 1
                self._changed.wait(self._later[0][0] - now_s if self._later else None)
                self._idle -= 1

    def _has_room(self, priority: Priority) -> bool:
        return all(
            sum(self._at_work[other] for other in Priority if other >= limit) < MOST[limit]
            for limit in Priority
            if limit <= priority
        )

    def _is_needed(self) -> bool:
        """Whether an idle thread is to wait: it is held, or the only one who would see to what comes later."""
        return self._idle < self._holds or (bool(self._later or any(self._waiting.values())) and not self._idle)


class Onward:
    """Reads on by itself, a piece at a time, as long as there is more. Any thread may use it."""

    def __init__(self, pool: WorkerPool, more: Callable[[], Priority | None], read: Work, ended: Work) -> None:
        """`more` says how urgent the next piece is, None: there is none; `read` reads it. `ended` is called once there
        is no more. All of them are called one at a time, on threads of the pool, or `more` on the caller's.
        """
        self._pool, self._more, self._read, self._ended = pool, more, read, ended
        self._changed = threading.Condition()
        self._reading = self._ending = False

    def begin(self) -> None:
        """Reads on if there is anything to read; returns at once."""
        with self._changed:
            if not (self._reading or self._ending):
                self._go_on()

    @property
    def is_reading(self) -> bool:
        """Whether there is still something to read."""
        return self._reading

    def wait(self) -> None:
        """Returns when there is nothing more to read."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._reading or self._ending))

    def _go_on(self) -> None:
        """Under the lock."""
        priority = self._more()
        self._reading = priority is not None
        if priority is not None:
            self._pool.submit(priority, self._read_one)

    def _read_one(self) -> None:
        try:
            self._read()
        except Exception:  # a bug of ours: the next piece may well be read
            _log.exception("reading a piece failed")
        with self._changed:
            self._go_on()
            self._ending = not self._reading
        if self._ending:
            try:
                self._ended()
            finally:
                with self._changed:
                    self._ending = False
                    self._go_on()  # more may be wanted since
                    self._changed.notify_all()

"""Slow answers, one at a time: the newest question of a kind replaces the last, and what fails is told. No Qt."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from capture.errors import ScopeError
from views.loop.events import Event, Tell
from views.loop.state import Notice
from views.reading.worker_pool import Priority, Work, WorkerPool

Send = Callable[[Event], None]

_log = logging.getLogger(__name__)


class Worker:
    """Does what it is asked on threads of a pool, first come first served, never two things at once; a slot holds one
    question only. So it may own what only one thread may use at a time.
    """

    def __init__(self, pool: WorkerPool, send: Send, priority: Priority = Priority.VISIBLE) -> None:
        """What fails is told as a notice, because nobody waits for it. `priority` is that of questions."""
        self._pool, self._send, self._priority = pool, send, priority
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._changed = threading.Condition()
        self._stopping = self._at_work = False
        self._planned: tuple[float, Priority] | None = None
        self._regular: tuple[float, Work] | None = None
        self._regular_due_s = 0.0
        self._spare: Iterator[None] = iter(())
        self._spare_due_s: float | None = None
        pool.hold()

    def ask(self, slot: str, work: Work) -> None:
        """Does this soon. A question of the same slot that has not begun is forgotten."""
        with self._changed:
            if not self._stopping:
                self._waiting[slot] = work
                self._plan()

    def do_every(self, seconds: float, work: Work | None) -> None:
        """Does this regularly between the questions; None: nothing any more."""
        with self._changed:
            self._regular = None if work is None else (seconds, work)
            self._plan()

    def when_idle(self, pieces: Iterator[None], after_s: float) -> None:
        """Goes through this, piece by piece, after a while and only as long as nothing else is to be done.

        What it went through until now is forgotten. The iterator is used by the worker alone.
        """
        with self._changed:
            self._spare, self._spare_due_s = pieces, time.monotonic() + after_s
            self._plan()

    def stop(self, *, forget: bool) -> None:
        """Finishes what it is at, and what still waits unless that may be forgotten; then does nothing any more.

        Harmless when repeated.
        """
        with self._changed:
            was_stopped, self._stopping = self._stopping, True
            if forget:
                self._waiting.clear()
            self._changed.wait_for(lambda: not (self._at_work or self._waiting))
            self._spare, self._regular, self._spare_due_s = iter(()), None, None
        if not was_stopped:
            self._pool.forget(self._turn)
            self._pool.release()

    def _plan(self) -> None:
        """Under the lock: has the pool come back when there is something to do, unless it does so already."""
        now_s = time.monotonic()
        due_s, priority = now_s, self._priority
        if not self._waiting:
            dues = [(self._regular_due_s, Priority.VISIBLE)] if self._regular is not None else []
            dues += [(self._spare_due_s, Priority.VISIBLE)] if self._spare_due_s is not None else []
            if self._stopping or not dues:
                return
            due_s, priority = min(dues)
        planned = self._planned
        if self._at_work or (planned is not None and planned[0] <= due_s and planned[1] <= priority):
            return
        self._planned = max(due_s, now_s), priority
        self._pool.submit(priority, self._turn, due_s - now_s)

    def _next(self) -> Work | None:
        """Under the lock: what is due now."""
        now_s = time.monotonic()
        if self._waiting:
            return self._waiting.popitem(last=False)[1]
        if self._stopping:
            return None
        if self._regular is not None and self._regular_due_s <= now_s:
            self._regular_due_s = now_s + self._regular[0]
            return self._regular[1]
        if self._spare_due_s is not None and self._spare_due_s <= now_s:
            return self._go_through_spare
        return None

    def _turn(self) -> None:
        """One thing, then whatever is more urgent elsewhere."""
        with self._changed:
            if self._at_work:
                return
            self._planned = None
            work = self._next()
            self._at_work = work is not None
            if work is None:
                self._plan()
                return
        try:
            self._do(work)
        finally:
            with self._changed:
                self._at_work = False
                self._plan()
                self._changed.notify_all()

    def _go_through_spare(self) -> None:
        spare, is_over = self._spare, object()
        if next(spare, is_over) is is_over:
            with self._changed:
                if self._spare is spare:
                    self._spare_due_s = None

    def _do(self, work: Work) -> None:
        try:
            work()
        except ScopeError as problem:
            self._send(Tell(notice=Notice(str(problem), serious=True)))
        except OSError as error:
            self._send(Tell(notice=Notice(f"The session cannot be read: {error.strerror}.", serious=True)))
        except Exception as error:  # a bug of ours: the next question may well be answered
            _log.exception("a worker of the window failed")
            what = f"{type(error).__name__}: {error}"
            sentence = f"Something in this window failed ({what}); the recording is not affected."
            self._send(Tell(notice=Notice(sentence, serious=True)))

"""A thread for slow answers: the newest question of a kind replaces the last, and what fails is told. No Qt."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from capture.errors import ScopeError
from views.loop.events import Event, Tell
from views.loop.state import Notice

Send = Callable[[Event], None]
Work = Callable[[], None]

_log = logging.getLogger(__name__)


class Worker:
    """One thread that does what it is asked, first come first served; a slot holds one question only."""

    def __init__(self, name: str, send: Send) -> None:
        """Starts the thread. What fails in it is told as a notice, because nobody waits for it."""
        self._send = send
        self._waiting: OrderedDict[str, Work] = OrderedDict()
        self._changed = threading.Condition()
        self._stopping = False
        self._regular: tuple[float, Work] | None = None
        self._regular_due_s = 0.0
        self._spare: Iterator[None] = iter(())
        self._spare_due_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, slot: str, work: Work) -> None:
        """Does this soon. A question of the same slot that has not begun is forgotten."""
        with self._changed:
            self._waiting[slot] = work
            self._changed.notify()

    def do_every(self, seconds: float, work: Work | None) -> None:
        """Does this regularly between the questions; None: nothing any more."""
        with self._changed:
            self._regular = None if work is None else (seconds, work)
            self._changed.notify()

    def when_idle(self, pieces: Iterator[None], after_s: float) -> None:
        """Goes through this, piece by piece, after a while and only as long as nothing else is to be done.

        What it went through until now is forgotten. The iterator is used by the worker's thread alone.
        """
        with self._changed:
            self._spare, self._spare_due_s = pieces, time.monotonic() + after_s
            self._changed.notify()

    def stop(self, *, forget: bool) -> None:
        """Finishes what it is at, and what still waits unless that may be forgotten; then ends the thread."""
        with self._changed:
            self._stopping = True
            if forget:
                self._waiting.clear()
            self._changed.notify()
        self._thread.join()
        self._spare, self._regular = iter(()), None  # what they hold need not wait for the collector of cycles

    def _next(self) -> Work | None:
        """What to do now, once there is something; None when it is time to stop."""
        with self._changed:
            while True:
                if self._waiting:
                    return self._waiting.popitem(last=False)[1]
                if self._stopping:
                    return None
                now_s = time.monotonic()
                if self._regular is not None and self._regular_due_s <= now_s:
                    self._regular_due_s = now_s + self._regular[0]
                    return self._regular[1]
                if self._spare_due_s is not None and self._spare_due_s <= now_s:
                    return self._go_through_spare
                dues_s = [self._regular_due_s] if self._regular is not None else []
                dues_s += [self._spare_due_s] if self._spare_due_s is not None else []
                self._changed.wait(min(dues_s) - now_s if dues_s else None)

    def _go_through_spare(self) -> None:
        spare, is_over = self._spare, object()
        if next(spare, is_over) is is_over:
            with self._changed:
                if self._spare is spare:
                    self._spare_due_s = None

    def _run(self) -> None:
        while (work := self._next()) is not None:
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

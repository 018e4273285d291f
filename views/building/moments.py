"""Looks at moments of the visible stretch, beside the thread that paints. No Qt."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from capture.session.session import Session
from views.building.trend import MOMENTS, Moment, Trend, moment_at, moments_of
from views.loop.state import Assigns
from views.reading.recent_calls import window_ns
from views.reading.source import Source
from views.reading.worker_pool import Onward, Priority

KEPT = 4 * MOMENTS


_ahead: WeakKeyDictionary[Source, Moments] = WeakKeyDictionary()


def look_ahead(source: Source, assigns: Assigns) -> Callable[[], None]:
    """Begins to look at what is visible before there is a view of it, which takes it over; gives what ends it."""
    _ahead[source] = moments = Moments(source, lambda: None)
    moments.want(assigns.visible_ns)
    return moments.close


def moments_of_view(source: Source, tell: Callable[[], None]) -> Moments:
    """Those that a view of this source shows: what has been begun for it, if anything has."""
    moments = _ahead.pop(source, None)
    if moments is None:
        return Moments(source, tell)
    moments.tell = tell
    return moments


class Moments:
    """The trend of whatever stretch is wanted; moments that were looked at are kept for a while."""

    def __init__(self, source: Source, tell: Callable[[], None]) -> None:
        """`tell` is called on a thread of the pool once all moments of the stretch have been looked at."""
        self._source, self._session = source, source.session
        self.tell = tell
        self._lock = threading.Lock()
        self._known: dict[int, Moment] = {}
        self._wanted: tuple[int, ...] = ()
        self._missing: deque[int] = deque()
        self._in_hand: int | None = None
        self._onward = Onward(source.pool, self._more, self._read_next, self._ended)

    def want(self, visible_ns: tuple[int, int]) -> None:
        """Looks at what is not known of that stretch; returns at once."""
        session = self._source.session
        if session is None:
            return
        inside = max(visible_ns[0], session.start_ns), min(visible_ns[1], session.end_ns)
        wanted = moments_of(inside, session.start_ns, window_ns(session, inside[1]))
        with self._lock:
            self._wanted = wanted
            self._missing = deque(at for at in wanted if at not in self._known and at != self._in_hand)
        self._onward.begin()

    def follow(self, session: Session | None) -> None:
        """Of this session from now on; forgets what it knows of another one."""
        with self._lock:
            if session is not self._session:
                self._session, self._known, self._wanted, self._in_hand = session, {}, (), None
                self._missing.clear()

    @property
    def trend(self) -> Trend:
        """What is known of the stretch."""
        with self._lock:
            return Trend(tuple(self._known[at_ns] for at_ns in self._wanted if at_ns in self._known))

    @property
    def is_reading(self) -> bool:
        """Whether there is still something to look at."""
        return self._onward.is_reading

    def wait(self) -> None:
        """Returns when there is nothing more to look at."""
        self._onward.wait()

    def close(self) -> None:
        """Looks at nothing more. Harmless when repeated."""
        with self._lock:
            self._missing.clear()
        self.wait()

    def _ended(self) -> None:
        self.tell()

    def _more(self) -> Priority | None:
        return Priority.REST if self._missing else None

    def _read_next(self) -> None:
        with self._lock:
            if not self._missing:
                return
            at_ns = self._in_hand = self._missing.popleft()
        pinned = self._source.pinned()
        found: Moment | None = None
        try:
            found = moment_at(pinned, at_ns)
        finally:
            with self._lock:
                self._in_hand = None
                if found is not None and self._source.is_of(pinned):
                    self._known[at_ns] = found
                while len(self._known) > KEPT:
                    del self._known[next(at for at in self._known if at not in self._wanted)]

"""What ran just before the frame's instant, as several views ask for it.

Finding it reads files, so the worker that makes a frame asks first; the views, which are patched for that frame, get
the same answer from memory. The last few answers of each source are kept: the worker may be a frame ahead.
The stretch is a second; where a program makes a million calls in one, a shorter one keeps a scrub step fluent, and
every view says which stretch it shows.
"""

from __future__ import annotations

import threading
from collections import deque
from weakref import WeakKeyDictionary

from capture.session.session import Session
from dags.analyses.recent_calls import RecentCalls, recent_calls
from dags.frame_parts import Frame
from views.reading.source import Source

WINDOWS_NS = (1_000_000_000, 100_000_000, 10_000_000, 1_000_000)
MAX_EVENTS = 250_000

KEPT = 4

_lock = threading.Lock()
_last: WeakKeyDictionary[Source, deque[tuple[Frame, RecentCalls]]] = WeakKeyDictionary()


def recent(source: Source, frame: Frame | None) -> RecentCalls:
    """The calls of the stretch that ends with the frame; it is cut at the beginning of the recording."""
    if frame is None:
        return recent_calls(source.calls_between(0, -1), None, 0, 0)
    with _lock:
        kept = _last.setdefault(source, deque(maxlen=KEPT))
        known = next((found for of, found in kept if of is frame), None)
    if known is not None:
        return known
    session = source.session
    start_ns, begin_ns = frame.time_ns - WINDOWS_NS[0], 0
    if session is not None:
        start_ns, begin_ns = frame.time_ns - window_ns(session, frame.time_ns), session.start_ns
    start_ns = min(max(start_ns, begin_ns), frame.time_ns)
    found = recent_calls(
        source.calls_between(start_ns, frame.time_ns),
        frame,
        start_ns,
        frame.time_ns,
        waits=source.waits_between(start_ns, frame.time_ns),
        cpu_shares=source.cpu_shares_between(start_ns, frame.time_ns),
    )
    with _lock:
        kept.append((frame, found))
    return found


def window_ns(session: Session, time_ns: int) -> int:
    """The longest of WINDOWS_NS before that instant with no more than about MAX_EVENTS events."""
    return next((ns for ns in WINDOWS_NS if _events(session, time_ns - ns, time_ns) <= MAX_EVENTS), WINDOWS_NS[-1])


def _events(session: Session, start_ns: int, end_ns: int) -> int:
    """About how many events a stretch has, from the manifest alone."""
    found = 0.0
    last = session.segment_at(end_ns)
    for segment in reversed(session.segments[: 0 if last is None else last + 1]):
        if segment.end_ns < start_ns:
            break
        length_ns = max(segment.end_ns - segment.start_ns, 1)
        inside_ns = min(segment.end_ns, end_ns) - max(segment.start_ns, start_ns)
        found += segment.events * min(max(inside_ns, 0) / length_ns, 1.0)
    return int(found)

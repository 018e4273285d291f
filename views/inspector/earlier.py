"""What a state was before the version in force: looked up in the table of states, a few segments at a time. No Qt.

The worker that makes a frame asks first, so that the view, which asks for the same while it is patched, reads no file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.frame_parts import Frame, FrameState
from views.inspector.layout import MAX_COMPARED, shown_states
from views.loop.state import Selection
from views.reading.source import Source

MAX_SEGMENTS_AT_ONCE = 4
MAX_KEPT_SEGMENTS = 32


class EarlierValues:
    """The values that versions replaced. Of many segments only the newest few are read per question.

    Any thread may ask.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._kept: OrderedDict[tuple[int, int], dict[int, str]] = OrderedDict()

    def of(self, session: Session | None, states: Sequence[FrameState]) -> dict[int, str]:
        """By version id the value before it; versions that replaced none, or are too far away, are left out."""
        with self._lock:
            if session is not self._session:
                self._session = session
                self._kept.clear()
        if session is None:
            return {}
        pinned = session.pinned()
        found: dict[int, str] = {}
        read = 0
        for state in sorted(states, key=lambda state: -state.since_ns):
            index = pinned.segment_at(state.since_ns)
            if index is None or index >= len(pinned.segments):
                continue
            segment = pinned.segments[index]
            key = (segment.seq, segment.events)
            with self._lock:
                replaced = self._kept.get(key)
            if replaced is None:
                if read == MAX_SEGMENTS_AT_ONCE:
                    continue
                read += 1
                replaced = _replaced(pinned, index)
            with self._lock:
                if session is self._session:
                    self._kept[key] = replaced
                    self._kept.move_to_end(key)
                    while len(self._kept) > MAX_KEPT_SEGMENTS:
                        self._kept.popitem(last=False)
            old = replaced.get(state.version_id)
            if old is not None:
                found[state.version_id] = old
        return found


_of_source: WeakKeyDictionary[Source, EarlierValues] = WeakKeyDictionary()


def earlier_values(source: Source) -> EarlierValues:
    """Those of the session that this source shows; the same for everybody who asks."""
    return _of_source.setdefault(source, EarlierValues())


def look_up(source: Source, session: Session, frame: Frame, selection: Selection | None) -> None:
    """Reads what the inspector will ask for while it is patched for this frame."""
    earlier_values(source).of(session, shown_states(frame, selection)[:MAX_COMPARED])


def _replaced(session: Session, index: int) -> dict[int, str]:
    try:
        table = session.segment_table(index, "states", ("version_id", "old"))
    except (OSError, SessionProblem, IndexError):  # closed or merged away meanwhile
        return {}
    pairs = zip(table.column("version_id").to_pylist(), table.column("old").to_pylist(), strict=True)
    return {version: old for version, old in pairs if old is not None}

"""What a state was before the version in force: looked up in the table of states, a few segments at a time. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from capture.errors import SessionProblem
from capture.session import Session
from dags.frame_parts import FrameState

MAX_SEGMENTS_AT_ONCE = 4
MAX_KEPT_SEGMENTS = 32


class EarlierValues:
    """The values that versions replaced. Of many segments only the newest few are read per question."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._session: Session | None = None
        self._kept: OrderedDict[tuple[int, int], dict[int, str]] = OrderedDict()

    def of(self, session: Session | None, states: Sequence[FrameState]) -> dict[int, str]:
        """By version id the value before it; versions that replaced none, or are too far away, are left out."""
        if session is not self._session:
            self._session = session
            self._kept.clear()
        if session is None:
            return {}
        session = session.pinned()
        found: dict[int, str] = {}
        read = 0
        for state in sorted(states, key=lambda state: -state.since_ns):
            index = session.segment_at(state.since_ns)
            if index is None or index >= len(session.segments):
                continue
            segment = session.segments[index]
            key = (segment.seq, segment.events)
            if key not in self._kept:
                if read == MAX_SEGMENTS_AT_ONCE:
                    continue
                read += 1
                self._kept[key] = _replaced(session, index)
                while len(self._kept) > MAX_KEPT_SEGMENTS:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
            old = self._kept[key].get(state.version_id)
            if old is not None:
                found[state.version_id] = old
        return found


def _replaced(session: Session, index: int) -> dict[int, str]:
    try:
        table = session.segment_table(index, "states", ("version_id", "old"))
    except (OSError, SessionProblem, IndexError):  # closed or merged away meanwhile
        return {}
    pairs = zip(table.column("version_id").to_pylist(), table.column("old").to_pylist(), strict=True)
    return {version: old for version, old in pairs if old is not None}

"""What is known to be missing from a session, as one sentence for the person at the window. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from capture.session.format import SegmentEntry
from capture.session.session import Session
from views.words.figures import count_text, duration_text

_NAMED = {"sites": "functions", "tracks": "threads", "processes": "processes", "state_keys": "state"}
Damage = tuple[bool, tuple[int, ...], tuple[str, ...]]


def known_damage(session: Session) -> Damage:
    """What can be told apart: whether the session is still there, its damaged segments, and whatever else is wrong.

    A segment is many files, which are found damaged one by one; it is told of once.
    """
    others = tuple(problem.what for problem in session.problems if problem.start_ns is None)
    return session.path.exists(), tuple(part.seq for part in session.damaged_segments()), others


def damage_sentence(session: Session) -> str:
    """What is missing, and what says more about it; '' when nothing is known to be."""
    if not session.path.exists():
        return f"{session.path} is not there any more; what has been read of it already can still be looked at."
    parts = session.damaged_segments()
    lost_names = sorted(
        {
            _NAMED[table]
            for name, segment in list(session.reader.damaged.items())
            if segment is None and (table := name.split(".")[-2]) in _NAMED
        }
    )
    said = []
    if parts:
        said.append(f"what was recorded {_stretches(parts)} cannot be read, or only in part")
    if lost_names:
        said.append(f"names of {' and '.join(lost_names)} are lost")
    if said:
        return f"{session.path.name} is damaged: {'; '.join(said)}. `scope-gui verify` lists every file."
    return session.problems[0].what if session.problems else ""


def _stretches(parts: Sequence[SegmentEntry]) -> str:
    """`from 1.2 s to 1.4 s (667 events)`, or how many such stretches there are and where."""
    joined: list[tuple[int, int]] = []
    for part in parts:
        if joined and joined[-1][1] == part.start_ns:
            joined[-1] = (joined[-1][0], part.end_ns)
        else:
            joined.append((part.start_ns, part.end_ns))
    span = f"{duration_text(joined[0][0])} to {duration_text(joined[-1][1])}"
    events = f"{count_text(sum(part.events for part in parts))} events"
    if len(joined) == 1:
        return f"from {span} ({events})"
    return f"in {len(joined)} stretches between {span} ({events} in all)"

"""Whether a session's caches say what a replay of its events says: a cache that lies lies in every answer.

A cache's checksum proves that it is whole, not that it is true. One of another version, or that nobody can decode, is
passed over by its readers and lies to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capture.errors import FormatError
from capture.session.format import Problem, SegmentEntry, is_newer
from dags.analyses.segment_caches import SEGMENT_CACHES
from dags.correlate.keyframe import decode_keyframe
from dags.correlate.replay import rebuild

if TYPE_CHECKING:
    from capture.session.session import Session


def lying_caches(session: Session) -> Iterator[Problem]:
    """What is wrong in the caches of a finished session, by replaying all of it.

    Nothing where a segment is damaged: nobody can tell then what came after it. A newer Scope's caches may hold what
    events mean that only it knows.
    """
    if session.live or session.damaged_segments():
        return
    if is_newer(session.manifest):
        yield Problem("Its caches were not compared with its events, of which a newer Scope knows more.", lost=False)
        return
    for index, keyframe in rebuild(session):
        segment, stored = session.segments[index], session.keyframe(index)
        if stored is not None and stored != keyframe and _is_believed(stored, segment):
            yield _problem(segment, "its keyframe does not say what its events say")
        for row in SEGMENT_CACHES:
            kept = row.function("kept")(session, index)
            if kept is not None and kept != row.function("rebuilt")(session, index):
                yield _problem(segment, f"its {row.says} does not say what its events say")


def _is_believed(keyframe: bytes, segment: SegmentEntry) -> bool:
    """Whether readers start from it."""
    try:
        return decode_keyframe(keyframe).event_id == segment.first_event_id - 1
    except FormatError:
        return False


def _problem(segment: SegmentEntry, what: str) -> Problem:
    told = f"Segment {segment.seq}: {what}; `scope-gui index` writes it again."
    return Problem(told, start_ns=segment.start_ns, end_ns=segment.end_ns)

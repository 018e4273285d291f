"""Keyframes: every DAG's full state at the first instant of a segment, as bytes; and how to make lost ones again.

A keyframe is a cache. It is decoded as carefully as anything else in a file, and a damaged one is rebuilt by
replaying from the nearest sound one before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from capture.errors import FormatError
from dags.base import KeptId, KeptNs, decoded
from dags.process.waiting import SegmentWaits

if TYPE_CHECKING:
    from capture.session.session import Session
    from dags.correlate.correlator import Correlator

KEYFRAME_VERSION = 1


class Keyframe(msgspec.Struct, frozen=True, kw_only=True):
    """One keyframe; `event_id` is the last event before it."""

    version: int
    event_id: KeptId
    time_ns: KeptNs
    dags: dict[str, bytes]


def decode_keyframe(data: bytes) -> Keyframe:
    """The keyframe.

    Raises: FormatError when the bytes are none of this version.
    """
    keyframe = decoded(data, Keyframe)
    if keyframe.version != KEYFRAME_VERSION:
        raise FormatError(f"a keyframe of version {keyframe.version}; this program reads {KEYFRAME_VERSION}")
    return keyframe


def state_before(session: Session, segment: int) -> Correlator:
    """The state just before a segment's events: its keyframe, or a replay from the nearest sound one before it."""
    wanted = start = session.same_state_from(segment)
    while (found := _from_keyframe(session, start)) is None and start:
        start = session.same_state_from(start - 1)
    if found is None:
        found = _empty()
    for between in session.with_rows[bisect_left(session.with_rows, start) : bisect_left(session.with_rows, wanted)]:
        _feed(found, session, between)
    found.skip_to(session.segments[segment].first_event_id)
    return found


def rebuild(session: Session) -> Iterator[tuple[int, bytes]]:
    """(segment index, keyframe) of every segment that begins with a state of its own, made anew by one replay."""
    state = _empty()
    for index in session.keyframe_places():
        state.skip_to(session.segments[index].first_event_id)
        yield index, state.keyframe()
        _feed(state, session, index)


def _feed(state: Correlator, session: Session, index: int) -> None:
    state.feed(session.events(index), session.tracks())
    state.process.feed_waits(SegmentWaits(session, index).rows)


def _from_keyframe(session: Session, segment: int) -> Correlator | None:
    from dags.correlate.correlator import Correlator  # noqa: PLC0415 - the correlator writes keyframes, this module reads them

    data = session.keyframe(segment)
    if data is None:
        return None
    try:
        found = Correlator.from_keyframe(data)
    except FormatError:
        return None
    return found if found.temporal.moment.event_id == session.segments[segment].first_event_id - 1 else None


def _empty() -> Correlator:
    from dags.correlate.correlator import Correlator  # noqa: PLC0415

    return Correlator()

"""Frames, and how many segments of the session were read for them."""

from __future__ import annotations

from unittest import mock

from capture.events.batch import EventBatch
from capture.session.session import Session
from dags.frame.reader import Frame, FrameReader


def frame_and_reads(session: Session, time_ns: int) -> tuple[int, Frame]:
    """(segments whose events were read, the frame), by a reader that knows nothing yet."""
    read, events = list[int](), session.events

    def counted(index: int) -> EventBatch:
        read.append(index)
        return events(index)

    with mock.patch.object(session, "events", counted):
        frame = FrameReader(session).at(time_ns)
    return len(set(read)), frame

"""Reading on in the direction of the strides, so that the next frame is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.frame.reader import FrameReader
from tests.sessions import build_session
from views.reading.ahead import Ahead, likely_next
from views.reading.source import Source


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(build_session(tmp_path / "orders.scope", events=900, tracks=2, segments=6).path) as session:
        yield session


def test_the_next_stride_is_as_long_as_the_last(session: Session) -> None:
    starts = [segment.start_ns for segment in session.segments]
    stride_ns = starts[2] - starts[1]
    assert likely_next(session, starts[1], starts[2]) == (
        session.segment_at(starts[2] + stride_ns),
        2 * starts[2] - starts[1],
    )
    backward = likely_next(session, starts[4], starts[3])
    assert backward is not None
    assert backward[1] == 2 * starts[3] - starts[4]


def test_small_steps_lead_to_the_edge_of_the_next_segment(session: Session) -> None:
    inside_ns = session.segments[2].start_ns + 10
    assert likely_next(session, inside_ns - 1, inside_ns) == (3, session.segments[3].start_ns)
    assert likely_next(session, inside_ns + 1, inside_ns) == (1, session.segments[1].end_ns)


def test_nothing_lies_beyond_the_ends_nor_where_nobody_moved(session: Session) -> None:
    assert likely_next(session, session.end_ns - 1, session.end_ns) is None
    assert likely_next(session, session.start_ns + 1, session.start_ns) is None
    assert likely_next(session, 5, 5) is None


def test_what_was_read_ahead_is_not_read_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(session)
    frames = FrameReader(session, events=source.segment_events)
    ahead = Ahead(session, source, frames)
    here_ns = session.segments[2].start_ns + 10
    assert list(ahead.pieces(here_ns - 1)) == []
    assert len(list(ahead.pieces(here_ns))) == 3
    there_ns = session.segments[3].start_ns
    wanted = FrameReader(session).at(there_ns)

    def fail(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(Session, "events", fail)
    monkeypatch.setattr(Session, "calls", fail)
    assert frames.at(there_ns) == wanted
    assert len(source.segment_events(3)) == session.segments[3].events
    source.calls_between(there_ns - 1, there_ns)

"""Reading on in the direction of the strides, so that the next answer is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from capture.session.format import Problem
from capture.session.session import Session
from dags.frame.asked import PARTS
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from tests.sessions import build_session
from views.reading.ahead import Ahead, next_edge, next_stride
from views.reading.recent_calls import recent
from views.reading.source import Source


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(build_session(tmp_path / "orders.scope", events=900, tracks=2, segments=6).path) as session:
        yield session


def test_the_next_stride_is_as_long_as_the_last(session: Session) -> None:
    starts = [segment.start_ns for segment in session.segments]
    assert next_stride(session, starts[1], starts[2]) == 2 * starts[2] - starts[1]
    assert next_stride(session, starts[4], starts[3]) == 2 * starts[3] - starts[4]


def test_a_frame_made_ahead_is_the_answer_only_with_all_parts_that_are_asked_for(session: Session) -> None:
    source = Source(session)
    ahead = Ahead(session, source, FrameReader(session, events=source.segment_events))
    here_ns, there_ns = session.segments[1].start_ns, session.segments[2].start_ns
    parts = frozenset({"tracks", "stacks"})
    list(ahead.pieces(here_ns, parts=parts))
    list(ahead.pieces(there_ns, parts=parts))
    next_ns = 2 * there_ns - here_ns
    made = ahead.frame_at(next_ns, {"tracks"})
    assert made is ahead.frame_at(next_ns, parts)
    assert made.left_out == sorted(PARTS - parts)
    assert ahead.frame_at(next_ns).left_out == []
    assert ahead.frame_at(next_ns, parts | {"states"}).left_out == ["metrics", "processes"]


def test_small_steps_lead_to_the_edge_of_the_next_segment(session: Session) -> None:
    inside_ns = session.segments[2].start_ns + 10
    assert next_stride(session, inside_ns - 1, inside_ns) is None
    assert next_edge(session, inside_ns - 1, inside_ns) == (3, session.segments[3].start_ns)
    assert next_edge(session, inside_ns + 1, inside_ns) == (1, session.segments[1].end_ns)


def test_a_stride_over_many_events_of_one_segment_counts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = session.segments[2]
    stride_ns = (segment.end_ns - segment.start_ns) // 3
    here_ns = segment.start_ns + stride_ns
    assert next_stride(session, segment.start_ns, here_ns) is None
    monkeypatch.setattr("views.reading.ahead.STEP_ROWS", segment.events // 4)
    assert next_stride(session, segment.start_ns, here_ns) == here_ns + stride_ns


def test_nothing_lies_beyond_the_ends_nor_where_nobody_moved(session: Session) -> None:
    for last_ns, time_ns in ((session.end_ns - 1, session.end_ns), (session.start_ns + 1, session.start_ns), (5, 5)):
        assert next_stride(session, last_ns, time_ns) is None
        assert next_edge(session, last_ns, time_ns) is None


def test_what_was_read_ahead_is_not_read_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(session)
    frames = FrameReader(session, events=source.segment_events)
    ahead = Ahead(session, source, frames)
    here_ns = session.segments[2].start_ns + 10
    assert list(ahead.pieces(here_ns - 1)) == []
    assert len(list(ahead.pieces(here_ns))) == 3
    there_ns = session.segments[3].start_ns
    wanted = FrameReader(session).at(there_ns)
    monkeypatch.setattr(Session, "events", fail)
    monkeypatch.setattr(Session, "calls", fail)
    assert frames.at(there_ns) == wanted
    assert len(source.segment_events(3)) == session.segments[3].events
    source.calls_between(there_ns - 1, there_ns)


def test_the_edge_that_small_steps_lead_to_is_read_once_in_each_direction(session: Session) -> None:
    source = Source(session)
    ahead = Ahead(session, source, FrameReader(session, events=source.segment_events))
    here_ns = session.segments[2].start_ns + 10
    pieces = {at_ns: len(list(ahead.pieces(at_ns))) for at_ns in range(here_ns, here_ns + 4)}
    assert list(pieces.values()) == [0, 3, 0, 0]
    assert [len(list(ahead.pieces(at_ns))) for at_ns in (here_ns + 2, here_ns + 1, here_ns + 2)] == [3, 0, 3]


def test_the_whole_answer_of_the_next_stride_is_there(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, source, looked_up, there_ns = strode(session)
    wanted = FrameReader(session).at(there_ns)
    wanted_calls = recent(Source(session), wanted)
    monkeypatch.setattr(FrameReader, "at", fail)
    monkeypatch.setattr(Source, "calls_between", fail)
    found = ahead.frame_at(there_ns)
    assert found == wanted
    assert [frame is found for frame in looked_up] == [True]
    calls = recent(source, found)
    assert (calls.calls.tolist(), calls.own_ns.tolist()) == (wanted_calls.calls.tolist(), wanted_calls.own_ns.tolist())


def test_a_frame_is_there_before_its_calls_are_counted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(session)
    ahead = Ahead(session, source, FrameReader(session, events=source.segment_events))
    first_ns, here_ns = (session.segments[at].start_ns + 1 for at in (1, 2))
    list(ahead.pieces(first_ns))
    pieces = ahead.pieces(here_ns, fail)
    for _ in ("events", "frame"):
        next(pieces)
    wanted = FrameReader(session).at(2 * here_ns - first_ns)
    monkeypatch.setattr(FrameReader, "at", fail)
    assert ahead.frame_at(wanted.time_ns) == wanted


def test_another_instant_than_the_next_stride_is_made_as_ever(session: Session) -> None:
    ahead, _, _, there_ns = strode(session)
    for time_ns in (there_ns - 1, there_ns + 1, session.start_ns):
        assert ahead.frame_at(time_ns) == FrameReader(session).at(time_ns)


@pytest.mark.parametrize("lost", [True, False])
def test_a_frame_made_before_damage_was_found_is_not_shown(session: Session, *, lost: bool) -> None:
    ahead, _, _, there_ns = strode(session)
    stale = ahead.frame_at(there_ns)
    assert stale is ahead.frame_at(there_ns)
    session.reader.report(Problem("a file is damaged", lost=lost))
    assert ahead.frame_at(there_ns) is not stale


def test_a_frame_made_before_the_session_grew_is_not_shown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, _, _, there_ns = strode(session)
    stale = ahead.frame_at(there_ns)
    grown = msgspec.structs.replace(session.manifest, generation=session.manifest.generation + 1)
    monkeypatch.setattr(session, "_manifest", grown)
    assert ahead.frame_at(there_ns) is not stale


def strode(session: Session) -> tuple[Ahead, Source, list[Frame], int]:
    """(who has read ahead after two strides of a segment each, where from, the frames looked up, the next instant)."""
    source, looked_up = Source(session), list[Frame]()
    ahead = Ahead(session, source, FrameReader(session, events=source.segment_events))
    first_ns, here_ns = (session.segments[at].start_ns + 1 for at in (1, 2))
    for time_ns in (first_ns, here_ns):
        ahead.frame_at(time_ns)
        list(ahead.pieces(time_ns, looked_up.append))
    return ahead, source, looked_up, 2 * here_ns - first_ns


def fail(*_: object) -> None:
    raise AssertionError("it was not there")

"""A frame that is asked for some parts, or of some tracks, has them as a whole one has, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from unittest import mock

import msgspec
import pytest

from capture.session.session import Session
from dags.frame import reader as frame_reader
from dags.frame.asked import PARTS
from dags.frame.reader import Frame, FrameReader, frame_at
from dags.frame_parts import FrameTrack
from tests.dags.frame.test_reader import END_NS, MS, seal, story

INSTANTS = [ms * MS for ms in (1, 15, 28, 40, 70, 90, 95, 125, 200)]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with seal(tmp_path / "story.scope", story()) as session:
        yield session


def cut_down(frame: Frame, parts: frozenset[str], tracks: frozenset[int] | None) -> Frame:
    """What a whole frame says of these parts."""
    shown = [track for track in frame.tracks if tracks is None or track.track_id in tracks]
    if "stacks" not in parts:
        shown = [msgspec.structs.replace(track, stack=[]) for track in shown]
    return msgspec.structs.replace(
        frame,
        processes=frame.processes if "processes" in parts else [],
        tracks=shown if "tracks" in parts else [],
        states=frame.states if "states" in parts else [],
        metrics=frame.metrics if "metrics" in parts else {},
        left_out=sorted((PARTS - parts) | (set() if tracks is None else {"tracks"})),
    )


@pytest.mark.parametrize("time_ns", INSTANTS)
def test_what_is_asked_for_is_as_in_a_whole_frame(session: Session, time_ns: int) -> None:
    whole, reader = frame_at(session, time_ns), FrameReader(session)
    assert whole.left_out == []
    wanted = [frozenset(some) for count in range(len(PARTS) + 1) for some in combinations(sorted(PARTS), count)]
    for parts in wanted:
        for tracks in (None, frozenset[int](), frozenset({2}), frozenset({3, 99, -1, 1 << 40})):
            assert reader.at(time_ns, parts, tracks) == cut_down(whole, parts, tracks)


def test_where_a_reader_has_been_changes_no_frame(session: Session) -> None:
    """What it keeps from one instant to the next holds until a track, a gap or a join begins or ends."""
    instants = [ms * MS + more for ms in range(5, 300, 5) for more in (-1, 0, 1)]
    fresh = {time_ns: frame_at(session, time_ns) for time_ns in instants}
    reader = FrameReader(session)
    for time_ns in [*instants, *reversed(instants), *instants[::7], *instants[::-5]]:
        assert reader.at(time_ns) == fresh[time_ns]


def test_what_is_not_asked_for_is_not_made(session: Session) -> None:
    reader = FrameReader(session)
    with mock.patch.object(frame_reader, "FrameTrack", wraps=FrameTrack) as made:
        reader.at(40 * MS, tracks={3})
        assert made.call_count == 1
        reader.at(40 * MS, {"processes", "states", "metrics"})
        assert made.call_count == 1


def test_a_track_that_goes_on_as_it_did_is_made_once(session: Session) -> None:
    reader = FrameReader(session)
    with mock.patch.object(frame_reader, "FrameTrack", wraps=FrameTrack) as made:
        first, second = reader.at(42 * MS), reader.at(44 * MS)
        assert [one is other for one, other in zip(first.tracks, second.tracks, strict=True)] == [True] * 3
        assert made.call_count == 3
        main, worker = reader.at(51 * MS).tracks[1:]  # a call of the worker has ended
        assert made.call_count == 4
    assert main is first.tracks[1]
    assert len(worker.stack) == len(first.tracks[2].stack) - 1


def test_a_part_that_nobody_gives_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="rooms"):
        FrameReader(session).at(END_NS, {"tracks", "rooms"})

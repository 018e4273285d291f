"""Frames say what the calls of every stack were called with, from a keyframe and from the start, live and reopened."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.code import call_texts
from dags.correlate import replay
from dags.correlate.correlator import Correlator
from dags.frame.reader import Frame, FrameReader, frame_at
from tests.scope_command import scope_here
from tests.sessions import make_events, with_values, write_session

BATCH, ARGUMENTS, _ = with_values(make_events(1_200, 3, seed=5)[0])


def shown(frame: Frame) -> dict[int, list[str | None]]:
    """What each stack was called with, by track."""
    return {
        track.track_id: [
            None if call.arguments is None else ", ".join(f"{one.name}={one.value}" for one in call.arguments)
            for call in track.stack
        ]
        for track in frame.tracks
        if track.stack
    }


def expected(rows: int) -> dict[int, list[str | None]]:
    """The same after so many events, from the events alone."""
    stacks: dict[int, list[str | None]] = {}
    opened = 0
    for kind, track in zip(BATCH.kind[:rows].tolist(), BATCH.track_id[:rows].tolist(), strict=True):
        if kind == Kind.CALL:
            opened += 1
            stacks.setdefault(track, []).append(ARGUMENTS.get(opened))
        else:
            stacks[track].pop()
    return {track: stack for track, stack in stacks.items() if stack}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_session(tmp_path_factory.mktemp("frames") / "s.scope", BATCH, 7, finish=False)


def test_stacks_say_what_their_calls_were_called_with(path: Path) -> None:
    instants = [int(BATCH.time_ns[row]) for row in range(0, len(BATCH), 17)]
    with Session.open(path) as session:
        for time_ns in instants:
            found = shown(frame_at(session, time_ns))
            assert found == expected(int(BATCH.time_ns.searchsorted(time_ns, "right")))
        assert (
            sum(
                text is not None
                for rows in range(0, len(BATCH), 17)
                for stack in expected(rows).values()
                for text in stack
            )
            > 500
        )
        cold = [frame_at(session, time_ns) for time_ns in instants]
        with mock.patch.object(session, "keyframe", lambda _: None):
            assert [frame_at(session, time_ns) for time_ns in instants] == cold


def test_steps_on_and_back_say_the_same(path: Path) -> None:
    """Steps come in small pieces of one event each, which are joined when they are many."""
    rows = [*range(200, 330), *range(330, 180, -1), 1_000, 10, *range(10, 60)]
    with (
        Session.open(path) as session,
        mock.patch.object(replay, "STEP_ROWS", 64),
        mock.patch.object(replay, "BACK_ROWS", 16),
        mock.patch.object(call_texts, "SMALL", 40),
        mock.patch.object(call_texts, "MOST_PIECES", 9),
    ):
        reader = FrameReader(session)
        for row in rows:
            assert shown(reader.at(int(BATCH.time_ns[row]))) == expected(row + 1)


def test_of_many_small_steps_there_are_few_pieces() -> None:
    segment = replay.SegmentReplay(BATCH, Correlator(), [])
    with mock.patch.object(call_texts, "MOST_PIECES", 5):
        for rows in range(len(BATCH)):
            assert len(segment.state_at(rows).code._arguments) <= 5


def test_the_command_line_shows_them(path: Path) -> None:
    at = f"{BATCH.time_ns[700]}ns"
    texts = [text for stack in expected(701).values() for text in stack if text]
    said = scope_here(["frame", str(path), "--at", at]).stdout
    assert texts
    assert all(f"({text})  defined at" in said for text in texts)

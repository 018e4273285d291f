"""Frames say at which line each call of a stack is, and what its local variables hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.frame.reader import Frame, FrameReader, frame_at
from tests.dags.locals.test_dag import line, total
from tests.scope_command import scope_here
from tests.sessions import FUNCTIONS, write_session
from tests.streams import Event, batch_of

Shown = list[tuple[int, str, list[tuple[str, str, int, bool]] | None]]
REST = ("rest", "()", 1, False)


def shown(frame: Frame) -> Shown:
    """(line, how it is known, variables) of each call of the only stack, outermost first."""
    (stack,) = (track.stack for track in frame.tracks if track.stack)
    return [
        (call.line, call.line_is, None if call.locals is None else [
            (one.name, one.value, one.since_ns, one.changed) for one in call.locals
        ]) for call in stack
    ]  # fmt: skip


@pytest.fixture(scope="module", params=[1, 4, 14])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return write_session(tmp_path_factory.mktemp("locals") / "s.scope", batch_of(total(track=2)), request.param)


def test_each_call_is_at_its_line_with_what_its_variables_hold(path: Path) -> None:
    n, t, i = ("n", "2", 2, False), ("t", "0", 3, False), ("i", "0", 4, False)
    with Session.open(path) as session:
        assert shown(frame_at(session, 1)) == [(10, "defined", None)]
        assert shown(frame_at(session, 3)) == [(11, "current", [REST, n, ("t", "0", 3, True)])]
        assert shown(frame_at(session, 7)) == [
            (12, "called_from", [REST, n, t, ("i", "0", 4, True)]),
            (31, "current", [("x", "0", 6, False), ("y", "'a=b'", 7, True)]),
        ]
        assert shown(frame_at(session, 9)) == [(11, "current", [REST, n, ("t", "5", 9, True), i])]
        assert shown(frame_at(session, 10)) == [(12, "current", [REST, n, ("i", "1", 10, True)])]
        assert shown(frame_at(session, 11)) == [(13, "current", [REST, n, ("i", "1", 10, False)])]


def test_steps_to_and_fro_show_what_a_frame_made_anew_shows(path: Path) -> None:
    with Session.open(path) as session:
        reader = FrameReader(session)
        for time_ns in (3, 4, 9, 7, 6, 11, 10, 12, 2):
            assert shown(reader.at(time_ns)) == shown(frame_at(session, time_ns))


def test_after_a_gap_no_variable_and_no_line_is_known_until_it_is_told_again(tmp_path: Path) -> None:
    events = [Event(1, Kind.CALL, 1, 1), line(2, 10, "a=1\nb=2", 1), Event(3, Kind.GAP, 1, ref=5, value="pool full")]
    stack = '{"reason": "gap", "part": "whole", "frames": [[1, 0]]}'
    events += [Event(4, Kind.SNAPSHOT, 1, value=stack), line(5, 14, "a=9", 1), line(6, 15, "b=3")]
    path = write_session(tmp_path / "s.scope", batch_of(events), 1)
    with Session.open(path) as session:
        assert shown(frame_at(session, 2)) == [(10, "current", [("a", "1", 2, False), ("b", "2", 2, False)])]
        assert shown(frame_at(session, 4)) == [(10, "defined", None)]
        assert shown(frame_at(session, 5)) == [(14, "current", [("a", "9", 5, False)])]
        assert shown(frame_at(session, 6)) == [(15, "current", [("a", "9", 5, False), ("b", "3", 6, True)])]
        told = session.table("locals").to_table().select(["line", "name", "old", "new"]).to_pylist()
    assert [tuple(row.values()) for row in told] == [
        (None, "a", None, "1"), (None, "b", None, "2"), (None, "a", None, "9"), (14, "b", None, "3"),
    ]  # fmt: skip


def test_the_frame_verb_prints_lines_and_variables(path: Path) -> None:
    said = scope_here(["frame", str(path), "--at", "7ns"]).stdout
    assert f"{FUNCTIONS[0]}(n=2, *rest=())  next called from /srv/orders.py:12\n" in said
    assert f"{FUNCTIONS[1]}  at /srv/orders.py:31\n        x = 0, since 6ns\n      * y = 'a=b', since 7ns\n" in said

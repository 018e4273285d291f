"""Which stretch before the cursor views show, and that it is read once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.frame.reader import FrameReader
from tests.sessions import build_session
from tests.views.frames import built_session, frame
from views.inspector.earlier import look_up
from views.loop.events import Event, FrameReady
from views.reading.jobs import Jobs
from views.reading.recent_calls import WINDOWS_NS, recent, window_ns
from views.reading.source import Source


def test_two_views_of_one_frame_share_one_answer(tmp_path: Path) -> None:
    session, source = built_session(tmp_path)
    with session:
        reader = FrameReader(session)
        at, earlier = reader.at(session.end_ns), reader.at(session.end_ns // 2)
        assert recent(source, at) is recent(source, at)
        assert int(recent(source, earlier).calls.sum()) < int(recent(source, at).calls.sum())


def test_what_a_worker_has_prepared_is_there_without_reading_a_file(tmp_path: Path) -> None:
    session, source = built_session(tmp_path)
    told: list[FrameReady] = []
    answered = threading.Event()

    def send(event: Event) -> None:
        if isinstance(event, FrameReady):
            told.append(event)
            answered.set()

    jobs = Jobs(source, send, look_up)
    jobs.reader.ask("open", lambda: jobs.show(session, 1))
    for at_ns in (session.end_ns // 3, session.end_ns):
        answered.clear()
        jobs.ask_frame(1, at_ns)
        assert answered.wait(15)
    jobs.stop()
    for ready in told:  # the session is closed: what follows comes from memory
        assert recent(source, ready.frame).end_ns == ready.time_ns
        assert int(recent(source, ready.frame).calls.sum()) > 0


def test_without_a_frame_or_a_session_nothing_ran() -> None:
    assert len(recent(Source(), None)) == 0
    assert (len(recent(Source(), frame(5))), recent(Source(), frame(5)).start_ns) == (0, 0)


def test_the_stretch_gets_shorter_where_very_many_events_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = build_session(tmp_path / "s.scope", events=2_000)
    with Session.open(truth.path) as session:
        assert window_ns(session, session.end_ns) == WINDOWS_NS[0]
        monkeypatch.setattr("views.reading.recent_calls.MAX_EVENTS", 100)
        assert window_ns(session, session.end_ns) == WINDOWS_NS[-1]

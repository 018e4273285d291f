"""Which exceptions came up where, as the program that raised them counted them itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses.exceptions_seen import exceptions_seen
from tests.interpreters import Interpreter
from tests.scope_command import run_recorded
from tests.sessions import build_session

PROGRAM = """
import threading

class TooMuch(ValueError):
    pass

def check(n):
    if n % 3 == 0:
        raise TooMuch(n)
    if n % 5 == 0:
        {}[n]

def order(n):
    check(n)

def serve(first):
    for n in range(first, 60):
        try:
            order(n)
        except (TooMuch, KeyError):
            pass

threads = [threading.Thread(target=serve, args=(first,)) for first in (1, 31)]
for thread in threads:
    thread.start()
    thread.join()
"""
TOO_MUCH = sum(n % 3 == 0 for first in (1, 31) for n in range(first, 60))
KEY = sum(n % 5 == 0 and n % 3 != 0 for first in (1, 31) for n in range(first, 60))


@pytest.mark.minors("3.11", "3.13")
def test_each_is_counted_once_where_it_came_up_however_far_it_went(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [interpreter.path, tmp_path / "program.py"])
    with Session.open(tmp_path / "s.scope") as session:
        functions = {row.site_id: row.function for row in session.sites()}
        found = exceptions_seen(session)
        assert [(functions[one.site_id], one.count) for one in found] == [("check", TOO_MUCH), ("check", KEY)]
        assert [one.type.rpartition(".")[2] for one in found] == ["TooMuch", "KeyError"]
        first = found[0]
        later = exceptions_seen(session, (first.first_ns + 1, session.end_ns))
        assert sum(one.count for one in later) == sum(one.count for one in found) - 1
        tracks = [row.track_id for row in session.tracks() if row.kind == "thread"]
        by_track = [exceptions_seen(session, track_ids={track_id}) for track_id in tracks]
        assert sum(one.count for part in by_track for one in part) == TOO_MUCH + KEY
        assert sum(bool(part) for part in by_track) == 2


def test_the_first_and_the_last_are_events_of_that_kind(tmp_path: Path) -> None:
    seen: list[int] = []
    with Session.open(build_session(tmp_path / "s.scope", events=3_000, segments=6).path) as session:
        found = exceptions_seen(session, reads_on=lambda: seen.append(1))
        kinds = {
            batch.first_event_id + at: (int(kind), int(time_ns))
            for batch in (session.events(index) for index in session.with_rows)
            for at, (kind, time_ns) in enumerate(zip(batch.kind, batch.time_ns, strict=True))
        }
    assert len(seen) == 6
    assert {one.type for one in found} == {"builtins.KeyError"}
    for one in found:
        assert kinds[one.first_event_id] == (Kind.UNWIND, one.first_ns)
        assert kinds[one.last_event_id] == (Kind.UNWIND, one.last_ns)
        assert one.first_ns <= one.last_ns

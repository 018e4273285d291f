"""`dags.detectors.stoppable`: a detector ends wherever it reads on, and where it waits for SQL or counts in Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capture.session import query as query_module
from capture.session.query import query
from capture.session.reader import TableReader
from capture.session.session import Session
from dags.detectors import registry
from dags.detectors.lost_update import overwriting, usual_steps
from dags.detectors.registry import Detector
from dags.detectors.stoppable import PIECE, stoppable_rows
from tests.leftovers import wait_for
from tests.sessions import build_session

ENDLESS = "SELECT count(*) FROM range(100000) a, range(100000) b, range(1000) c"


class Ended(Exception):
    """Nobody wants to know any more."""


class Patience:
    """Says so many times that somebody still wants to know."""

    def __init__(self, looks: int) -> None:
        self.looks, self._left = 0, looks

    def __call__(self) -> None:
        self.looks, self._left = self.looks + 1, self._left - 1
        if self._left < 0:
            raise Ended


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    build_session(tmp_path / "a.scope", events=4_000, tracks=3, segments=20)
    with Session.open(tmp_path / "a.scope") as one:
        yield one


@pytest.mark.parametrize("row", registry.DETECTORS, ids=lambda row: row.name)
def test_a_detector_ends_at_the_first_look_that_says_so(
    session: Session, row: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_module, "_LOOK_S", 0.001)  # else short SQL is answered before anybody looks
    whole_ns = session.start_ns, session.end_ns
    unending = Patience(1 << 30)
    registry.findings(session, whole_ns, [row], unending)
    assert unending.looks >= 2
    ended = 0
    for looks in range(min(unending.looks, 40)):
        patience = Patience(looks)
        try:
            registry.findings(session, whole_ns, [row], patience)
        except Ended:
            ended += 1
            assert patience.looks == looks + 1
        else:  # SQL that was answered sooner than the last time was looked at less often
            assert patience.looks <= looks
    assert ended >= 2
    assert session.problems == []


def test_sql_ends_while_it_is_worked_out(session: Session) -> None:
    with pytest.raises(Ended):
        query(session.pinned(Patience(2)), ENDLESS)
    assert wait_for(lambda: not any(thread.name == "query" for thread in threading.enumerate()), 20)
    assert query(session, "SELECT count(*) AS n FROM events").to_pylist() == [{"n": 4_000}]


def test_files_that_sql_would_need_are_not_read_any_more(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    read, may_read = list[str](), threading.Event()
    whole = TableReader.checked_file

    def slow(reader: TableReader, segment: Any, entry: Any) -> Any:
        read.append(entry.name)
        may_read.wait(20)
        return whole(reader, segment, entry)

    monkeypatch.setattr(TableReader, "checked_file", slow)
    with pytest.raises(Ended):
        query(session.pinned(Patience(2)), "SELECT sum(start_ns) FROM calls")
    may_read.set()
    assert wait_for(lambda: not any(thread.name == "query" for thread in threading.enumerate()), 20)
    assert len(read) == 1


def test_a_session_that_is_pinned_again_ends_by_the_same_word(session: Session) -> None:
    with pytest.raises(Ended):
        session.pinned(Patience(0)).pinned().events(0)
    assert len(session.pinned().events(0)) == 200


@pytest.mark.parametrize(
    "count",
    [
        lambda cell, reads_on: usual_steps([cell], reads_on),
        lambda cell, reads_on: overwriting(cell, {1: 1.0}, reads_on),
    ],
    ids=["steps", "overwriting"],
)
def test_what_is_counted_write_by_write_ends_on_the_way(
    count: Callable[[list[dict[str, Any]], Callable[[], None]], object],
) -> None:
    cell = [{"track_id": 1 + at % 2, "value": float(at)} for at in range(4 * PIECE)]
    unending = Patience(1 << 30)
    count(cell, unending)
    assert unending.looks == 4
    with pytest.raises(Ended):
        count(cell, Patience(2))


def test_rows_become_python_in_pieces(session: Session) -> None:
    sql = "SELECT event_id FROM events ORDER BY 1"
    assert [row["event_id"] for row in stoppable_rows(session, sql)] == list(range(1, 4_001))
    answer = query(session, sql)
    looks = Patience(1 << 30)
    assert len(stoppable_rows(session.pinned(looks), sql)) == len(answer)
    assert looks.looks >= 4_000 // PIECE

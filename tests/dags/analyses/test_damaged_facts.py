"""What is told of a session with damage is less, never a failure of another kind: `call_facts`, `value_facts` and the
others of one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capture.errors import ScopeError
from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses.call_facts import call_facts
from dags.analyses.event_facts import event_facts
from dags.analyses.process_facts import process_facts
from dags.analyses.thread_facts import thread_facts
from dags.analyses.value_facts import value_facts
from dags.analyses.writes import WantedWrites, nearest_write
from tests.dags.analyses.test_function_statistics import sealed
from tests.damaged import cut, flip_bit
from tests.streams import Event

EVENTS = [Event(10, Kind.THREAD_BEGIN, 2)]
for start in range(20, 180, 20):
    EVENTS += [Event(start, Kind.CALL, 2, 1), Event(start + 3, Kind.STATE, 2, ref=1, value=str(start))]
    EVENTS += [Event(start + 5, Kind.RAISE, 2, 1, value="E"), Event(start + 9, Kind.UNWIND, 2, 1, ref=1, value="E")]


ABOUT_A_NUMBER: tuple[Callable[[Session, int], Iterator[object]], ...] = (
    lambda session, number: call_facts(session, number, 90),
    lambda session, number: value_facts(session, number, 90),
    event_facts,
    lambda session, number: iter([nearest_write(session, WantedWrites(), (5 * number, None), -1)]),
)


@pytest.mark.parametrize("damage", [flip_bit, cut, Path.unlink], ids=["flipped", "cut", "gone"])
@pytest.mark.parametrize("table", ["events", "calls", "states", "exceptions", "exception_frames"])
def test_every_thing_of_a_damaged_session_is_told_or_refused(
    tmp_path: Path, damage: Callable[[Path], None], table: str
) -> None:
    path = sealed(tmp_path / "s.scope", EVENTS, [11, 22], finish=True)
    [file] = (path / "segments").glob(f"00000002.{table}.parquet")
    damage(file)
    with Session.open(path) as session:
        told = 0
        for number in range(1, len(EVENTS) + 1):
            told += sum(_answers(ask, session, number) for ask in ABOUT_A_NUMBER)
        assert told > len(EVENTS)
        assert _answers(lambda of, track_id: thread_facts(of, track_id, (30, 150)), session, 2)
        _answers(process_facts, session, 1)


def _answers(ask: Callable[[Session, int], Iterator[object]], session: Session, number: int) -> bool:
    """Whether there is an answer; a problem of the session is one too, a bug of ours is none."""
    try:
        return bool(list(ask(session, number)))
    except ScopeError:
        return False

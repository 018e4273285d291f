"""What is told of an exception, as the program that raised it knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses.call_facts import CallFacts, call_facts
from dags.analyses.event_facts import EventFacts, event_facts
from dags.analyses.exception_facts import ExceptionFacts, exception_facts
from dags.analyses.value_facts import ValueFacts
from tests.dags.analyses.test_function_statistics import sealed
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded
from tests.sessions import build_session
from tests.streams import Event

PROGRAM = """
import threading

class TooMuch(ValueError):
    pass

def check(n):
    if n % 3 == 0:
        raise TooMuch(f"no {n}")
    try:
        {}[n]
    except KeyError:
        pass

def order(n):
    check(n)

def serve():
    for n in range(1, 13):
        try:
            order(n)
        except TooMuch:
            pass

def dies():
    order(30)

for target in (serve, dies):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.start()
    thread.join()
"""


@pytest.mark.minors("3.11", "3.13")
def test_an_exception_is_told_with_the_calls_it_left_and_the_one_that_caught_it(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [interpreter.path, tmp_path / "program.py"])
    sql = "SELECT exception_id, type, message, time_ns FROM exceptions ORDER BY exception_id"
    told = query(tmp_path / "s.scope", sql)
    with Session.open(tmp_path / "s.scope") as session:
        facts = {row["exception_id"]: list(exception_facts(session, row["exception_id"]))[-1] for row in told}
        too_much = [one for one in facts.values() if (one.told.type or "").endswith("TooMuch")]
        assert [one.told.message for one in too_much] == [f"no {n}" for n in (3, 6, 9, 12, 30)]
        for number, one in enumerate(too_much, 1):
            assert (one.number, one.of_type, one.function) == (number, 5, "check")
            assert [other.message if other else None for other in (one.before, one.after)] == [
                too_much[number - 2].told.message if number > 1 else None,
                too_much[number].told.message if number < 5 else None,
            ]
        for one in too_much[:-1]:
            assert [(frame.function, frame.role) for frame in one.frames] == [("check", "raised"), ("order", "unwound")]
            assert one.fate == "caught"
            assert one.caught_in is not None
            assert (one.caught_in.function, one.thread) == ("serve", "serve")
        last = too_much[-1]
        functions = [frame.function for frame in last.frames]
        assert functions[:3] == ["check", "order", "dies"]
        assert last.fate == "left" or (last.caught_in is not None and last.caught_in.function != "dies")
        lookups = [one for one in facts.values() if (one.told.type or "").endswith("KeyError")]
        assert lookups
        for one in lookups:
            assert one.caught_in is not None
            assert (one.function, one.caught_in.function, len(one.frames)) == ("check", "check", 1)
        _left_by(session, too_much[0])


def _left_by(session: Session, one: ExceptionFacts) -> None:
    """The page of a call that an exception left says which one; so does that of the event of leaving it."""
    for frame in one.frames:
        *_, call = call_facts(session, frame.call_id, one.told.time_ns)
        assert isinstance(call, CallFacts)
        assert (call.outcome, call.exception) == ("raise", one.told)
    *_, again = event_facts(session, one.told.exception_id)
    assert again == one


def test_a_recording_that_tells_only_where_exceptions_leave_functions_tells_their_type(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "s.scope", events=400, segments=3)
    with Session.open(truth.path) as session:
        row = next(row for row in range(400) if truth.events.kind[row] == Kind.UNWIND)
        *_, facts = event_facts(session, row + 1)
        assert isinstance(facts, ExceptionFacts)
        assert (facts.told.type, facts.told.message, facts.fate) == ("builtins.KeyError", None, "")
        assert facts.told.time_ns == truth.events.time_ns[row]


def test_what_an_event_is_about_has_its_page(tmp_path: Path) -> None:
    events = [
        Event(10, Kind.THREAD_BEGIN, 2),
        Event(20, Kind.CALL, 2, 1),
        Event(30, Kind.CALL, 2, 2),
        Event(40, Kind.STATE, 2, ref=1, value="7"),
        Event(50, Kind.RETURN, 2, 2),
    ]
    with Session.open(sealed(tmp_path / "s.scope", events, [3], finish=True)) as session:
        pages = [list(event_facts(session, event_id))[-1] for event_id in range(1, 6)]
        thread, outer, inner, value, back = pages
        assert isinstance(thread, EventFacts)
        assert (thread.kind, thread.time_ns, thread.track_id) == ("thread begin", 10, 2)
        for page, call_id in ((outer, 1), (inner, 2), (back, 2)):
            assert isinstance(page, CallFacts)
            assert page.call.call_id == call_id
        assert isinstance(value, ValueFacts)
        assert (value.picked.new, value.picked.call_id, value.picked.time_ns) == ("7", 2, 40)
        assert not list(event_facts(session, 99))

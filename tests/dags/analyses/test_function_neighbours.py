"""Threads, callers and callees of a function: as a slow reading of all calls says, and as cProfile says."""

from __future__ import annotations

import cProfile
import pstats
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses import call_forest
from dags.analyses.call_summary import NO_CALLER
from dags.analyses.function_neighbours import FunctionNeighbours, function_neighbours
from dags.analyses.function_statistics import function_statistics
from tests.dags.analyses.test_function_statistics import PROGRAM, any_session, inside_of, rows_of, sealed
from tests.scope_command import run_recorded
from tests.sessions import build_session
from tests.streams import Event, streams

Told = dict[str, dict[int, list[int]]]


def slowly(rows: list[dict[str, Any]], site: int, start_ns: int, end_ns: int, tracks: set[int] | None) -> Told:
    """[calls, total] by id, call by call."""
    found: Told = {"threads": {}, "callers": {}, "callees": {}}
    for row, _, inside in inside_of(rows, start_ns, end_ns, tracks):
        own, above = row["site_id"] or 0, [call["site_id"] or 0 for call in row["callers"]]
        told = []
        if own == site:
            told += [("threads", row["track_id"], inside * (site not in above))]
            told += [("callers", above[0] if above else NO_CALLER, inside)]
        if above and above[0] == site:
            told += [("callees", own, inside)]
        for name, one, lasted in told:
            figures = found[name].setdefault(one, [0, 0])
            figures[0] += 1
            figures[1] += lasted
    return found


def told_of(found: FunctionNeighbours) -> Told:
    lists = {"threads": found.threads, "callers": found.callers, "callees": found.callees}
    return {name: {row.id: [row.calls, row.total_ns] for row in rows} for name, rows in lists.items()}


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_any_stretch_of_any_session_has_the_neighbours_of_its_calls(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        rows = rows_of(session)
        for _ in range(4):
            start_ns, end_ns = sorted(data.draw(st.sampled_from(times)) for _ in range(2))
            site, tracks = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([None, {1}, {2, 3}]))
            found = function_neighbours(session, site, (start_ns, end_ns), track_ids=tracks)
            assert told_of(found) == slowly(rows, site, start_ns, end_ns, tracks)
            assert found.untold == 0


def test_they_add_up_to_the_statistics_of_the_function(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=5).path
    with Session.open(path) as session:
        for range_ns in ((session.start_ns, session.end_ns), (session.start_ns + 200_000, session.end_ns - 90_000)):
            found = function_statistics(session, range_ns)
            for row, site in enumerate(found.site_id.tolist()):
                around = function_neighbours(session, site, range_ns)
                for rows in (around.threads, around.callers):
                    assert sum(one.calls for one in rows) == found.calls[row]
                assert sum(one.total_ns for one in around.threads) == found.total_ns[row]
                totals = [one.total_ns for one in around.callees]
                assert totals == sorted(totals, reverse=True)
                assert sum(one.total_ns for one in around.callers) - sum(totals) == found.own_ns[row]


def test_calls_too_deep_to_say_who_called_them_are_counted(tmp_path: Path) -> None:
    deep = 40
    events = [Event(10 * n, Kind.CALL, 1, 1) for n in range(deep)]
    events += [Event(10 * (deep + n), Kind.RETURN, 1, 1) for n in range(deep)]
    path = sealed(tmp_path / "s.scope", events, [], finish=True)
    with mock.patch.object(call_forest, "MAX_LEVELS", 7), Session.open(path) as session:
        found = function_neighbours(session, 1)
    assert found.untold == deep - 7
    assert [(one.id, one.calls) for one in found.threads] == [(1, deep)]


def test_a_real_program_calls_as_cprofile_says(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [sys.executable, tmp_path / "program.py"])
    profile = cProfile.Profile()
    namespace: dict[str, Any] = {"__name__": "program", "sys": mock.Mock(argv=["program"])}
    exec(compile(PROGRAM.rpartition("if len(sys.argv)")[0], "program.py", "exec"), namespace)
    profile.runcall(namespace["main"])
    counted = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    callers = {
        (name, by): calls[0]
        for (file, _, name), (*_, above) in counted.items()
        for (of, _, by), calls in above.items()
        if file == of == "program.py"
    }
    with Session.open(tmp_path / "s.scope") as session:
        names = {row.site_id: row.function.rpartition(".")[2] for row in session.sites()}
        by_name = {name: site for site, name in names.items()}
        said: dict[tuple[str, str], int] = {}
        for name in ("fib", "even", "odd", "order"):
            around = function_neighbours(session, by_name[name])
            said |= {(name, names[one.id]): one.calls for one in around.callers}
            for one in around.callees:
                back = function_neighbours(session, one.id).callers
                assert [row.calls for row in back if row.id == by_name[name]] == [one.calls]
    assert said == {pair: calls for pair, calls in callers.items() if pair[0] in ("fib", "even", "odd", "order")}

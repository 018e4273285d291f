"""A thread that waits is shown so, with what for, and one that runs is never shown as waiting.

The truth is how the program was written, and its own log of what one of its threads did when.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal

import pytest

from capture.session.session import Session
from dags.frame.reader import Frame, FrameReader
from dags.frame_parts import FrameTrack
from tests.faults.truth import logged
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "waits_in_known_ways.py"
TURNS = 4
FAR_NS = 150_000_000  # several looks, also where the machine is busy
STEP_NS = 10_000_000
WAITS_FOR = {
    "sleep": "sleep",
    "lock": "lock",
    "event": "lock",
    "queue": "lock",
    "timed": "lock",
    "accept": "io",
    "select": "io",
    "read": "io",
    "join": "join",
}


@pytest.fixture(params=["run", "attach"])
def recorded(
    request: pytest.FixtureRequest, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> tuple[Path, list[tuple[int, list[str]]]]:
    """(the session, moments and what `turns` did from then on)."""
    way: Literal["run", "attach"] = request.param
    log, session = tmp_path / "log", tmp_path / "waits.scope"
    if way == "run":
        run_recorded(session, [interpreter.path, PROGRAM, log, TURNS])
    else:
        program = target([interpreter.path, PROGRAM, log, str(TURNS)], ready="ready")
        scope("attach", program.pid, "--no-window", "-o", session, "--duration", "30")
    return session, logged(log, session)


def threads(frame: Frame) -> dict[str, FrameTrack]:
    return {track.name: track for track in frame.tracks if track.kind == "thread"}


@pytest.mark.alone
@pytest.mark.minors("3.11", "3.14")  # the kernel tells, whatever Python it is; a lock is one of two calls
def test_the_status_of_threads_is_what_they_do(recorded: tuple[Path, list[tuple[int, list[str]]]]) -> None:
    session, log = recorded
    times = [time_ns for time_ns, _ in log]
    joins = bool(query(session, "SELECT 1 FROM events WHERE kind = 'join_begin'"))  # else it has begun before
    waits_for = {**WAITS_FOR, "join": "join" if joins else "lock"}
    told: dict[int, list[bool]] = {}
    rested: dict[str, list[bool]] = {}
    with Session.open(session) as opened:
        reader = FrameReader(opened)
        for moment in range(times[0] + FAR_NS, times[-1] - FAR_NS, STEP_NS):
            frame = reader.at(moment)
            shown = threads(frame)
            at = bisect_right(times, moment) - 1
            turns, truth = shown["turns"], log[at][1][0]
            if truth == "runs":  # or wants to, while the other one has the GIL
                assert turns.status == "running" or turns.wait_kind == "gil", f"waits at {moment}, although it runs"
            else:
                assert (turns.status, turns.wait_kind) in {("waiting", "sleep"), ("running", "")}
                if times[at] + FAR_NS < moment < times[at + 1] - FAR_NS:
                    told.setdefault(at, []).append(turns.status == "waiting")
            assert turns.status_confidence == frame.confidence.status == "sampled"
            assert shown["burn"].status == "running" or shown["burn"].wait_kind == "gil"
            for name, kind in waits_for.items():
                waits = shown[name].status == "waiting"
                assert shown[name].wait_kind == (kind if waits else ""), (name, moment)
                rested.setdefault(name, []).append(waits)
            if joins:
                assert shown["join"].waiting_on == shown["sleep"].track_id
                assert shown["join"].status_confidence == "exact"
    for name, row in rested.items():  # the system may wake one for a moment, and does so once in a hundred runs
        assert sum(row) >= 0.9 * len(row), name
    assert len(told) == TURNS
    assert median(sum(row) / len(row) for row in told.values()) == 1, told
    a_wait_has_one_row_and_no_event(session)


@pytest.mark.minors("3.12")
def test_the_last_moment_of_a_recording_shows_who_waits(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    program = target([interpreter.path, PROGRAM, tmp_path / "log", "1000"], ready="ready")
    session = tmp_path / "last.scope"
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "1.5")
    shown = scope("frame", session, "--at", "end").stdout
    for name, words in {"lock": "for a lock", "accept": "for I/O", "sleep": "in a sleep"}.items():
        assert f"thread {name} (waiting {words})" in shown
    assert "thread burn (running)" in shown
    assert "status sampled" in shown


def a_wait_has_one_row_and_no_event(session: Path) -> None:
    sql = "SELECT name, waits.* FROM waits JOIN tracks USING (track_id) ORDER BY track_id, waits.start_ns"
    rows = query(session, sql)
    for name, kind in WAITS_FOR.items():
        assert {row["kind"] for row in rows if row["name"] == name} <= {kind, "lock"}, name
        assert 1 <= sum(row["name"] == name for row in rows) <= 3, name
    assert sum(row["name"] == "turns" for row in rows) >= TURNS
    for one, other in pairwise(rows):
        assert one["start_ns"] <= one["end_ns"]
        assert one["track_id"] != other["track_id"] or one["end_ns"] <= other["start_ns"]
    inside = """SELECT count(*) AS n FROM waits JOIN events USING (track_id)
                WHERE events.time_ns > waits.start_ns AND events.time_ns < waits.end_ns
                AND events.kind NOT IN ('state', 'snapshot')"""  # that is what we have looked at
    assert query(session, inside)[0]["n"] == 0

"""The line of a stack entry is the one being executed at that moment, or is said not to be known.

The truth is the program's own log of where it was, and when.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.frame.reader import Frame, FrameReader
from dags.frame_parts import StackFrame
from tests.faults.truth import logged
from tests.interpreters import Interpreter
from tests.scope_command import query, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "naps_on_known_lines.py"
CLOSE_NS = 5_000_000  # nearer to a step of the program nobody can say on which side of it a moment lies


@pytest.fixture
def recorded(interpreter: Interpreter, target: Launcher, tmp_path: Path) -> tuple[Path, list[tuple[int, list[str]]]]:
    """An attach in the middle of the long function; (the session, moments and places from the log)."""
    log = tmp_path / "log"
    program = target([interpreter.path, PROGRAM, log], ready="ready")
    session = tmp_path / "lines.scope"
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "20")
    return session, logged(log, session)


def stack_of(frame: Frame) -> list[StackFrame]:
    [main] = [track for track in frame.tracks if track.kind == "thread"]
    return [call for call in main.stack if call.function not in {"here"}]


def first_lines() -> dict[str, int]:
    words = {"nap": "def nap(", "steps": "def steps(", "long": "def long("}
    lines = PROGRAM.read_text().splitlines()
    found = {
        name: next(at for at, line in enumerate(lines, 1) if line.startswith(word)) for name, word in words.items()
    }
    return {**found, "<module>": 1}


@pytest.mark.sampled
def test_every_line_is_true_or_said_to_be_the_definition(
    recorded: tuple[Path, list[tuple[int, list[str]]]],
) -> None:
    session, log = recorded
    defined, said = first_lines(), []
    with Session.open(session) as opened:
        reader = FrameReader(opened)
        times = [time_ns for time_ns, _ in log]
        snapshots = [row["time_ns"] for row in query(session, "SELECT time_ns FROM events WHERE kind = 'snapshot'")]
        moments = [t + step for t in times for step in (20_000_000, 60_000_000)] + snapshots
        for moment in sorted(moment for moment in moments if opened.start_ns <= moment <= opened.end_ns):
            at = bisect_right(times, moment) - 1
            if at < 0 or any(abs(moment - t) < CLOSE_NS for t in times):
                continue
            frame = reader.at(moment)
            if not frame.tracks or frame.confidence.stacks != "exact":
                continue
            truth = log[at][1]
            for depth, call in enumerate(stack_of(frame)):
                said.append(call.line_is)
                if call.line_is == "defined":
                    assert call.line == defined[call.function]
                else:
                    assert f"{call.function}:{call.line}" == truth[depth], (moment, truth)
                if call.line_is == "current":
                    assert moment in snapshots or moment > snapshots[-1]
    assert {"defined", "called_from"} <= set(said)


@pytest.mark.minors("3.11", "3.14")
def test_text_json_and_reopened_sessions_say_the_same(recorded: tuple[Path, list[tuple[int, list[str]]]]) -> None:
    session, _ = recorded
    [first] = query(session, "SELECT min(time_ns) AS at FROM events WHERE kind = 'snapshot'")
    for moment, word in ((first["at"], "at"), (first["at"] + 1000, "defined at")):
        frame = scope_json("frame", session, "--at", f"{moment}ns", "--json")
        [main] = [track for track in frame["tracks"] if track["kind"] == "thread"]
        outer, inner = main["stack"]
        assert (outer["line_is"], inner["line_is"]) == ("called_from", "current" if word == "at" else "defined")
        text = scope("frame", session, "--at", f"{moment}ns").stdout
        assert f"    long  {word} {os.fspath(PROGRAM)}:{inner['line']}\n" in text
        assert f"    <module>  next called from {os.fspath(PROGRAM)}:{outer['line']}\n" in text

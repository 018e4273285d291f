"""What a frame says of a container is what the program held at that instant, or it does not say that it is sure.

A value is written when a name is given it; a dict, list or set then changes without the name being asked. `{'done': 0}`
was shown as exact while the program printed 9 977.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame, FrameState
from tests.faults.truth import session_zero_ns
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope

PROGRAM = Path(__file__).parent / "programs" / "containers_that_change.py"
IMMUTABLE = {"__main__.Item.n", "__main__.Holder.recent"}  # a number; of a deque only the type is shown


@dataclass(frozen=True)
class Stretch:
    """What a name held from one change to the next, by the program's own clock."""

    name: str
    start_ns: int
    end_ns: int
    value: str

    def instants(self) -> list[int]:
        """Where to look: at both ends and amid it, a little inside: the recorder writes just after the change."""
        length_ns = self.end_ns - self.start_ns
        return [self.start_ns + length_ns * part // 100 for part in (30, 50, 90, 99)]


def stretches(log: Path, zero_ns: int, end_ns: int) -> list[Stretch]:
    rows: dict[str, list[tuple[int, int, str]]] = {}
    for line in log.read_text().splitlines():
        name, before, after, value = line.split("\t")
        rows.setdefault(name, []).append((int(before) - zero_ns, int(after) - zero_ns, value))
    found = []
    for name, changes in rows.items():
        following = [*changes[1:], (end_ns, end_ns, "")]
        found += [
            Stretch(name, after, before, value)
            for (_, after, value), (before, _, _) in zip(changes, following, strict=True)
        ]
    return found


def states_of(frame: Frame) -> dict[str, FrameState]:
    return {f"{state.owner}.{state.key}": state for state in frame.states}


def agrees(state: FrameState, value: str) -> bool:
    """Whether it shows that value, of which the recorder may have left out the end."""
    head, cut, _ = state.value.partition("…")
    return value.startswith(head.rstrip(", ")) if cut else state.value == value


@pytest.mark.parametrize("mode", ["full", "state"])
def test_a_frame_is_right_or_says_that_it_is_not_sure(interpreter: Interpreter, tmp_path: Path, mode: str) -> None:
    session, log = tmp_path / "containers.scope", tmp_path / "log"
    classes = ["--state", "Holder", "--state", "Item", "--state", "Slotted"]
    done = run_recorded(session, [interpreter.path, PROGRAM, log], "--mode", mode, *classes)
    assert done.stdout.split()[-2:] == ["done", "12"]
    seen = set[str]()
    with Session.open(session) as opened:
        zero_ns, reader = session_zero_ns(session), FrameReader(opened)
        for stretch in stretches(log, zero_ns, opened.end_ns - 300_000_000):
            for time_ns in stretch.instants():
                state = states_of(reader.at(time_ns)).get(stretch.name)
                if state is None:
                    assert interpreter.version < (3, 12), f"{stretch} is not shown"
                    continue
                seen.add(stretch.name)
                known = (state.confidence, state.value)
                assert state.confidence == "sampled" or agrees(state, stretch.value), f"{known} at {time_ns}: {stretch}"
                if stretch.name in IMMUTABLE:
                    assert known == ("exact", stretch.value)
        assert len(seen) == 13
        assert reader.at(opened.end_ns).confidence.states == "sampled"


def test_what_looks_find_is_what_the_program_held_by_then(interpreter: Interpreter, tmp_path: Path) -> None:
    session, log = tmp_path / "containers.scope", tmp_path / "log"
    classes = ["--state", "Holder", "--state", "Item", "--state", "Slotted"]
    run_recorded(session, [interpreter.path, PROGRAM, log, "5"], *classes)
    with Session.open(session) as opened:
        last = {s.name: s for s in stretches(log, session_zero_ns(session), opened.end_ns)}
        shown = states_of(FrameReader(opened).at(opened.end_ns - 500_000_000))
    unknown = {"__main__.Slotted.kept"}  # nobody can hold it weakly
    wrong = {name: (shown[name].value, last[name].value) for name in last.keys() - unknown
             if not agrees(shown[name], last[name].value)}  # fmt: skip
    assert not wrong
    text = scope("frame", session, "--at", "end").stdout
    assert "__main__.DONE = {'done': 5} (sampled)" in text
    assert "__main__.Item.n = 5\n" in text


def test_values_that_cannot_change_stay_exact(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "plain.scope"
    program = tmp_path / "plain.py"
    program.write_text(
        "import time\na, b, c, d = 1, 'x [1] {2}', (1, 'y', (2.5, None)), frozenset({b'z'})\ntime.sleep(0.6)\n"
    )
    run_recorded(session, [interpreter.path, program])
    rows = query(session, "SELECT flags & 64 AS changes FROM events WHERE kind = 'state'")
    assert rows
    assert {row["changes"] for row in rows} == {0}
    if interpreter.version >= (3, 12):
        with Session.open(session) as opened:
            frame = FrameReader(opened).at(opened.end_ns // 2)
            assert {state.confidence for state in frame.states} == {"exact"}
            assert frame.confidence.states == "exact"


def test_the_versions_that_looks_find_are_in_order(interpreter: Interpreter, tmp_path: Path) -> None:
    session, log = tmp_path / "containers.scope", tmp_path / "log"
    run_recorded(session, [interpreter.path, PROGRAM, log, "60"], "--state", "Holder")
    values = [
        int(row["new"].split(": ")[1].rstrip("}"))
        for row in query(session, "SELECT new FROM states WHERE key IN ('own') ORDER BY version_id")
    ]
    assert values[0] == 0
    assert values[-1] == 60
    assert all(a < b for a, b in pairwise(values))

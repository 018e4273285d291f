"""`dags.locals.dag`: rows of `lines` and `locals`, and what is known of open calls, against a plain second reading."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.events.kinds import Kind, LineFlag
from capture.session.query import query
from capture.session.rows import as_table
from capture.session.session import Session
from capture.session.stored_states import with_old_values
from dags.base import Rows
from dags.correlate.correlator import Correlator
from tests.sessions import write_session
from tests.streams import Event, batch_of

FIRST = LineFlag.FIRST_KNOWN
Row = tuple[int, int, int | None, int | None, str, str | None, str | None]


@dataclass
class Reading:
    """The rules of the module, one event after the other."""

    stacks: dict[int, list[int]] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)
    held: dict[int, dict[str, str | None]] = field(default_factory=dict)
    lines: list[tuple[int, int, int | None, int]] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    calls: int = 0

    def feed(self, event: Event) -> None:
        stack = self.stacks.setdefault(event.track_id, [])
        if event.kind == Kind.CALL:
            self.calls += 1
            stack.append(self.calls)
        elif event.kind == Kind.RETURN:
            stack.pop()
        elif event.kind == Kind.SNAPSHOT:
            for call in stack:
                self.at.pop(call, None)
                self.held.pop(call, None)
        else:
            self._line(event, stack[-1] if stack else None)

    def _line(self, event: Event, call: int | None) -> None:
        done: int | None = event.ref
        if event.kind == Kind.LINE:
            self.lines.append((event.time_ns, event.track_id, call, event.ref))
            done = self.at.get(call) if call else None
        if event.flags & FIRST:
            done = None
        if call and event.kind == Kind.LINE:
            self.at[call] = event.ref
        variables = self.held.setdefault(call, {}) if call else {}
        for row in (event.value or "").split("\n") if event.value else []:
            name, sign, value = row.partition("=")
            new = value if sign else None
            told = event.time_ns, event.track_id, call, done, name, variables.get(name), new
            self.changes.append(told)
            variables[name] = new


def read(events: list[Event]) -> Reading:
    reading = Reading()
    for event in events:
        reading.feed(event)
    return reading


def rows_of(parts: list[Rows], name: str) -> list[tuple[object, ...]]:
    tables = [with_old_values(as_table(name, part[name], stored=True)) for part in parts]
    return [row for one in tables for row in zip(*one.to_pydict().values(), strict=True)]


def line(time_ns: int, number: int, value: str | None = None, flags: int = 0, track: int = 1) -> Event:
    return Event(time_ns, Kind.LINE, track, ref=number, flags=flags, value=value)


def total(track: int = 1) -> list[Event]:
    """One call of a loop, and what it calls in it."""
    events = [
        Event(1, Kind.CALL, 1, 1, value="n=2, *rest=()"),
        line(2, 10, "n=2", FIRST),
        line(3, 11, "t=0"),
        line(4, 12, "i=0"),
        Event(5, Kind.CALL, 1, 2),
        line(6, 31, "x=0", FIRST),
        Event(7, Kind.LOCALS, 1, ref=31, value="y='a=b'"),
        Event(8, Kind.RETURN, 1, 2),
        line(9, 11, "t=5"),
        line(10, 12, "i=1\nt"),
        line(11, 13),
        Event(12, Kind.LOCALS, 1, ref=13, value="t=9"),
        Event(13, Kind.RETURN, 1, 1),
        line(14, 99, "lost=1"),
    ]
    return [replace(event, track_id=track) for event in events]


@st.composite
def programs(draw: st.DrawFn) -> list[Event]:
    """Calls of two threads, with lines in some of them."""
    events, stacks = list[Event](), dict[int, list[int]]()
    for time_ns in range(draw(st.integers(0, 60))):
        track = draw(st.integers(1, 2))
        stack, choice = stacks.setdefault(track, []), draw(st.integers(0, 9))
        if choice < 2:
            stack.append(draw(st.integers(1, 3)))
            events.append(Event(time_ns, Kind.CALL, track, stack[-1]))
        elif choice == 3 and draw(st.booleans()):
            frames = [[site, 0] for site in stack]
            told = json.dumps({"reason": "settings", "part": "whole", "frames": frames})
            events.append(Event(time_ns, Kind.SNAPSHOT, track, value=told))
        elif choice == 2 and stack:
            events.append(Event(time_ns, Kind.RETURN, track, stack.pop()))
        else:
            kind, flags = (
                draw(st.sampled_from([Kind.LINE, Kind.LINE, Kind.LOCALS])),
                draw(st.sampled_from([0, 0, FIRST])),
            )
            names = draw(st.lists(st.sampled_from("abc"), unique=True))
            rows = [f"{name}={time_ns}" if draw(st.booleans()) else name for name in names]
            value = "\n".join(rows) or None
            events.append(Event(time_ns, kind, track, ref=draw(st.integers(1, 5)), flags=flags, value=value))
    return events


def test_lines_and_changes_are_rows_with_who_did_what() -> None:
    made = Correlator().feed(batch_of(total()))
    assert rows_of([made], "lines") == [
        (2, 1, 1, 10), (3, 1, 1, 11), (4, 1, 1, 12), (6, 1, 2, 31), (9, 1, 1, 11), (10, 1, 1, 12), (11, 1, 1, 13),
        (14, 1, None, 99),
    ]  # fmt: skip
    assert rows_of([made], "locals") == [
        (2, 1, 1, None, "n", None, "2"),
        (3, 1, 1, 10, "t", None, "0"),
        (4, 1, 1, 11, "i", None, "0"),
        (6, 1, 2, None, "x", None, "0"),
        (7, 1, 2, 31, "y", None, "'a=b'"),
        (9, 1, 1, 12, "t", "0", "5"),
        (10, 1, 1, 11, "i", "0", "1"),
        (10, 1, 1, 11, "t", "5", None),
        (12, 1, 1, 13, "t", None, "9"),
        (14, 1, None, None, "lost", None, "1"),
    ]


@given(programs(), st.data())
def test_rows_are_those_of_a_plain_reading_wherever_batches_are_cut(events: list[Event], data: st.DataObject) -> None:
    batch, expected = batch_of(events), read(events)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(batch)), max_size=3))), len(batch)]
    state, parts = Correlator(), list[Rows]()
    for begin, end in pairwise(cuts):
        parts.append(state.feed(batch.slice(begin, end)))
        state = Correlator.from_keyframe(state.keyframe())
    assert rows_of(parts, "lines") == expected.lines
    assert rows_of(parts, "locals") == expected.changes


@given(programs(), st.data())
def test_what_is_known_of_open_calls_is_that_of_a_plain_reading(events: list[Event], data: st.DataObject) -> None:
    batch, rows = batch_of(events), data.draw(st.integers(0, len(events)))
    state, at = Correlator(), 0
    while at < rows:
        stop = data.draw(st.integers(at + 1, rows))
        state.advance(batch.slice(at, stop))
        at = stop
    expected = read(events[:rows])
    open_ids = state.code.stacks.export()[1]["call_id"]
    found = state.locals.of(open_ids)
    for call in open_ids.tolist():
        one = found.get(call)
        assert (one.line if one else 0) == expected.at.get(call, 0)
        known = {name: variable.value for name, variable in one.variables.items()} if one else {}
        assert known == expected.held.get(call, {})


def test_who_told_and_since_when_is_known_of_each_variable() -> None:
    state = Correlator()
    state.advance(batch_of(total()[:10]))
    variables = state.locals.of(state.code.stacks.export()[1]["call_id"])[1].variables
    assert [(name, one.value, one.since_ns, one.event_id) for name, one in variables.items()] == [
        ("n", "2", 2, 0), ("t", None, 10, 10), ("i", "1", 10, 10),
    ]  # fmt: skip


@pytest.mark.parametrize(("segments", "merge"), [(1, False), (3, False), (3, True)])
def test_a_session_keeps_each_change_once_and_sql_shows_all(tmp_path: Path, segments: int, merge: bool) -> None:
    events = total()
    expected = read(events)
    path = write_session(tmp_path / "s.scope", batch_of(events), segments, merge=merge)
    with Session.open(path) as session:
        assert len(session.segments) == (1 if merge else segments)
        part = session.segments[0]
        (kept,) = (entry for entry in part.files if entry.table == "locals")
        columns = pq.read_schema(pa.BufferReader(session.raw(kept.name))).names
        assert not {"time_ns", "track_id", "name", "new"}.intersection(columns)
        tables = [session.table(name).to_table() for name in ("lines", "locals")]
        shown = [list(zip(*table.to_pydict().values(), strict=True)) for table in tables]
        asked = query(session, "SELECT line, old, new FROM locals WHERE name = 't' ORDER BY time_ns").to_pydict()
    assert shown == [expected.lines, expected.changes]
    assert list(zip(*asked.values(), strict=True)) == [
        (10, None, "0"),
        (12, "0", "5"),
        (11, "5", None),
        (13, None, "9"),
    ]

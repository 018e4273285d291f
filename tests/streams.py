"""Streams of events for property tests, and a second reading of the rules by which they become call stacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import KIND, KINDS, Depth, Kind

CALLS = tuple(kind for kind in KINDS if kind.row.depth is Depth.OPENS)
_OUTCOMES = {Depth.RETURNS: "return", Depth.YIELDS: "yield", Depth.RAISES: "raise"}
LEAVES = {kind: _OUTCOMES[kind.row.depth] for kind in KINDS if kind.row.depth in _OUTCOMES}


@dataclass(frozen=True)
class Event:
    """One row of a batch to be."""

    time_ns: int
    kind: int
    track_id: int
    site_id: int = 0
    object_id: int = 0
    ref: int = 0
    flags: int = 0
    value: str | None = None


def batch_of(events: list[Event], first_event_id: int = 1) -> EventBatch:
    """The events as a batch."""
    rows = [row for row, event in enumerate(events) if event.value is not None]
    return make_batch(
        first_event_id,
        np.array([e.time_ns for e in events], np.int64),
        np.array([e.kind for e in events], np.uint8),
        np.array([e.track_id for e in events], np.int32),
        site_id=np.array([e.site_id for e in events], np.int32),
        object_id=np.array([e.object_id for e in events], np.int64),
        ref=np.array([e.ref for e in events], np.int64),
        flags=np.array([e.flags for e in events], np.uint8),
        value_rows=np.array(rows, np.int64),
        values=[events[row].value or "" for row in rows],
    )


def _snapshot_value(draw: st.DrawFn, sites: st.SearchStrategy[int]) -> str:
    frames = draw(st.lists(st.tuples(sites, st.integers(0, 300)), max_size=6))
    part = draw(st.sampled_from(["whole", "whole", "whole", "first", "middle", "last"]))
    return msgspec.json.encode({"reason": "begin", "part": part, "frames": frames}).decode()


@st.composite
def streams(draw: st.DrawFn, max_size: int = 60, hostile: bool = True) -> list[Event]:
    """Events of a few interleaved tracks.

    Well-formed ones leave what they entered. Hostile ones enter and leave as they like, lose events, take snapshots
    in pieces, name tracks and objects that cannot be, and send texts that mean nothing.
    """
    tracks = st.integers(1, 4) if not hostile else st.sampled_from([1, 1, 2, 3, 4, 0, -7, 1 << 30])
    sites = st.integers(1, 4)
    events: list[Event] = []
    stacks: dict[int, list[int]] = {}
    time_ns = draw(st.integers(0, 1 << 40))
    for _ in range(draw(st.integers(0, max_size))):
        time_ns += draw(st.sampled_from([0, 0, 1, 7, 1000, 9_999_999, 40_000_000]))
        if hostile and draw(st.integers(0, 99)) == 99:
            time_ns = draw(st.sampled_from([0, -5, (1 << 63) - 1 - (1 << 40), -(1 << 63)]))
        track, site = draw(tracks), draw(sites)
        stack = stacks.setdefault(track, [])
        choice = draw(st.integers(0, 19))
        if choice < 8:
            stack.append(site)
            value = draw(st.sampled_from([None, "x=1", "x=2, name='b'"]))
            line = draw(st.sampled_from([0, 3, 4] if not hostile else [0, 3, 1 << 24, -1]))
            events.append(Event(time_ns, draw(st.sampled_from(CALLS)), track, site, value=value, ref=line))
        elif choice < 15:
            if stack and not (hostile and choice == 14):
                site = stack.pop()
            elif not hostile:
                continue
            value, ref = draw(st.sampled_from([None, "None", "'c'"])), draw(st.integers(0, 2))
            kind = draw(st.sampled_from(list(LEAVES)))
            events.append(Event(time_ns, kind, track, site, value=value, ref=ref if kind == Kind.UNWIND else 0))
        elif choice == 15:
            cell = {"object_id": draw(st.integers(0, 2)), "ref": draw(st.integers(1, 2))}
            flags = draw(st.sampled_from([0, 0, 1, 8, 16]))
            value = draw(st.sampled_from(["a", "b", None]))
            events.append(Event(time_ns, Kind.STATE, track, flags=flags, value=value, **cell))
        elif choice == 16 and draw(st.booleans()):
            kind, flags = draw(st.sampled_from([Kind.LINE, Kind.LINE, Kind.LOCALS])), draw(st.sampled_from([0, 0, 1]))
            value = draw(st.sampled_from([None, "a=1", "b='x'\na=2", "a", "b=3\nc", "=\n\n?=1"]))
            events.append(Event(time_ns, kind, track, ref=draw(st.integers(0, 3)), flags=flags, value=value))
        elif choice == 16:
            kind = draw(st.sampled_from([Kind.THREAD_START, Kind.JOIN_BEGIN, Kind.JOIN_END]))
            events.append(Event(time_ns, kind, track, ref=draw(tracks), flags=draw(st.integers(0, 1))))
        elif choice == 17 and hostile:
            events.append(Event(time_ns, Kind.GAP, track, ref=3, value="pool full"))
        elif choice == 18 and hostile:
            value = draw(st.sampled_from(["", "{}", "[1", '{"frames":[[-1,0]]}', None])) if draw(st.booleans()) else ""
            events.append(Event(time_ns, Kind.SNAPSHOT, track, value=value or _snapshot_value(draw, sites)))
        elif choice == 19:
            kind = draw(st.sampled_from([Kind.THREAD_BEGIN, Kind.THREAD_END, Kind.RAISE]))
            stacks[track] = [] if kind == Kind.THREAD_END else stack
            events.append(Event(time_ns, kind, track, site if kind == Kind.RAISE else 0))
    return events


@dataclass
class ReferenceStacks:
    """The rules of dags/code/dag.py, read a second time and written as plainly as possible."""

    stacks: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    ended: list[tuple[int, int, int, int, int, int, int, int, str]] = field(default_factory=list)
    texts: list[tuple[str | None, str | None]] = field(default_factory=list)
    """Arguments and result of each that ended."""
    cursors: dict[int, int] = field(default_factory=dict)
    next_call_id: int = 1

    def feed(self, event: Event) -> None:
        if not 1 <= event.track_id <= 1 << 20:
            return
        stack = self.stacks.setdefault(event.track_id, [])
        if event.kind == Kind.SNAPSHOT:
            self._snapshot(event, stack)
            return
        if stack:
            stack[-1]["line"] = 0
        if event.kind in CALLS:
            if stack and 0 < event.ref < 1 << 24:
                stack[-1]["line"] = event.ref
            self._push(stack, event.site_id, event.time_ns, 0)
            stack[-1]["arguments"] = event.value if event.kind == Kind.CALL else None
        elif event.kind in LEAVES and any(call["site"] == event.site_id for call in stack):
            while stack[-1]["site"] != event.site_id:
                self._pop(event.track_id, stack, event.time_ns, "raise")
            result = None if event.kind == Kind.UNWIND else event.value
            self._pop(event.track_id, stack, event.time_ns, LEAVES[KIND[event.kind]], result)
        elif event.kind == Kind.THREAD_END:
            self._cut(event, stack, 0)
        if event.kind in LEAVES and stack:
            stack[-1]["line"] = 0

    def _snapshot(self, event: Event, stack: list[dict[str, Any]]) -> None:
        try:
            text = msgspec.json.decode(event.value or "")
            frames, part = text["frames"], text.get("part", "whole")
            if any(site < 0 for site, _ in frames):
                return
        except (msgspec.DecodeError, KeyError, TypeError):
            return
        depth = 0 if part in ("first", "whole") else min(self.cursors.get(event.track_id, 0), len(stack))
        for site, line in frames:
            if depth < len(stack) and stack[depth]["site"] == site:
                stack[depth]["line"] = line
            else:
                self._cut(event, stack, depth)
                self._push(stack, site, event.time_ns, line)
            depth += 1
        if part in ("last", "whole"):
            self._cut(event, stack, depth)
        self.cursors[event.track_id] = depth

    def _push(self, stack: list[dict[str, Any]], site: int, time_ns: int, line: int) -> None:
        stack.append({"id": self.next_call_id, "site": site, "start": time_ns, "line": line, "arguments": None})
        self.next_call_id += 1

    def _pop(
        self, track: int, stack: list[dict[str, Any]], time_ns: int, outcome: str, result: str | None = None
    ) -> None:
        call, depth = stack.pop(), len(stack)
        parent, line = (stack[-1]["id"], stack[-1]["line"]) if stack else (0, 0)
        self.ended.append((call["id"], call["start"], time_ns, track, depth, call["site"], parent, line, outcome))
        self.texts.append((call["arguments"], result))

    def _cut(self, event: Event, stack: list[dict[str, Any]], depth: int) -> None:
        while len(stack) > depth:
            self._pop(event.track_id, stack, event.time_ns, "raise")

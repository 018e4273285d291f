"""From the journal to rows: what Python does grows with blocks, threads and gaps, not with events.

Counted, not timed: the steps of the interpreter are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from capture.decode.decoder import Decoder
from capture.drain.blocks import Block
from capture.events.definitions import DefinitionKind
from capture.events.kinds import KINDS, Kind
from capture.session.format import About
from capture.session.segment_store import SegmentStore
from dags.correlate.sealing import SessionWriter
from tests.synthetic import PaperTarget, definition, event_of

FEW, MANY = 500, 1500


def steps_of(work: Callable[[], object]) -> int:
    """How many instructions of Python it takes."""
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def seal(path: Path, blocks: list[Block], events: int) -> None:
    decoder = Decoder()
    for block in blocks:
        decoder.feed(block)
    batch = decoder.take(until=True)
    assert batch is not None
    assert len(batch) == events
    store = SegmentStore.create(path, About(session_id="rates", created_real_ns=1), sync=False)
    SessionWriter(store).write(batch, decoder.catalog.tracks, decoder.catalog.state_keys)
    store.finish()


def blocks_of(kind: Kind, events: int) -> list[Block]:
    target = PaperTarget().begin()
    target.define(
        definition(DefinitionKind.EXCEPTION, 1, "ValueError"),
        definition(DefinitionKind.STATE_KEY, 1, "m", "x", "global"),
    )
    target.events(1, *(event_of(kind, 1000 * (at + 1)) for at in range(events)))
    target.clock(1000 * (events + 1))
    return target.blocks


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.row.rate != "rare"], ids=lambda kind: kind.word)
def test_no_python_runs_for_each_event_of_a_kind_that_comes_often(kind: Kind, tmp_path: Path) -> None:
    found = {}
    for name, events in (("warm", FEW), ("few", FEW), ("many", MANY)):
        blocks = blocks_of(kind, events)
        found[name] = steps_of(lambda: seal(tmp_path / name, blocks, events))  # noqa: B023
    assert found["few"] > 1000
    assert found["many"] - found["few"] < (MANY - FEW) / 4, found


def test_what_python_does_for_each_event_is_counted(tmp_path: Path) -> None:
    """Of a kind that is as rare as threads Python looks at each: the count above would show it."""
    found = {}
    for name, events in (("warm", FEW), ("few", FEW), ("many", MANY)):  # the first one imports
        blocks = blocks_of(Kind.GAP, events)
        found[name] = steps_of(lambda: seal(tmp_path / name, blocks, events))  # noqa: B023
    assert found["many"] - found["few"] > 10 * (MANY - FEW)

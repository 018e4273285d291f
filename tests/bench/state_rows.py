"""What sealing costs where a program changes its variables all the time: decode, correlate, seal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from capture.decode.decoder import Decoder
from capture.drain.blocks import Block, BlockType
from capture.events.definitions import DefinitionKind
from capture.events.kinds import PAYLOAD_FLAG, Kind
from capture.session.format import About
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.correlate.correlator import Correlator
from scope_gui.recording.sealer import READ_BYTES, even_pieces
from tests.bench.report import Row
from tests.synthetic import PaperTarget, definition

STATES = 1_000_000
RUNS = 5  # the first one also loads libraries and grows the process: a sealer does so once
KEYS, OBJECTS = 200, 50
BLOCK_STATES = 2_000
READ_BLOCKS = 2 * READ_BYTES // (BLOCK_STATES * 48)  # as many as the sealer reads at once; every other one is a clock
_SLOTS = np.dtype(
    [("ticks", "<u8"), ("a", "<u4"), ("kind", "u1"), ("flags", "u1"), ("b", "<u2"), ("object", "<u8"), ("text", "S8")]
)


def sealing_of_states(folder: Path) -> list[Row]:
    """One core's rate, from blocks of the journal to segments on the disk."""
    recorded = _recorded()
    runs = [seal_states(folder / f"states-{n}.scope", recorded) for n in range(RUNS)]
    seconds = sorted(runs, key=lambda run: sum(run.values()))[RUNS // 2]
    rate = STATES / sum(seconds.values()) / 1e6
    stages = ", ".join(f"{name} {STATES / took / 1e6:.1f}" for name, took in seconds.items())
    asked = min(_sql_seconds(folder / "states-0.scope") for _ in range(3))
    return [
        Row(
            "seal states, one core",
            f"{rate:.2f} M states/s",
            ">= 2 M/s",
            "-",
            rate >= 2,
            note=f"median of {RUNS}; M/s: {stages}",
        ),
        Row("SQL on a million states", f"{asked:.2f} s of CPU", "-", "-", True, note="SELECT max(new) FROM states"),
    ]


def _sql_seconds(path: Path) -> float:
    with Session.open(path) as session:
        began = time.process_time()
        query(session, "SELECT max(new) FROM states")
        return time.process_time() - began


def seal_states(path: Path, target: PaperTarget) -> dict[str, float]:
    """Seconds of one core for each stage of what the sealer does: a million states of 200 keys of 50 objects each."""
    decoder, correlator = Decoder(), Correlator()
    store = SegmentStore.create(path, About(session_id="states", created_real_ns=1), sync=False)
    seconds = dict.fromkeys(("decode", "correlate", "seal"), 0.0)

    def timed(stage: str, began: float) -> None:
        seconds[stage] += time.process_time() - began

    for last in range(READ_BLOCKS, len(target.blocks) + READ_BLOCKS, READ_BLOCKS):
        began = time.process_time()
        for block in target.blocks[last - READ_BLOCKS : last]:
            decoder.feed(block)
        batch = decoder.take(until=last >= len(target.blocks))
        timed("decode", began)
        for piece in even_pieces(batch) if batch is not None else ():
            began = time.process_time()
            keyframe = correlator.keyframe()
            rows = correlator.feed(piece, decoder.catalog.tracks, decoder.catalog.state_keys)
            timed("correlate", began)
            began = time.process_time()
            store.seal(piece, rows, keyframe)
            timed("seal", began)
    store.finish()
    return seconds


def _recorded() -> PaperTarget:
    target = PaperTarget().begin()
    target.define(
        *(definition(DefinitionKind.STATE_KEY, n, f"m.C{n % 7}", f"key{n}", "attribute") for n in range(1, KEYS + 1))
    )
    for first in range(0, STATES, BLOCK_STATES):
        target.blocks.append(_block(first, target.blocks[-1].block_no + 1))
        target.clock(first * 50)
    return target


def _block(first: int, block_no: int) -> Block:
    n = np.arange(first, first + BLOCK_STATES)
    rows: Any = np.zeros(BLOCK_STATES, _SLOTS)
    texts = [str(number) for number in (n % 1_000_003).tolist()]
    rows["ticks"], rows["a"], rows["kind"] = n * 50, 1 + n % KEYS, Kind.STATE
    rows["flags"] = PAYLOAD_FLAG
    rows["b"], rows["object"], rows["text"] = [8 + len(text) for text in texts], 1 + n // KEYS % OBJECTS, texts
    return Block(BlockType.RECORDS, 1, 1, first, block_no, 0, rows.tobytes())

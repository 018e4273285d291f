"""A target made of paper: writes the journal blocks that a real one's pool would give, event by event."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from capture.decode.decoder import Decoder
from capture.drain.blocks import Block, BlockType
from capture.drain.journal import JournalWriter
from capture.events.batch import EventBatch, concat
from capture.events.definitions import DefinitionKind
from capture.events.kinds import PAYLOAD_FLAG, SITE_BITS, Kind, StateFlag
from capture.own_folder import OwnFolder
from scope_gui.recording.sealer import Sealer

START_MONO_NS = 5_000_000_000
START_REAL_NS = 1_700_000_000_000_000_000


def record(ticks: int, a: int, kind: int, flags: int = 0, b: int = 0) -> bytes:
    """One 16-byte record."""
    return struct.pack("<QIBBH", ticks, a, kind, flags, b)


def with_payload(ticks: int, a: int, kind: int, payload: bytes, flags: int = 0) -> bytes:
    """An event of any kind that says more than its head."""
    return record(ticks, a, kind, flags | PAYLOAD_FLAG, len(payload)) + payload + bytes(-len(payload) % 16)


def event_of(kind: Kind, ticks: int) -> bytes:
    """An event of a kind as its row says that a target writes it: of site 3, thread 2, else the first."""
    row = kind.row
    of = {
        "site": 3,
        "site, line": 3 | 31 << SITE_BITS,
        "thread": 2,
        "own thread": 1,
        "dropped": 4,
        "number": 5,
        "line": 12,
    }
    a = of.get(row.a, 1)
    flags = int(next(iter(row.flags))) if row.flags else 0
    if row.payload == "frames":
        return snapshot(ticks, [(3, 31)], a, flags)
    if row.payload == "state":
        return state(ticks, a, "7", flags=StateFlag.FIRST_KNOWN)
    if row.payload in ("arguments", "value"):
        return with_payload(ticks, a, kind, struct.pack("<Q", 7 << 4 | 1), flags)
    if row.payload == "locals":
        return with_payload(ticks, a, kind, struct.pack("<QQ", 1 << 32 | 1, 7 << 4 | 1), flags)
    if row.payload != "none":
        number = {"object": 6, "exception": 1, "output": 6}.get(row.payload)
        return with_payload(ticks, a, kind, (struct.pack("<Q", number) if number else b"") + b"seven", flags)
    return record(ticks, a, kind, flags, 0 if row.b == "nothing" else 1)


def old_snapshot(ticks: int, frames: Sequence[tuple[int, int]], reason: int = 1, flags: int = 3) -> bytes:
    """A snapshot as it lies in a pool of ABI 2: a frame is a record."""
    slots = b"".join(record(0, site, 25, line >> 16, line & 0xFFFF) for site, line in frames)
    return record(ticks, len(frames), Kind.SNAPSHOT, flags, reason) + slots


def old_state(ticks: int, key: int, text: str, object_serial: int = 0, flags: int = 0) -> bytes:
    """A state as it lies in a pool of ABI 2: `b` does not count the serial."""
    body = struct.pack("<Q", object_serial) + text.encode()
    return record(ticks, key, Kind.STATE, flags, len(body) - 8) + body + bytes(-len(body) % 16)


def seal_what_is_complete(session: Path) -> None:
    """Seals a written journal as far as a sealer would while the recording goes on; it is left unfinished."""
    with OwnFolder.open(session) as folder:
        sealer = Sealer.start(folder)
        sealer.turn()
        sealer.close()


def snapshot(ticks: int, frames: Sequence[tuple[int, int]], reason: int = 1, flags: int = 3) -> bytes:
    """A snapshot of (site, line) frames."""
    return with_payload(ticks, reason, Kind.SNAPSHOT, b"".join(struct.pack("<II", *frame) for frame in frames), flags)


def state(ticks: int, key: int, text: str, object_serial: int = 0, flags: int = 0) -> bytes:
    """A state event."""
    return with_payload(ticks, key, Kind.STATE, struct.pack("<Q", object_serial) + text.encode(), flags)


def definition(kind: DefinitionKind, ident: int, *fields: str) -> bytes:
    """One definition as in defs.bin, checksum left out."""
    payload = "\0".join(fields).encode()
    return struct.pack("<HBBIII", 0x5DE5, kind, 0, ident, len(payload), 0) + payload


@dataclass
class PaperTarget:
    """Collects blocks; ticks are nanoseconds after the session's start."""

    process: int = 1
    blocks: list[Block] = field(default_factory=list)
    produced: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)

    def _append(self, kind: BlockType, payload: bytes, track: int = 0, seq: int = 0, dropped: int = 0) -> Block:
        number = self.blocks[-1].block_no + 1 if self.blocks else 1
        block = Block(kind, self.process, track, seq, number, dropped, payload)
        self.blocks.append(block)
        return block

    def fact(self, fact: str, /, **fields: object) -> None:
        self._append(BlockType.FACTS, msgspec.json.encode({"fact": fact, **fields}))

    def begin(self, **process: Any) -> PaperTarget:
        """The facts that open a session, five sites, and the first clock pair."""
        self.fact("session", start_mono_ns=START_MONO_NS, start_real_ns=START_REAL_NS)
        about = {"pid": 42, "name": "paper", "start_real_ns": START_REAL_NS - 1, "tier": "python", **process}
        self.fact("process", process_serial=self.process, **about)
        self.define(
            *(definition(DefinitionKind.SITE, n, f"f{n}", "m", "m.py", str(10 * n), f"f{n}") for n in range(1, 6))
        )
        self.clock(0, 0)
        return self

    def define(self, *definitions: bytes) -> None:
        self._append(BlockType.DEFS, b"".join(definitions))

    def clock(self, ticks: int, complete: int | None = None) -> None:
        """A clock pair; everything up to `complete` is in the journal."""
        complete = ticks if complete is None else complete
        pair = struct.pack("<QQQQQ", ticks, START_MONO_NS + ticks, START_REAL_NS + ticks, 10, complete)
        self._append(BlockType.CLOCK, pair)

    def events(self, track: int, *events: bytes) -> Block:
        """A block of events of one track, in sequence."""
        seq, dropped = self.produced.get(track, 0), self.dropped.get(track, 0)
        self.produced[track] = seq + len(events)
        return self._append(BlockType.RECORDS, b"".join(events), track, seq, dropped)

    def write(self, journal: Path) -> None:
        """The blocks as the journal of a session."""
        writer = JournalWriter(journal)
        for block in self.blocks:
            writer.append(
                block.type, block.process_serial, block.payload, track_serial=block.track_serial,
                seq_start=block.seq_start, dropped=block.dropped,
            )  # fmt: skip
        writer.close()

    def drop(self, track: int, count: int) -> None:
        """Events that the target produced and could not keep."""
        self.produced[track] = self.produced.get(track, 0) + count
        self.dropped[track] = self.dropped.get(track, 0) + count


def decode(blocks: Iterable[Block], decoder: Decoder | None = None) -> tuple[Decoder, EventBatch]:
    """(the decoder, everything it makes of the blocks)."""
    decoder = decoder or Decoder()
    for block in blocks:
        decoder.feed(block)
    batch = decoder.take(until=True)
    return decoder, EventBatch.empty() if batch is None else batch


def rows(batch: EventBatch) -> list[tuple[int, int, int, int, int, int, str | None]]:
    """A batch as (time, kind, track, site, object, ref, value) tuples."""
    return [
        (
            int(batch.time_ns[i]),
            int(batch.kind[i]),
            int(batch.track_id[i]),
            int(batch.site_id[i]),
            int(batch.object_id[i]),
            int(batch.ref[i]),
            batch.value_of(i),
        )
        for i in range(len(batch))
    ]


def joined(batches: Iterable[EventBatch | None]) -> list[tuple[int, int, int, int, int, int, str | None]]:
    """The rows of consecutive batches."""
    return rows(concat([batch for batch in batches if batch is not None]))

"""The bytes of a journal that a target made of paper writes: every kind of block, fact, definition and record."""

from __future__ import annotations

import functools
import struct
from random import Random
from typing import Any

from capture.drain.blocks import HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES, Block, BlockType, pack_header
from capture.events.definitions import DEFINITION_HEADER, DEFINITION_MAGIC, DefinitionKind
from capture.events.kinds import Kind, LineFlag, StateFlag
from tests.fuzz.mutation import Field, json_node, odd_number, some_bytes, some_fields
from tests.synthetic import START_MONO_NS, PaperTarget, definition, record, snapshot, state, with_payload
from tests.value_words import ValueWriter

_HEAD = struct.Struct("<4sHHIIQQQ")
_SESSION = {
    "session_id": "5e55105e55105e55", "start_real_ns": 1_700_000_000_000_000_000, "start_mono_ns": START_MONO_NS,
    "command": "python orders.py", "mode": "full", "include": [], "exclude": [], "state": [], "redact": [],
    "when_full": "drop",
}  # fmt: skip


@functools.cache
def blocks() -> tuple[Block, ...]:
    """A recording of two threads, with all that a journal can hold, in sequence."""
    paper = PaperTarget()
    paper.fact("session", **_SESSION)
    paper.begin(python="3.13.0", command="python orders.py", parent_pid=1)
    paper.define(
        definition(DefinitionKind.EXCEPTION, 1, "builtins.KeyError"),
        definition(DefinitionKind.STATE_KEY, 1, "orders", "stock", "global"),
        definition(DefinitionKind.STATE_KEY, 2, "orders.Order", "total", "attribute"),
        definition(DefinitionKind.THREAD, 1, "main", "42", "0"),
        definition(DefinitionKind.THREAD, 2, "worker", "43", "1"),
        definition(DefinitionKind.PROCESS, 0, "python_version", "3.13.0"),
        definition(DefinitionKind.UNSEEN, 1, "threads-missing", ""),
        definition(DefinitionKind.SITE, 6, "buy", "m", "m.py", "60", "buy", "name,*args"),
        definition(DefinitionKind.TYPE, 1, "orders.Order"),
        definition(DefinitionKind.NAME, 1, "rest"),
    )
    ms, values = 1_000_000, ValueWriter()
    paper.events(1, record(ms, 1, Kind.THREAD_BEGIN), snapshot(ms, [(1, 3), (2, 9)]), record(2 * ms, 3, Kind.CALL))
    paper.events(2, record(2 * ms, 2, Kind.THREAD_BEGIN), record(3 * ms, 4, Kind.CALL))
    paper.events(1, record(3 * ms, 2, Kind.THREAD_START), state(3 * ms, 1, "7", flags=8), state(4 * ms, 2, "é", 5))
    paper.fact("metric", process_serial=1, mono_ns=START_MONO_NS + 3 * ms, values={"rss_bytes": 1e6, "os_state": 1})
    paper.clock(5 * ms)
    paper.drop(1, 4)
    counted = struct.pack("<QQ", 0, 9) + b"8"
    paper.events(
        1,
        record(5 * ms, 4, Kind.GAP, b=1),
        snapshot(5 * ms, [(1, 3)], reason=2, flags=1),
        snapshot(5 * ms, [(3, 8)], reason=2, flags=2),
        with_payload(6 * ms, 1, Kind.STATE, counted, StateFlag.COUNTED),
        record(6 * ms, 3, Kind.RAISE, b=1),
        record(6 * ms, 3, Kind.UNWIND, b=1),
        record(6 * ms, 2, Kind.JOIN_BEGIN),
    )
    paper.events(2, record(6 * ms, 4, Kind.YIELD), record(7 * ms, 4, Kind.RESUME), record(7 * ms, 4, Kind.RETURN))
    paper.events(2, with_payload(7 * ms, 6, Kind.CALL, values.event("a long name of a thing", (1, 0.5))))
    changed = struct.pack("<Q", 1 << 32 | 1) + values.words(["a long name of a thing"])
    paper.events(2, with_payload(7 * ms, 61, Kind.LINE, changed, LineFlag.FIRST_KNOWN), record(7 * ms, 62, Kind.LINE))
    paper.events(2, with_payload(7 * ms, 62, Kind.LOCALS, struct.pack("<Q", 3 << 32 | 1)))
    paper.events(2, with_payload(7 * ms, 6, Kind.RETURN, values.words(["a long name of a thing"])))
    paper.fact("thread", process_serial=1, tid=99, mono_ns=START_MONO_NS + ms, name="seen")
    at_ns = START_MONO_NS + 7 * ms
    paper.fact("sleepers", process_serial=1, known_ns=at_ns, slept=[[43, at_ns - ms, "lock"]], woke=[[42, at_ns]])
    paper.clock(9 * ms)
    paper.events(2, record(8 * ms, 2, Kind.THREAD_END))
    paper.events(1, record(8 * ms, 2, Kind.JOIN_END, 1), record(9 * ms, 1, Kind.RETURN))
    paper.fact("thread_end", process_serial=1, tid=99, mono_ns=at_ns)
    paper.fact("loss", process_serial=1, code="pool-damaged", detail="1: cut")
    paper.fact("unseen", process_serial=1, code="threads-full", detail="")
    paper.fact("overhead", process_serial=1, overhead={"whole": 0.1, "left_out": 0.01})
    paper.fact("counters", process_serial=1, tracks={"1": 4, "2": 0}, more=True)
    paper.fact("counters", process_serial=1, part=1, tracks={"3": 0}, dropped_unattributed=2, ended_dropped=1)
    paper.fact("process_end", process_serial=1, mono_ns=at_ns + 2 * ms)
    paper.fact("end", mono_ns=at_ns + 3 * ms, reason="the program ended")
    paper.fact("of_a_newer_recorder", anything=[1])
    last = paper.blocks[-1]
    return (*paper.blocks, Block(BlockType.END, 1, 0, 0, last.block_no + 1, 0, b""))


def file_of(some: tuple[Block, ...] | list[Block]) -> bytes:
    """The bytes of a journal's file."""
    return b"".join(pack_header(block) + block.payload + bytes(-len(block.payload) % 8) for block in some)


def blocks_of(data: bytes) -> list[Block]:
    """The blocks as far as they lie side by side, whatever their checksums say."""
    found, at = [], 0
    while at + HEADER_BYTES <= len(data):
        magic, kind, process, length, track, seq, number, dropped = _HEAD.unpack_from(data, at)
        if magic != MAGIC or length > min(MAX_PAYLOAD_BYTES, len(data)):
            break
        payload = data[at + HEADER_BYTES : at + HEADER_BYTES + length]
        found.append(Block(kind, process, track, seq, number, dropped, payload))
        at += HEADER_BYTES + length + -length % 8
    return found


def mutated_journal(data: bytes, dice: Random) -> bytes:
    """Some blocks are others, in another order, or other things; checksums are mostly right."""
    if dice.random() < 0.15:
        return some_bytes(data, dice)
    some = blocks_of(data)
    for _ in range(dice.choice((1, 1, 2, 3, 5))):
        if not some:
            return data
        at = dice.randrange(len(some))
        choice = dice.randrange(12)
        if choice == 0:
            del some[at]
        elif choice == 1:
            some.insert(dice.randrange(len(some) + 1), some[at])
        elif choice == 2:
            other = dice.randrange(len(some))
            some[at], some[other] = some[other], some[at]
        elif choice < 5:
            some[at] = _other_head(some[at], dice)
        else:
            some[at] = some[at]._replace(payload=_other_payload(some[at], dice))
    if dice.random() < 0.8:
        some = [block._replace(block_no=number) for number, block in enumerate(some, 1)]
    made = file_of(some)
    return some_bytes(made, dice) if dice.random() < 0.1 else made


def _other_head(block: Block, dice: Random) -> Block:
    name, bits = dice.choice(
        (("type", 3), ("process_serial", 2), ("process_serial", 16), ("track_serial", 2), ("track_serial", 32),
         ("seq_start", 8), ("seq_start", 64), ("block_no", 64), ("dropped", 8), ("dropped", 64))
    )  # fmt: skip
    changed: dict[str, Any] = {name: odd_number(dice, getattr(block, name), bits)}
    return block._replace(**changed)


def _other_payload(block: Block, dice: Random) -> bytes:
    payload = bytes(block.payload)
    if block.type == BlockType.FACTS:
        return json_node(payload, dice)
    if block.type == BlockType.RECORDS:
        return mutated_records(payload, dice)
    if block.type == BlockType.DEFS:
        return mutated_definitions(payload, dice)
    if block.type == BlockType.CLOCK and len(payload) >= 8 and dice.random() < 0.9:
        return some_fields(payload, [Field(at, 8) for at in range(0, len(payload) - 7, 8)], dice)
    return some_bytes(payload, dice)


def mutated_records(payload: bytes, dice: Random) -> bytes:
    """Fields of records are others, or records are missing, moved or there more than once."""
    records = [payload[at : at + 16] for at in range(0, len(payload), 16)]
    if not records or dice.random() < 0.1:
        return some_bytes(payload, dice)
    at = dice.randrange(len(records))
    choice = dice.randrange(10)
    if choice == 0:
        del records[at]
    elif choice == 1:
        records[at:at] = [records[dice.randrange(len(records))]] * dice.choice((1, 1, 2, 40))
    elif choice == 2:
        kind = dice.choice(list(Kind))
        records[at : at + 1] = [record(dice.randrange(10_000_000), dice.randrange(8), kind, dice.randrange(64), 1)]
    elif len(records[at]) == 16:
        fields = [Field(0, 8), Field(8, 4), Field(12, 1), Field(13, 1), Field(14, 2)]
        records[at] = some_fields(records[at], fields, dice)
    return b"".join(records)


def mutated_definitions(payload: bytes, dice: Random) -> bytes:
    """Numbers, kinds, texts and lengths of definitions are others."""
    some, at = [], 0
    while at + DEFINITION_HEADER.size <= len(payload):
        length = DEFINITION_HEADER.unpack_from(payload, at)[4]
        end = at + DEFINITION_HEADER.size + min(length, len(payload))
        some.append(payload[at:end])
        at = end
    if not some or dice.random() < 0.1:
        return some_bytes(payload, dice)
    at = dice.randrange(len(some))
    head, text = some[at][: DEFINITION_HEADER.size], some[at][DEFINITION_HEADER.size :]
    choice = dice.randrange(6)
    if choice == 0:
        del some[at]
    elif choice == 1:
        some.insert(at, some[dice.randrange(len(some))])
    elif choice < 4:
        text = some_bytes(text, dice)
        some[at] = DEFINITION_HEADER.pack(
            DEFINITION_MAGIC, dice.choice((head[2], dice.randrange(9))), 0,
            odd_number(dice, 1, dice.choice((3, 22, 32))), len(text), 0,
        ) + text  # fmt: skip
    elif len(head) == DEFINITION_HEADER.size:
        fields = [Field(0, 2), Field(2, 1), Field(4, 4), Field(8, 4)]
        some[at] = some_fields(head, fields, dice) + text
    return b"".join(some)

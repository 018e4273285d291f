"""Records of calls and lines whose values are any words: read as texts, which are bounded."""

from __future__ import annotations

import functools
import struct
from contextlib import suppress
from random import Random

from capture.decode.decoder import Decoder
from capture.drain.blocks import Block, BlockType
from capture.errors import FormatError
from capture.events.definitions import DefinitionKind
from capture.events.kinds import Kind, ResultFlag
from tests.fuzz.mutation import Field, some_fields
from tests.fuzz.paper import mutated_records
from tests.fuzz.verdict import Wrong
from tests.synthetic import PaperTarget, definition, record, with_payload
from tests.value_words import ValueWriter, foreign

_MOST_ROW = 1003  # characters: a value, cut, and the name of what a line changed


def seeds() -> dict[str, bytes]:
    writer, ms = ValueWriter(), 1_000_000
    some = [
        1,
        "a",
        "a longer text, told once",
        0.1,
        [1, "a longer text, told once", [2, [3]]],
        {"k": (1,)},
        b"\xff",
        None,
    ]
    calls = (
        with_payload(ms * n, 6, Kind.CALL, writer.event(*some[:n]) + foreign(4, 1 << 40))
        for n in range(1, len(some) + 1)
    )
    results = (with_payload(ms * n, 6, Kind.RETURN, writer.words(value)) for n, value in enumerate(some, 20))
    nothing = record(40 * ms, 6, Kind.YIELD, ResultFlag.IS_NONE)
    nested = writer.words([[list(range(9)), {5, "x" * 250}], frozenset({1 << 200}), 1e300])
    changes = b"".join(struct.pack("<Q", 1 << 32 | 1) + writer.words(value) for value in some)
    unbound = struct.pack("<Q", 3 << 32 | 1)
    lines = with_payload(ms, 7, Kind.LINE, changes), with_payload(2 * ms, 7, Kind.LOCALS, changes + unbound)
    return {
        "lines": b"".join(lines) + record(3 * ms, 8, Kind.LINE),
        "calls": b"".join(calls),
        "results": b"".join(results) + nothing,
        "nested": with_payload(ms, 6, Kind.CALL, nested) + with_payload(2 * ms, 6, Kind.CALL, nested + nested),
    }


def mutated(data: bytes, dice: Random) -> bytes:
    if dice.random() < 0.4:
        return mutated_records(data, dice)
    return some_fields(data, [Field(at, 8) for at in range(0, len(data) - 7, 8)] or [Field(0, 1)], dice)


def read(data: bytes) -> None:
    decoder = Decoder()
    for block in (*_begun(), Block(BlockType.RECORDS, 1, 1, 0, 99, 0, data)):
        with suppress(FormatError):
            decoder.feed(block)
    batch = decoder.take(until=True)
    if batch is None:
        return
    rows = (row for text in batch.values for row in text.split("\n"))
    if len(batch.value_rows) > len(batch) or any(len(row) > _MOST_ROW for row in rows):
        raise Wrong("the values of calls are more than can be")


@functools.cache
def _begun() -> tuple[Block, ...]:
    paper = PaperTarget().begin()
    paper.define(
        definition(DefinitionKind.SITE, 6, "f", "m", "m.py", "1", "f", "a,b,*args,**more"),
        definition(DefinitionKind.TYPE, 4, "shop.Order"),
        definition(DefinitionKind.NAME, 1, "v"),
    )
    return tuple(paper.blocks)

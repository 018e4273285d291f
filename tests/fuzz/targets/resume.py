"""What a sealer left to go on from, with the right checksum and any content, and the rest of the journal after it."""

from __future__ import annotations

import functools
from random import Random

import msgspec

from capture.decode import resume
from capture.decode.decoder import Decoder
from capture.errors import FormatError
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.paper import blocks

_FIRST = 14


@functools.cache
def _begun() -> Decoder:
    decoder = Decoder()
    for block in blocks()[:_FIRST]:
        decoder.feed(block)
    decoder.take()
    return decoder


def seeds() -> dict[str, bytes]:
    return {"begun": resume.resume_point(_begun())}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    known = _begun().catalog
    names = [
        msgspec.convert(msgspec.to_builtins(rows), list[type(rows[0])])  # type: ignore[misc]
        for rows in (known.processes, known.tracks, known.sites, known.state_keys)
    ]
    decoder = resume.resumed(data, *names)
    for block in blocks()[_FIRST:]:
        try:
            decoder.feed(block)
        except FormatError as error:
            decoder.note_loss("records-refused", error.message, at=block.block_no)
    decoder.take()
    decoder.settle()
    decoder.take(until=True)
    decoder.take_waits(0, decoder.last_ns, final=True)
    decoder.totals()
    resume.resume_point(decoder)

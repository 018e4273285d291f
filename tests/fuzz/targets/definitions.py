"""What a target says about its names: bytes of defs.bin, taken into the tables of a session."""

from __future__ import annotations

from random import Random

import msgspec

from capture.decode.decoder import Decoder
from capture.drain.blocks import Block, BlockType
from capture.drain.pool import whole_pieces
from tests.fuzz.paper import blocks, mutated_definitions


def seeds() -> dict[str, bytes]:
    some = [bytes(block.payload) for block in blocks() if block.type == BlockType.DEFS]
    return {"sites": some[0], "others": some[1]}


def mutated(data: bytes, dice: Random) -> bytes:
    return mutated_definitions(data, dice)


def read(data: bytes) -> None:
    for piece in whole_pieces(data):
        assert len(piece) <= len(data)
    decoder = Decoder(derive_names=True)
    for block in blocks()[:3]:
        decoder.feed(block)
    decoder.feed(Block(BlockType.DEFS, 1, 0, 0, 9, 0, data))
    catalog = decoder.catalog
    msgspec.json.encode(
        [catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys, catalog.unseen, catalog.site_lines.rows]
    )

"""A journal of any blocks: read, decoded and correlated, with the books that must come out even."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import numpy as np

from capture.decode import resume
from capture.decode.decoder import Decoder
from capture.drain.blocks import Block, file_name
from capture.drain.journal import JournalReader
from capture.errors import FormatError
from capture.events.batch import EventBatch
from dags.correlate.correlator import Correlator
from tests.fuzz.paper import blocks, file_of, mutated_journal
from tests.fuzz.verdict import Wrong

_MOST_READS = 200


def seeds() -> dict[str, bytes]:
    whole = blocks()
    return {"whole": file_of(whole), "begun": file_of(whole[:8]), "no end": file_of(whole[:-8])}


def mutated(data: bytes, dice: Random) -> bytes:
    return mutated_journal(data, dice)


def read(data: bytes) -> None:
    decoder, correlator, recorded = Decoder(derive_names=True), Correlator(), 0
    for number, part in enumerate(_parts(data)):
        for block in part:
            try:
                decoder.feed(block)
            except FormatError as error:
                decoder.note_loss("records-refused", error.message, at=block.block_no)
        recorded += _taken(decoder, correlator, until=False)
        if number == 0:
            decoder = _resumed(decoder)
    recorded += _taken(decoder, correlator, until=True)
    totals = decoder.totals()
    if totals.produced != totals.recorded + totals.dropped + totals.lost or totals.recorded != recorded:
        raise Wrong("the books of a journal do not come out even")
    correlator.check()


def _parts(data: bytes) -> list[list[Block]]:
    """The blocks that a reader finds, in two halves."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Path(folder, file_name(1)).write_bytes(data)
        reader = JournalReader(Path(folder))
        found: list[Block] = []
        last = 0
        try:
            for _ in range(_MOST_READS):
                some = reader.read(1 << 20)
                if not some:
                    break
                found += [block._replace(payload=bytes(block.payload)) for block in some]
            else:
                raise Wrong("a journal has no end")
        finally:
            reader.close()
    for block in found:
        if block.block_no < last:
            raise Wrong("blocks of a journal run back")
        last = block.block_no + 1
    half = len(found) // 2
    return [found[:half], found[half:]]


def _taken(decoder: Decoder, correlator: Correlator, *, until: bool) -> int:
    first = decoder.next_event_id
    batch = decoder.take(until)
    decoder.take_metrics(), decoder.take_gaps()
    decoder.settle()
    decoder.take_waits(0, decoder.last_ns, final=until)
    if batch is None:
        return 0
    if batch.first_event_id != first or (np.diff(batch.time_ns) < 0).any():
        raise Wrong("events of a journal are not in order")
    catalog = decoder.catalog
    if len(batch) and not 1 <= int(batch.track_id.min()) <= int(batch.track_id.max()) <= len(catalog.tracks):
        raise Wrong("an event is of a track that is not there")
    rows = correlator.feed(batch, catalog.tracks, catalog.state_keys)
    ended: EventBatch = batch
    if len(rows["calls"]["call_id"]) > len(ended) + 1_000_000:
        raise Wrong("more calls end than there are events")
    Correlator.from_keyframe(correlator.keyframe())
    return len(batch)


def _resumed(decoder: Decoder) -> Decoder:
    """The decoder, once it is known that `recover` would find the same books; what waits is not in those."""
    catalog = decoder.catalog
    names = (catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys)
    try:
        again = resume.resumed(resume.resume_point(decoder), *names, derive_names=True)
    except FormatError as error:
        raise Wrong("a resume point of ours is refused") from error
    if resume.resume_point(again) != resume.resume_point(decoder):
        raise Wrong("a resume point is another one when it is read again")
    return decoder

"""Laws of the decoder: any bytes, any order of blocks, any cut between takes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.decode.decoder import Decoder
from capture.decode.records import parse_records
from capture.drain.blocks import Block, BlockType
from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.events.definitions import DefinitionKind
from capture.events.kinds import KINDS, RETIRED, Kind
from tests.synthetic import PaperTarget, decode, definition, joined, record, rows, snapshot, state

pytestmark = pytest.mark.soak

MS = 1_000_000
RECORDS = (BlockType.OLD_RECORDS, BlockType.RECORDS)

heads = st.builds(
    record,
    st.integers(0, (1 << 64) - 1) | st.integers(0, 1000),
    st.integers(0, 9) | st.integers(0, (1 << 32) - 1),
    st.sampled_from([int(kind) for kind in (*KINDS, *RETIRED)]) | st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 40),
)


@st.composite
def targets(draw: st.DrawFn) -> PaperTarget:
    """A target whose tracks call, drop, snapshot and write state, drained in blocks of any size."""
    target, ticks = PaperTarget().begin(), 0
    target.define(*(definition(DefinitionKind.STATE_KEY, n, "m", f"k{n}", "global") for n in range(1, 6)))
    for _ in range(draw(st.integers(1, 25))):
        track, events = draw(st.integers(1, 3)), []
        dropped = draw(st.integers(0, 4)) if draw(st.integers(0, 4)) == 4 else 0
        if dropped:
            target.drop(track, dropped)
            events.append(record(max(0, ticks - 5), dropped, Kind.GAP, b=1))
        for _ in range(draw(st.integers(1, 6))):
            ticks += draw(st.sampled_from([0, 1, 500, 3 * MS]))
            site = draw(st.integers(1, 5))
            match draw(st.integers(0, 6)):
                case 0:
                    events.append(snapshot(ticks, [(site, 7)]))
                case 1:
                    events.append(state(ticks, site, "x" * draw(st.integers(0, 40)), site))
                case choice:
                    events.append(record(ticks, site, Kind.CALL if choice < 5 else Kind.RETURN))
        target.events(track, *events)
        if draw(st.integers(0, 2)) == 0:
            target.clock(ticks)
    return target


def is_records(block: Block) -> bool:
    return block.type == BlockType.RECORDS


@st.composite
def any_block(draw: st.DrawFn) -> Block:
    """A block of any type with a payload of any sense."""
    kind = draw(st.integers(0, 7))
    payload = b"".join(draw(st.lists(heads, max_size=6))) if kind in RECORDS else draw(st.binary(max_size=80))
    process, track, seq = draw(st.integers(0, 2)), draw(st.integers(0, 3)), draw(st.integers(0, 12))
    return Block(kind, process, track, seq, 10, draw(st.integers(0, 12)), payload)


@given(st.lists(any_block(), max_size=12))
def test_any_blocks_give_events_or_a_format_error(blocks: list[Block]) -> None:
    decoder = Decoder()
    for block in [*PaperTarget().begin().blocks, *blocks]:
        with suppress(FormatError):
            decoder.feed(block)
    taken = [batch for batch in (decoder.take(), decoder.take(until=True)) if batch is not None]
    last_ns = 0
    for batch in taken:
        assert len(batch.time_ns) == len(batch.kind) == len(batch.track_id)
        assert (batch.time_ns[1:] >= batch.time_ns[:-1]).all()
        assert batch.time_ns[0] >= last_ns
        last_ns = int(batch.time_ns[-1])
    assert sum(len(batch) for batch in taken) == decoder.totals().recorded


@given(st.binary(max_size=400))
def test_any_bytes_are_events_or_a_format_error(data: bytes) -> None:
    try:
        piece = parse_records(data)
    except FormatError:
        return
    assert len(piece) <= len(data) // 16


@given(targets())
def test_the_order_of_every_track_is_kept(target: PaperTarget) -> None:
    decoder, batch = decode(target.blocks)
    for queue in decoder.catalog.target(1).tracks.values():
        expected = [
            int(kind)
            for block in target.blocks
            if is_records(block) and block.track_serial == queue.serial
            for kind in parse_records(block.payload).records["kind"]
        ]
        assert batch.kind[batch.track_id == queue.track_id].tolist() == expected


@given(targets())
def test_produced_is_recorded_plus_dropped(target: PaperTarget) -> None:
    decoder, batch = decode(target.blocks)
    totals = decoder.totals()
    assert totals.produced == sum(target.produced.values()) == totals.recorded + totals.dropped
    assert totals.recorded == len(batch) == sum(totals.kinds.values())
    assert totals.dropped == sum(target.dropped.values()) == sum(gap.dropped for gap in decoder.take_gaps())


@given(targets(), st.data())
def test_duplicates_and_disorder_change_nothing(target: PaperTarget, data: st.DataObject) -> None:
    _, expected = decode(target.blocks)
    head = [block for block in target.blocks if not is_records(block)]
    records = [block for block in target.blocks if is_records(block)]
    again = data.draw(st.lists(st.sampled_from(records), max_size=5))
    shuffled = data.draw(st.permutations([*records, *again]))
    first_seen = {track: at for at, track in reversed(list(enumerate(b.track_serial for b in records)))}
    tracks = sorted(first_seen, key=lambda track: first_seen[track])
    decoder = Decoder()
    for block in head:
        decoder.feed(block)
    for serial in tracks:  # ids follow first mention
        decoder.catalog.track(decoder.catalog.target(1), serial)
    decoder, batch = decode(shuffled, decoder)
    assert sorted(rows(batch), key=repr) == sorted(rows(expected), key=repr)
    assert decoder.totals().lost == 0
    assert decoder.totals().dropped == sum(target.dropped.values())


@given(targets(), st.data())
def test_taking_often_gives_the_same_as_taking_once(target: PaperTarget, data: st.DataObject) -> None:
    _, expected = decode(target.blocks)
    decoder, batches = Decoder(), []
    for block in target.blocks:
        decoder.feed(block)
        if data.draw(st.booleans()):
            batches.append(decoder.take())
    batches.append(decoder.take(until=True))
    some: list[EventBatch | None] = batches or [None]
    assert decoder.totals().late == 0
    assert sorted(joined(some), key=repr) == sorted(rows(expected), key=repr)
    assert [row[0] for row in joined(some)] == expected.time_ns.tolist()

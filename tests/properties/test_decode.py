"""Laws of the decoder: any bytes, any order of blocks, any cut between takes."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capture.decode.decoder import Decoder
from capture.decode.records import parse_records
from capture.drain.blocks import Block, BlockType
from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.events.definitions import DefinitionKind
from capture.events.kinds import KINDS, RETIRED, Kind
from tests.synthetic import PaperTarget, decode, definition, joined, record, rows, snapshot, state, with_payload
from tests.value_words import ValueWriter, arguments

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


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(1 << 300), 1 << 300) | st.floats() | st.just(...)
    | st.text(st.characters(codec="utf-8"), max_size=260) | st.binary(max_size=260),
    lambda inner: st.lists(inner, max_size=10) | st.tuples(inner, inner) | st.dictionaries(st.integers() | st.text(
        st.characters(codec="utf-8")), inner, max_size=10) | st.sets(st.integers(), max_size=10)
    | st.frozensets(st.text(st.characters(codec="utf-8"), max_size=12), max_size=10),
    max_leaves=30,
)  # fmt: skip


@given(st.lists(st.lists(values, max_size=18), min_size=1, max_size=6), st.integers(1, 4))
def test_arguments_read_as_python_shows_them_within_bounds(calls: list[list[object]], per_block: int) -> None:
    writer, target = ValueWriter(), PaperTarget().begin()
    names = [f"p{n}" for n in range(18)]
    target.define(definition(DefinitionKind.SITE, 9, "f", "m", "m.py", "3", "f", ",".join(names)))
    events = [with_payload(100 * n, 9, Kind.CALL, writer.event(*given)) for n, given in enumerate(calls, 1)]
    for first in range(0, len(events), per_block):
        target.events(1, *events[first : first + per_block])
    _, batch = decode(target.blocks)
    expected = [arguments(names[: len(given)], given) or None for given in calls]
    assert [batch.value_of(row) for row in range(len(batch))] == expected


@given(st.floats())
def test_a_float_reads_as_python_shows_it(number: float) -> None:
    target = PaperTarget().begin()
    target.events(1, with_payload(100, 1, Kind.RETURN, ValueWriter().words(number)))
    assert decode(target.blocks)[1].value_of(0) == repr(number)


@given(st.lists(st.binary(max_size=120) | st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 7).flatmap(
    lambda tag: st.integers(0, 0xFFFF).map(lambda data: data << 4 | tag)), max_size=12).map(
    lambda words: b"".join(word.to_bytes(8, "little") for word in words)), max_size=8))  # fmt: skip
@example(payloads=[b"", b"$" + bytes(15)])  # digits of a number, none of which are there
def test_any_words_are_bounded_texts(payloads: list[bytes]) -> None:
    target = PaperTarget().begin()
    kinds = (Kind.CALL, Kind.RETURN)
    target.events(1, *(with_payload(n, 1, kinds[n % 2], words) for n, words in enumerate(payloads)))
    _, batch = decode(target.blocks)
    assert len(batch) == len(payloads)
    for row, words in enumerate(payloads):
        text = batch.value_of(row)
        assert (text is None) == (len(words) < 8)
        assert len((text or "").encode()) <= 1003 + 2 * len(words)  # what is no UTF-8 is replaced

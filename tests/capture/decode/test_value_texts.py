"""Tests of `capture.decode.value_texts`: what calls were given and returned, from words to texts."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from capture.decode.decoder import Decoder
from capture.decode.resume import resume_point, resumed
from capture.drain.blocks import Block
from capture.events.batch import EventBatch
from capture.events.definitions import DefinitionKind
from capture.events.kinds import SITE_BITS, Kind, LineFlag, ResultFlag
from capture.redaction import REDACTED as REDACTED_TEXT
from tests.synthetic import PaperTarget, decode, definition, joined, record, rows, with_payload
from tests.value_words import (
    CUT,
    ELLIPSIS,
    REDACTED,
    UNBOUND,
    ValueWriter,
    foreign,
    same,
    shown,
    special,
)

MS, S = 1_000_000, 1_000_000_000
LONG = "a text that does not fit into one word"


def begun(*parameters: str) -> PaperTarget:
    """A target whose site 9 has these parameters."""
    target = PaperTarget().begin()
    target.define(
        definition(DefinitionKind.SITE, 9, "f", "m", "m.py", "3", "f", ",".join(parameters)),
        definition(DefinitionKind.TYPE, 4, "shop.Order"),
    )
    return target


def call(ticks: int, words: bytes, site: int = 9) -> bytes:
    return with_payload(ticks, site, Kind.CALL, words)


def told(batch: EventBatch) -> list[str | None]:
    return [batch.value_of(row) for row in range(len(batch))]


def texts(target: PaperTarget) -> list[str | None]:
    return told(decode(target.blocks)[1])


def one(words: bytes) -> str | None:
    """The text of a value that is returned."""
    target = begun()
    target.events(1, with_payload(100, 9, Kind.RETURN, words))
    return texts(target)[0]


def _redacted_bytes() -> bytes:
    raw = b"key=" + REDACTED_TEXT.encode() + b"\xff"
    return struct.pack("<QQ", len(raw) << 16 | 1 << 9 | 1 << 4 | 4, 1) + raw + bytes(-len(raw) % 8)


def test_a_call_says_its_arguments_and_a_return_its_value() -> None:
    target, writer = begun("x", "name", "*args", "**more"), ValueWriter()
    target.events(
        1,
        call(100, writer.event(1, LONG, (2, 3), {"k": 0.5})),
        with_payload(200, 9, Kind.YIELD, writer.words([LONG])),
        with_payload(300, 9, Kind.RETURN, writer.words(-7)),
        record(400, 9, Kind.RETURN, ResultFlag.IS_NONE),
        record(500, 9, Kind.YIELD, ResultFlag.IS_NONE),
        record(600, 9, Kind.CALL),
        record(700, 9, Kind.RETURN),
    )
    assert texts(target) == [
        f"x=1, name='{LONG}', *args=(2, 3), **more={{'k': 0.5}}", f"['{LONG}']", "-7", "None", "None", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (special(UNBOUND), "<unbound>"),
        (special(ELLIPSIS), "Ellipsis"),
        (special(REDACTED), REDACTED_TEXT),
        (special(CUT), "…"),
        (special(7), "?"),
        (_redacted_bytes(), f"b'key={REDACTED_TEXT}\\xff'"),
        (foreign(4, 0x7F3C_1234_5670), "<shop.Order at 0x7f3c12345670>"),
        (foreign(0, 0x10), "<? at 0x10>"),
        (foreign(65_535, 0x10), "<? at 0x10>"),
        (same(77), "?"),
        (struct.pack("<Q", 0x3), "?"),
        (struct.pack("<Q", 0xF), "?"),
        (struct.pack("<Q", 0x82), "?"),
        (struct.pack("<Q", 100 << 16 | 0x4), "?"),
        (struct.pack("<Q", 0x56), "?"),
        (struct.pack("<QQ", 3 << 16 | 3 << 32 | 6, 1), "[]"),
    ],
)
def test_odd_words_are_a_text(words: bytes, text: str) -> None:
    assert one(words) == text


INTS = (0, 1, -1, (1 << 59) - 1, -(1 << 59), 1 << 59, 1 << 255, 1 << 256, -(1 << 300))
TEXTS = ("", "'", "a\\b", "tab\tline\nnul\0", "seven77", "eight888", "é" * 99, "é" * 101, "x" * 201)
BYTES = (b"", b"\xff'\x00" * 9, b"x" * 300)
CONTAINERS: tuple[object, ...] = (
    [], (), set[int](), frozenset[int](), {}, (1,), [1, 2], {5}, frozenset({6}), {"a": 1, 2: None}, list(range(9)),
    dict.fromkeys(range(12), "many"), [[1], [[2]], {"k": [3]}],
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 1.0, 1e15, 1e16, 1e17, 123456789012345680.0, 1e22, 1e23, 0.1, 1 / 3, 2 / 3, 1e-4, 1e-5, 5e-324,
    2.2250738585072014e-308, 1.7976931348623157e308, 2.0**-44, 2.0**-1022, 9007199254740993.0, 2.0**89, float("inf"),
    float("-inf"), float("nan"), 100.0, 3.14159, 1e300, 1e-300, 4.35, 0.3 + 0.6, 1e21, 5e-5, 2.5e-7, 885893772897264.75,
    76060898152733.875, 0.8357651039198697, 8.357651039198697e-05, 8999999999999999.0, 0.5000000000000001,
)  # fmt: skip


@pytest.mark.parametrize("value", [*INTS, *TEXTS, *BYTES, *CONTAINERS, *FLOATS], ids=repr)
def test_a_value_is_shown_as_python_shows_it_within_bounds(value: object) -> None:
    assert one(ValueWriter().words(value)) == shown(value)


def test_a_call_of_many_or_long_arguments_is_cut() -> None:
    names = [f"p{n}" for n in range(18)]
    target, writer = begun(*names), ValueWriter()
    long = ["é" * 90 + str(n) for n in range(3)]
    target.events(1, call(100, writer.event(*range(17), LONG)), call(200, writer.event(*([long] * 3), LONG)))
    many, wide = texts(target)
    assert many == ", ".join(f"p{n}={n}" for n in range(16)) + ", …"
    assert wide is not None
    assert wide.startswith(f"p0={shown(long)}, p1=['éé")
    assert wide.endswith("…")
    assert 990 < len(wide.encode()) <= 1003


def test_what_only_the_end_of_a_cut_call_told_is_known_to_the_next() -> None:
    target, writer = begun(*(f"p{n}" for n in range(18))), ValueWriter()
    target.events(1, call(100, writer.event(*range(17), LONG)), call(200, writer.event(LONG)))
    assert texts(target)[1] == f"p0='{LONG}'"


def test_a_call_from_a_known_line_names_its_parameters_too() -> None:
    target = begun("x")
    target.events(1, call(100, ValueWriter().event(7), 9 | 41 << SITE_BITS))
    batch = decode(target.blocks)[1]
    assert (told(batch), batch.ref.tolist()) == (["x=7"], [41])


def test_parameters_that_no_definition_has_told_have_no_names() -> None:
    target = begun()
    target.events(
        1, call(100, ValueWriter().event(1, 2), site=5), call(200, ValueWriter().event(1), site=4_000_000_000)
    )
    assert texts(target) == ["?=1, ?=2", "?=1"]


def test_a_type_that_is_named_anew_has_its_new_name() -> None:
    target = begun()
    target.define(definition(DefinitionKind.TYPE, 4, "shop.Basket"), definition(DefinitionKind.TYPE, 1 << 17, "far"))
    target.events(1, with_payload(100, 9, Kind.RETURN, foreign(4, 0x20)))
    assert texts(target) == ["<shop.Basket at 0x20>"]


def repeated(count: int, step: int = 10 * MS) -> Iterator[tuple[int, bytes]]:
    """(ticks, calls), each in a block of its own, all with one long text that the first of them tells."""
    writer = ValueWriter()
    for n in range(1, count + 1):
        yield (
            n * step,
            call(n * step, writer.event(n, LONG)) + with_payload(n * step + 5, 9, Kind.RETURN, writer.words(n)),
        )


def of_two_tracks(count: int = 30) -> PaperTarget:
    """Two tracks in turns, each of which refers to what it told first; a clock after every third block."""
    target = begun("x", "name")
    other = repeated(count)
    for at, (ticks, events) in enumerate(repeated(count)):
        target.events(1, *_each(events))
        target.events(2, *_each(next(other)[1].replace(LONG.encode(), LONG.upper().encode())))
        if at % 3 == 2:
            target.clock(ticks)
    return target


def _each(events: bytes) -> list[bytes]:
    """The call and the return of `repeated`."""
    size = 16 + (struct.unpack_from("<H", events, 14)[0] + 15) // 16 * 16
    return [events[:size], events[size:]]


def test_a_value_that_comes_again_is_known_from_an_earlier_block_that_has_gone_out() -> None:
    target = of_two_tracks()
    decoder, batches = Decoder(), list[EventBatch | None]()
    for block in target.blocks:
        decoder.feed(block)
        batches.append(decoder.take())
    batches.append(decoder.take(until=True))
    told_in_parts = joined(batches)
    assert told_in_parts == rows(decode(target.blocks)[1])
    of_calls = [row[-1] for row in told_in_parts if row[1] == Kind.CALL]
    assert of_calls == [f"x={n}, name='{text}'" for n in range(1, 31) for text in (LONG, LONG.upper())]


def test_a_sealer_that_was_killed_between_two_blocks_of_a_chunk_knows_what_the_first_one_told() -> None:
    target = of_two_tracks()
    straight = rows(decode(target.blocks)[1])
    for cut in range(5, len(target.blocks)):
        decoder = Decoder()
        for block in target.blocks[:cut]:
            decoder.feed(block)
        taken, catalog = decoder.take(), decoder.catalog
        tables = catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys
        oldest = decoder.oldest_block
        again = resumed(resume_point(decoder), *tables)
        assert resume_point(again) == resume_point(decoder)
        again, rest = decode([block for block in target.blocks if block.block_no >= oldest], again)
        assert joined([taken, rest] if len(rest) else [taken]) == straight, cut
        assert again.totals().duplicates == 0, cut
        assert again.totals().produced == again.totals().recorded == len(straight)


def test_a_sealer_that_was_killed_twice_still_knows_it() -> None:
    target = of_two_tracks()
    straight = rows(decode(target.blocks)[1])
    decoder, batches, fed = Decoder(), list[EventBatch | None](), 0
    for cut in (12, 14, 15, 30):
        for block in target.blocks[fed:cut]:
            decoder.feed(block)
        batches.append(decoder.take())
        catalog, oldest = decoder.catalog, decoder.oldest_block
        tables = catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys
        decoder, fed = resumed(resume_point(decoder), *tables), oldest - 1
    _, rest = decode(target.blocks[fed:], decoder)
    assert joined([*batches, rest]) == straight


def test_values_of_a_lost_block_are_not_known_and_nothing_else_is() -> None:
    target, writer = begun("x", "name"), ValueWriter()
    lost = target.events(1, call(100, writer.event(1, LONG)))
    target.events(1, call(200, writer.event(2, LONG)), call(300, writer.event(3, LONG + "!")))
    decoder, batch = decode([block for block in target.blocks if block is not lost])
    assert told(batch) == ["x=2, name=?", f"x=3, name='{LONG}!'"]
    assert decoder.totals().lost == 1


def test_blocks_in_another_order_and_drained_twice_say_the_same() -> None:
    target = begun("x", "name")
    blocks = [target.events(1, *_each(events)) for _, events in repeated(4)]
    head: list[Block] = target.blocks[:-4]
    again = blocks[1]._replace(block_no=99)
    decoder, batch = decode([*head, blocks[2], blocks[0], again, blocks[3], blocks[1]])
    assert rows(batch) == rows(decode(target.blocks)[1])
    assert decoder.totals().duplicates == 2


def test_what_is_kept_for_those_that_follow_is_let_go_of() -> None:
    target = begun("x", "name")
    target.events(1, *_each(next(repeated(1))[1]))
    first = target.blocks[-1].block_no
    decoder = Decoder()
    target.clock(300 * MS)
    for block in target.blocks:
        decoder.feed(block)
    decoder.take()
    assert decoder.oldest_block == first
    target.clock(2 * S)
    decoder.feed(target.blocks[-1])
    decoder.take()
    assert decoder.oldest_block == decoder.next_block
    assert not decoder.catalog.target(1).busy


def test_a_sealer_that_comes_seconds_later_knows_what_went_out_before_its_delay() -> None:
    target, writer = begun("x", "name"), ValueWriter()
    target.events(1, call(1 * S, writer.event(1, LONG)))
    target.clock(1 * S + 50 * MS)
    before = len(target.blocks)
    for n in range(2, 9):  # each as far as a recorder refers back
        again = ValueWriter(next_id=writer.next_id, written=writer.written)
        target.events(1, call(1 * S + (n - 1) * 400 * MS, again.event(n, LONG)))
    target.clock(9 * S)
    decoder = Decoder()
    for block in target.blocks[:before]:
        decoder.feed(block)
    first = decoder.take()
    _, rest = decode(target.blocks[before:], decoder)
    assert first is not None
    assert told(first) + told(rest) == [f"x={n}, name='{LONG}'" for n in range(1, 9)]
    decoder = Decoder()
    for block in target.blocks[:before]:
        decoder.feed(block)
    decoder.take()
    for block in target.blocks[before:]:
        decoder.feed(block)
    late = decoder.take()
    assert late is not None
    assert told(late) == [f"x={n}, name='{LONG}'" for n in range(2, 9)]
    assert decoder.oldest_block == decoder.next_block


def test_no_more_is_kept_than_a_chunk_of_records() -> None:
    target = begun("x", "name")
    for _, events in repeated(3000, step=1000):
        target.events(1, *_each(events))
    decoder = Decoder()
    target.clock(500 * MS)
    for block in target.blocks:
        decoder.feed(block)
    decoder.take()
    kept = sum(piece.record_bytes for _, piece in decoder.catalog.target(1).tracks[1].recent)
    assert 65_536 <= kept < 66_000


def test_a_call_without_values_is_as_it_was() -> None:
    target = begun("x")
    target.events(1, record(100, 9, Kind.CALL), record(200, 9, Kind.RETURN))
    _, batch = decode(target.blocks)
    assert not len(batch.value_rows)
    assert not batch.flags.any()


def line(ticks: int, number: int, words: bytes = b"", flags: int = 0, kind: Kind = Kind.LINE) -> bytes:
    return with_payload(ticks, number, kind, words, flags) if words else record(ticks, number, kind, flags)


def change(name: int, value: bytes = b"", what: int = 1) -> bytes:
    return struct.pack("<Q", name | what << 32) + value


def variables(*names: str) -> PaperTarget:
    target = PaperTarget().begin()
    target.define(*(definition(DefinitionKind.NAME, number, name) for number, name in enumerate(names, 1)))
    return target


def test_a_line_says_what_changed_one_variable_a_row() -> None:
    target, writer = variables("total", "rows", ".0"), ValueWriter()
    target.events(
        1,
        line(100, 7, change(1, writer.words(1)) + change(2, writer.words([LONG, "a\nb=1"])), LineFlag.FIRST_KNOWN),
        line(200, 8),
        line(300, 9, change(2, writer.words(LONG), 2) + change(1, what=3) + change(3, writer.words(None))),
        line(400, 9, change(4, writer.words(2)), kind=Kind.LOCALS),
    )
    batch = decode(target.blocks)[1]
    assert told(batch) == [f"total=1\nrows=['{LONG}', 'a\\nb=1']", None, f"rows='{LONG}'\ntotal\n.0=None", "?=2"]
    assert batch.ref.tolist() == [7, 8, 9, 9]
    assert batch.flags.tolist() == [LineFlag.FIRST_KNOWN, 0, 0, 0]
    assert not batch.site_id.any()


def test_each_of_many_changes_is_told_and_long_values_are_cut_one_by_one() -> None:
    target, writer = variables(*(f"v{n}" for n in range(200))), ValueWriter()
    long = ["é" * 90 + str(n) for n in range(3)]
    target.events(
        1,
        line(100, 7, change(1, writer.words([long, long])) + change(2, writer.words(5))),
        line(200, 8, b"".join(change(n + 1, writer.words(n)) for n in range(200))),
    )
    wide, many = ((text or "").split("\n") for text in texts(target))
    assert [row.partition("=")[0] for row in wide] == ["v0", "v1"]
    assert wide[1] == "v1=5"
    assert many == [f"v{n}={n}" for n in range(200)]


@pytest.mark.parametrize("words", [change(1), struct.pack("<Q", 1), struct.pack("<QQ", 1 | 9 << 32, 0xF)])
def test_odd_changes_are_of_a_value_that_is_not_known(words: bytes) -> None:
    target = variables("x")
    target.events(1, line(100, 7, words), line(200, 8, change(1, struct.pack("<Q", 7 << 4 | 1))))
    assert texts(target) == ["x=?", "x=7"]


def test_names_that_would_read_as_something_else_are_not_taken() -> None:
    target = variables("a=b", "a\nb", "", "n" * 201)
    target.events(1, line(100, 7, b"".join(change(n, struct.pack("<Q", 1)) for n in range(1, 5))))
    assert texts(target) == ["\n".join(["?=0"] * 4)]


def test_names_of_variables_are_known_after_a_resume() -> None:
    target = variables("x")
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    decoder.take(until=True)
    catalog = decoder.catalog
    again = resumed(resume_point(decoder), catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys)
    assert again.catalog.targets[1].names.variables.names == {1: "x"}

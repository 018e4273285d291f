"""The decoder gives every event once, in order, under the session's ids, and keeps honest books."""

import itertools
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from capture.decode.decoder import Decoder
from capture.decode.resume import resume_point, resumed
from capture.drain.blocks import Block, BlockType
from capture.errors import FormatError
from capture.events.definitions import DefinitionKind
from capture.events.kinds import PAYLOAD_FLAG, Kind
from tests.synthetic import (
    START_MONO_NS,
    PaperTarget,
    decode,
    definition,
    joined,
    old_snapshot,
    old_state,
    record,
    rows,
    snapshot,
    state,
    with_payload,
)

MS = 1_000_000


def call(ticks: int, site: int = 1) -> bytes:
    return record(ticks, site, Kind.CALL)


def ret(ticks: int, site: int = 1) -> bytes:
    return record(ticks, site, Kind.RETURN)


def test_events_of_several_tracks_come_out_in_time_order() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100), ret(400))
    target.events(2, call(200, 2), ret(300, 2))
    decoder, batch = decode(target.blocks)
    assert [(r[0], r[1], r[3]) for r in rows(batch)] == [(100, 1, 1), (200, 1, 2), (300, 4, 2), (400, 4, 1)]
    assert batch.first_event_id == 1
    assert [site.function for site in decoder.catalog.sites] == ["f1", "f2", "f3", "f4", "f5"]


def test_an_event_waits_until_the_journal_is_complete_past_it() -> None:
    target = PaperTarget().begin()
    target.events(1, call(10 * MS), call(50 * MS))
    target.clock(60 * MS)
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    first = decoder.take()
    assert first is not None
    assert first.time_ns.tolist() == [10 * MS]
    assert decoder.complete_ns == 40 * MS
    last = decoder.take(until=True)
    assert last is not None
    assert last.time_ns.tolist() == [50 * MS]
    assert last.first_event_id == 2


def test_a_single_event_of_a_rare_kind_is_decoded_alone() -> None:
    """numpy makes no copy of one record's field, and what was read cannot be written to: saving ended there."""
    target = PaperTarget().begin()
    target.events(1, record(100, 0, Kind.THREAD_BEGIN))
    _, batch = decode(target.blocks)
    assert batch.kind.tolist() == [Kind.THREAD_BEGIN]


def test_ticks_are_mapped_on_straight_lines_between_clock_pairs() -> None:
    target = PaperTarget().begin()
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    timebase = decoder.catalog.target(1).timebase
    timebase.add(1000, 2000)
    timebase.add(2000, 2500)
    ticks = np.array([0, 500, 1000, 1500, 2000, 4000], np.uint64)
    assert timebase.ns_of(ticks).tolist() == [0, 1000, 2000, 2250, 2500, 3500]


def test_blocks_of_a_track_are_put_in_sequence() -> None:
    target = PaperTarget().begin()
    blocks = [target.events(1, call(100 * n), ret(100 * n + 50)) for n in range(1, 5)]
    head = target.blocks[:-4]
    decoder, batch = decode([*head, blocks[2], blocks[0], blocks[3], blocks[1]])
    assert batch.time_ns.tolist() == [100, 150, 200, 250, 300, 350, 400, 450]
    assert decoder.totals().lost == 0


def test_what_was_drained_twice_counts_once() -> None:
    target = PaperTarget().begin()
    block = target.events(1, call(100), call(200), ret(300))
    again = block._replace(payload=block.payload[16:], seq_start=1, block_no=99)
    decoder, batch = decode([*target.blocks, again, block])
    assert len(batch) == 3
    assert decoder.totals().duplicates == 5
    assert decoder.totals().produced == decoder.totals().recorded == 3


def test_a_lost_block_is_a_gap_and_unbalances_the_books() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100))
    lost = target.events(1, call(200), ret(300))
    target.events(1, ret(400))
    decoder, batch = decode([block for block in target.blocks if block is not lost])
    assert batch.time_ns.tolist() == [100, 400]
    totals = decoder.totals()
    assert (totals.produced, totals.recorded, totals.dropped, totals.lost) == (4, 2, 0, 2)
    [gap] = decoder.take_gaps()
    assert (gap.start_ns, gap.end_ns, gap.dropped, gap.reason) == (100, 400, 2, "lost")


def test_a_missing_block_is_waited_for_while_it_may_still_come() -> None:
    target = PaperTarget().begin()
    first = target.events(1, call(100 * MS))
    target.clock(110 * MS)
    second = target.events(1, ret(120 * MS))
    decoder = Decoder()
    for block in target.blocks:
        if block is not first:
            decoder.feed(block)
    assert decoder.take() is None
    decoder.feed(first)
    batch = decoder.take(until=True)
    assert batch is not None
    assert batch.time_ns.tolist() == [100 * MS, 120 * MS]
    assert decoder.totals().lost == 0
    assert second.seq_start == 1


@pytest.mark.parametrize("in_header", [True, False])
def test_drops_are_counted_once_wherever_they_are_told(in_header: bool) -> None:
    """A GAP that opens a chunk is in its header's count already; one inside a chunk is not."""
    target = PaperTarget().begin()
    gap = record(200, 7, Kind.GAP, b=1)
    if in_header:
        target.events(1, call(100))
        target.drop(1, 7)
        target.events(1, gap, snapshot(900, [(1, 12)], reason=2), call(1000, 2))
    else:
        target.events(1, call(100), gap, snapshot(900, [(1, 12)], reason=2), call(1000, 2))
        target.drop(1, 7)
        target.events(1, ret(1100, 2))
    decoder, batch = decode(target.blocks)
    totals = decoder.totals()
    assert totals.dropped == 7
    assert totals.lost == 0
    assert totals.produced == totals.recorded + 7 == len(batch) + 7
    [row] = decoder.take_gaps()
    assert (row.start_ns, row.end_ns, row.dropped, row.reason) == (200, 900, 7, "pool full")
    assert batch.time_ns.tolist()[1] == 900


def test_drops_after_the_last_event_come_from_the_targets_counters() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100))
    for _ in range(2):  # told at detach and again by recover
        target.fact("counters", process_serial=1, tracks={"1": 5, "2": 0}, dropped_unattributed=3, ended_dropped=2)
    decoder, _ = decode(target.blocks)
    assert decoder.take(until=True) is None
    totals = decoder.totals()
    assert (totals.produced, totals.recorded, totals.dropped) == (11, 1, 10)
    assert sorted(gap.dropped for gap in decoder.take_gaps()) == [2, 3, 5]


def test_rare_events_say_what_they_are_about() -> None:
    target = PaperTarget().begin()
    target.define(
        definition(DefinitionKind.EXCEPTION, 1, "KeyError"),
        definition(DefinitionKind.STATE_KEY, 3, "m.C", "x", "attribute"),
        definition(DefinitionKind.THREAD, 2, "worker", "77", "1"),
    )
    target.events(1, record(10, 1, Kind.RAISE, b=1), record(20, 1, Kind.UNWIND, b=1), record(30, 2, Kind.THREAD_START))
    target.events(1, record(40, 2, Kind.JOIN_END, flags=1), snapshot(50, [(1, 11), (2, 70_000)]))
    hidden = "pw=\u2039redacted\u203a"
    target.events(1, state(60, 3, "größer", 9), state(70, 3, hidden, 9, flags=4), state(80, 3, "abc", 9, flags=2))
    decoder, batch = decode(target.blocks)
    values = [(row[1], row[4], row[5], row[6]) for row in rows(batch)]
    assert values[:4] == [(7, 0, 0, "KeyError"), (6, 0, 0, "KeyError"), (18, 0, 2, None), (20, 0, 2, "ended")]
    assert values[4][3] == '{"reason":"begin","part":"whole","frames":[[1,11],[2,70000]]}'
    assert values[5:] == [(32, 9, 1, "größer"), (32, 9, 1, hidden), (32, 9, 1, "abc…")]
    worker = decoder.catalog.tracks[1]
    assert (worker.name, worker.os_id, worker.parent_track_id) == ("worker", 77, 3)
    assert [(key.owner, key.key, key.scope) for key in decoder.catalog.state_keys] == [("m.C", "x", "attribute")]


def test_a_state_text_that_looks_like_records_is_not_read_as_such() -> None:
    target = PaperTarget().begin()
    text = (record(1, 1, Kind.CALL) * 3 + record(2, 9, 200)).decode("latin-1")
    target.events(1, state(100, 1, text, 1), call(200))
    _, batch = decode(target.blocks)
    assert batch.kind.tolist() == [Kind.STATE, Kind.CALL]
    assert batch.value_of(0) == text


def test_records_of_the_version_before_are_the_same_events() -> None:
    new, old = PaperTarget().begin(), PaperTarget().begin()
    heads = [record(90, 2, Kind.THREAD_BEGIN, 1), record(400, 1, Kind.RETURN), record(500, 7, Kind.GAP, 0, 1)]
    frames, text = [(1, 70_000), (3, 5), (2, 0)], "a text of more than one slot"
    new.events(1, heads[0], snapshot(100, frames, 2, 1), state(200, 1, text, 9, 2), state(300, 2, ""), *heads[1:])
    told = (heads[0], old_snapshot(100, frames, 2, 1), old_state(200, 1, text, 9, 2), old_state(300, 2, ""), *heads[1:])
    block = old.events(1, *told)
    old.blocks[-1] = block._replace(type=BlockType.OLD_RECORDS)
    expected, found = decode(new.blocks)[1], decode(old.blocks)[1]
    assert rows(found) == rows(expected)
    assert found.flags.tolist() == expected.flags.tolist() == [1, 1, 2, 0, 0, 0]


@pytest.mark.parametrize(
    "payload",
    [record(1, 5, Kind.SNAPSHOT), record(1, 1, Kind.STATE, b=400), record(1, 1, 25), record(1, 1 << 29, Kind.SNAPSHOT)],
)
def test_nonsense_of_the_version_before_is_a_format_error_too(payload: bytes) -> None:
    with pytest.raises(FormatError):
        Decoder().feed(Block(BlockType.OLD_RECORDS, 1, 1, 1, 50, 0, payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"x" * 15,
        record(1, 1, 99),
        record(1, 5, Kind.SNAPSHOT),
        record(1, 1, Kind.STATE, PAYLOAD_FLAG, 400),
        record(1, 1, Kind.CALL, PAYLOAD_FLAG, 17),
        with_payload(1, 1, Kind.STATE, b"1234567"),
        record(1, 1, 25),
    ],
)
def test_nonsense_records_are_a_format_error_and_cost_only_their_block(payload: bytes) -> None:
    target = PaperTarget().begin()
    target.events(1, call(100))
    nonsense = Block(BlockType.RECORDS, 1, 1, 1, 50, 0, payload)
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    with pytest.raises(FormatError):
        decoder.feed(nonsense)
    decoder.feed(Block(BlockType.RECORDS, 1, 1, 2, 51, 0, ret(300)))
    batch = decoder.take(until=True)
    assert batch is not None
    assert batch.time_ns.tolist() == [100, 300]
    assert decoder.totals().lost == 1


def test_two_processes_share_sites_but_not_tracks() -> None:
    one, two = PaperTarget().begin(), PaperTarget(process=2).begin(pid=43, parent_pid=42)
    one.events(1, call(100, 3))
    two.events(1, call(200, 3))
    decoder, batch = decode([*one.blocks, *two.blocks])
    assert batch.site_id.tolist() == [3, 3]
    assert len(set(batch.track_id.tolist())) == 2
    assert [(p.process_id, p.pid, p.parent_id) for p in decoder.catalog.processes] == [(1, 42, None), (2, 43, 1)]


def test_a_site_used_before_its_definition_is_filled_in_when_it_comes() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100, 9))
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    batch = decoder.take(until=True)
    assert batch is not None
    target.define(definition(DefinitionKind.SITE, 9, "late", "m", "m.py", "3", "late"))
    decoder.feed(target.blocks[-1])
    assert decoder.catalog.sites[int(batch.site_id[0]) - 1].function == "late"


def test_late_event_is_kept_and_counted() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100 * MS))
    target.clock(200 * MS)
    decoder = Decoder()
    for block in target.blocks:
        decoder.feed(block)
    assert decoder.take() is not None
    decoder.feed(target.events(2, call(90 * MS)))
    batch = decoder.take(until=True)
    assert batch is not None
    assert batch.time_ns.tolist() == [decoder.complete_ns] == [180 * MS]
    assert decoder.totals().late == 1


def test_a_tick_that_runs_back_on_its_track_is_lifted() -> None:
    target = PaperTarget().begin()
    target.events(1, call(100), call(90), ret(120))
    _, batch = decode(target.blocks)
    assert batch.time_ns.tolist() == [100, 100, 120]


def test_a_decoder_goes_on_after_a_crash_as_if_nothing_had_happened() -> None:
    target = PaperTarget().begin()
    for step in range(1, 40):
        target.events(step % 3 + 1, call(step * 10 * MS, 1 + step % 5), record(step * 10 * MS + 5, 3, Kind.GAP, b=1))
        if step % 4 == 0:
            target.clock(step * 10 * MS)
    _, straight = decode(target.blocks)
    for cut in range(6, len(target.blocks), 5):
        decoder = Decoder()
        for block in target.blocks[:cut]:
            decoder.feed(block)
        taken = decoder.take()
        catalog = decoder.catalog
        tables = catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys
        oldest = decoder.oldest_block
        again = resumed(resume_point(decoder), *tables)
        again, rest = decode([block for block in target.blocks if block.block_no >= oldest], again)
        assert joined([taken, rest] if len(rest) else [taken]) == rows(straight)
        assert again.totals().produced == again.totals().recorded + again.totals().dropped
        assert again.totals().dropped == 39 * 3


def test_observed_threads_become_tracks_with_lifetimes() -> None:
    target = PaperTarget()
    target.fact("session", start_mono_ns=1000, start_real_ns=10**18)
    target.fact("process", process_serial=1, pid=9, name="sleep", tier="observe")
    target.fact("thread", process_serial=1, tid=9, name="main", mono_ns=1500)
    target.fact("metric", process_serial=1, mono_ns=1600, values={"rss_bytes": 5.0})
    target.fact("metric", process_serial=1, mono_ns=1600, values={"rss_bytes": 5.0})
    target.fact("thread_end", process_serial=1, tid=9, mono_ns=2000)
    decoder, batch = decode(target.blocks)
    assert len(batch) == 0
    assert [(t.kind, t.name, t.start_ns, t.end_ns) for t in decoder.catalog.tracks][1:] == [
        ("thread", "main", 500, 1000)
    ]
    assert [(m.time_ns, m.name, m.value) for m in decoder.take_metrics()] == [(600, "rss_bytes", 5.0)]


def test_qualified_names_of_old_targets_come_from_the_source(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("class A:\n    @staticmethod\n    def f():\n        return [lambda: 1 for _ in ()]\n")
    target = PaperTarget().begin(python="3.10.13")
    target.define(definition(DefinitionKind.SITE, 7, "f", "m", str(source), "2", "f"))
    target.define(definition(DefinitionKind.SITE, 8, "<lambda>", "m", str(source), "4", "<lambda>"))
    asked, _ = decode(target.blocks, Decoder(derive_names=True))
    untold, _ = decode(target.blocks)
    assert [s.function for s in asked.catalog.sites[5:]] == ["A.f", "A.f.<locals>.<listcomp>.<locals>.<lambda>"]
    assert [s.function for s in untold.catalog.sites[5:]] == ["f", "<lambda>"]


def test_more_threads_than_a_session_has_room_for_are_told_and_cost_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("capture.decode.catalog.MAX_TRACKS", 2)
    target = PaperTarget().begin()
    target.events(1, record(100, 2, Kind.THREAD_START), call(200))
    target.events(2, call(300))
    target.clock(400)
    decoder = Decoder()
    unreadable = 0
    for block in target.blocks:
        try:
            decoder.feed(block)
        except FormatError:
            unreadable += 1
    batch = decoder.take(until=True)
    assert batch is not None
    assert [(time_ns, kind, track_id) for time_ns, kind, track_id, *_ in rows(batch)] == [(100, 18, 2), (200, 1, 2)]
    assert batch.ref[0] == 0
    assert unreadable == 1
    assert [row.code for row in decoder.catalog.unseen] == ["threads-full"]


@pytest.mark.parametrize(
    "fact",
    [
        {"fact": ["session"]},
        {"fact": {}},
        {"fact": "process", "process_serial": -1, "pid": 1},
        {"fact": "process", "process_serial": 1, "pid": 1 << 62},
        {"fact": "thread", "process_serial": 1, "tid": -5, "mono_ns": 1},
        {"fact": "counters", "process_serial": 1 << 40},
        {"fact": "end", "mono_ns": 1 << 62},
    ],
)
def test_a_fact_that_cannot_be_is_refused_and_nothing_of_it_kept(fact: dict[str, object]) -> None:
    target = PaperTarget().begin()
    decoder, _ = decode(target.blocks)
    before = resume_point(decoder)
    with pytest.raises(FormatError):
        decoder.feed(Block(BlockType.FACTS, 1, 0, 0, 5, 0, msgspec.json.encode(fact)))
    assert resume_point(decoder) == before


def test_books_of_impossible_numbers_are_such_as_a_session_can_say() -> None:
    target = PaperTarget().begin()
    for track in range(1, 5):
        target.events(track, call(10 * track))
        target.drop(track, (1 << 61) - 5)
        target.events(track, call(20 * track))
    decoder, _ = decode(target.blocks)
    totals = decoder.totals()
    assert totals.recorded == 8
    assert totals.produced == totals.recorded + totals.dropped + totals.lost
    assert totals.produced <= 1 << 62


def test_what_a_program_tells_again_and_again_takes_no_longer_each_time() -> None:
    """A journal of 64 MiB of such facts and definitions took minutes to hours."""
    decoder, _ = decode(PaperTarget().begin().blocks)
    number = itertools.count(10)

    def feed(kind: BlockType, payload: bytes) -> None:
        decoder.feed(Block(kind, 1, 0, 0, next(number), 0, payload))

    def fact(**fields: object) -> None:
        feed(BlockType.FACTS, msgspec.json.encode(fields))

    began = time.process_time()
    for serial in range(2, 4_000):
        fact(fact="process", process_serial=serial, pid=serial, parent_pid=serial - 1)
    for thread in range(4_000):
        fact(fact="thread", process_serial=1, tid=thread + 1, mono_ns=START_MONO_NS)
        fact(fact="process_end", process_serial=1, mono_ns=START_MONO_NS + 9)
    feed(BlockType.DEFS, b"".join(definition(DefinitionKind.UNSEEN, 1, f"c{i % 2000}", f"d{i}") for i in range(20_000)))
    assert time.process_time() - began < 3
    assert decoder.catalog.processes[100].parent_id == decoder.catalog.processes[99].process_id
    assert all(track.end_ns == 9 for track in decoder.catalog.tracks if track.process_id == 1)
    assert decoder.catalog.unseen[-1].code == "more"

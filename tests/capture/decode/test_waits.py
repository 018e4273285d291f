"""Looks at threads become rows: cut where segments are cut, and never longer than what was looked at."""

from __future__ import annotations

import msgspec
import pytest

from capture.decode.waits import Waits
from capture.errors import FormatError
from capture.events.definitions import TrackRow, WaitRow
from capture.events.facts import SleepersFact, parse_fact

THREAD, TRACK = 700, 3


def track_of(thread_id: int) -> TrackRow | None:
    return TrackRow(track_id=TRACK, process_id=1, os_id=THREAD, start_ns=0) if thread_id == THREAD else None


def look(known_ns: int, *, slept: int | None = None, woke: int | None = None, thread: int = THREAD) -> SleepersFact:
    return SleepersFact(
        process_serial=1,
        known_ns=known_ns,
        slept=[] if slept is None else [(thread, slept, "lock")],
        woke=[] if woke is None else [(thread, woke)],
    )


def fed(*looks: SleepersFact) -> Waits:
    waits = Waits()
    for one in looks:
        waits.feed(one, 0)
    return waits


def rows(waits: Waits, start_ns: int, end_ns: int, *, final: bool = False) -> list[tuple[int, int | None]]:
    return [(row.start_ns, row.end_ns) for row in waits.take(start_ns, end_ns, track_of, final=final)]


def test_a_wait_within_a_segment_is_one_row() -> None:
    waits = fed(look(30, slept=10), look(50, woke=40))
    assert waits.take(0, 50, track_of, final=False) == [WaitRow(start_ns=10, end_ns=40, track_id=TRACK, kind="lock")]
    assert rows(waits, 50, 90) == []


def test_a_wait_of_an_hour_is_told_where_it_begins_and_where_it_ends() -> None:
    waits = fed(look(30, slept=10))
    assert rows(waits, 0, 30) == [(10, None)]
    waits.feed(look(60), 0)
    assert rows(waits, 30, 60) == []
    waits.feed(look(90, woke=80), 0)
    assert rows(waits, 60, 90) == [(10, 80)]
    assert rows(waits, 90, 99, final=True) == []


def test_one_whose_end_lies_behind_the_segment_is_open_in_it() -> None:
    waits = fed(look(30, slept=10), look(90, woke=80))
    assert [rows(waits, 0, 50), rows(waits, 50, 90)] == [[(10, None)], [(10, 80)]]


def test_where_nobody_has_looked_nobody_is_said_to_wait() -> None:
    waits = fed(look(30, slept=10))
    assert rows(waits, 0, 100) == [(10, 30)]  # sealed although no look has come since 30
    waits.feed(look(130), 0)
    assert rows(waits, 100, 120) == [(100, None)]
    assert rows(waits, 120, 150, final=True) == [(100, 130)]


def test_at_the_end_who_sleeps_does_so_up_to_the_last_look() -> None:
    waits = fed(look(30, slept=10), look(60))
    assert rows(waits, 0, 55, final=True) == [(10, 60)]


def test_what_is_learned_late_changes_nothing_that_is_sealed() -> None:
    waits = fed(look(30))
    assert rows(waits, 0, 50) == []
    waits.feed(look(70, slept=20), 0)
    assert rows(waits, 50, 60) == [(50, None)]


def test_a_thread_that_no_track_is_of_is_left_out_and_one_that_gets_its_track_later_is_not() -> None:
    waits = fed(look(30, slept=10, thread=701), look(50, slept=20))
    assert waits.take(0, 50, lambda _: None, final=False) == []
    assert rows(waits, 50, 50) == [(50, None)]


def test_an_id_that_is_used_again_is_another_thread() -> None:
    ended = TrackRow(track_id=9, process_id=1, os_id=THREAD, start_ns=0, end_ns=5)
    assert fed(look(30, slept=10)).take(0, 30, lambda _: ended, final=False) == []
    begun = TrackRow(track_id=9, process_id=1, os_id=THREAD, start_ns=15)
    [row] = fed(look(30, slept=10)).take(0, 30, lambda _: begun, final=False)
    assert row.start_ns == 15


def test_looks_that_are_read_again_after_a_crash_change_nothing() -> None:
    looks = [look(30, slept=10), look(50, woke=40), look(70, slept=60)]
    waits = fed(*looks)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(waits), type=Waits)
    for one in looks:
        kept.feed(one, 0)
    assert rows(kept, 0, 70) == rows(waits, 0, 70) == [(10, 40), (60, None)]


@pytest.mark.parametrize("fact", [{"known_ns": 1 << 63}, {"known_ns": 5, "slept": [[7, -1, "io"]]}, {"slept": [[1]]}])
def test_looks_that_make_no_sense_are_refused(fact: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        parse_fact(msgspec.json.encode({"fact": "sleepers", "process_serial": 1, **fact}))

"""An event that ends something is brought together with the one that began it: the kernel beside a slow reading of the
same rules, with made-up kinds.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import JOIN, Kind, KindRow, Pair
from dags.base import Callers, Context
from dags.kernels import BEGUN_DTYPE, MAX_BEGUN, Pairs
from dags.pairs.dag import PairsDag, edges_of_pairs, rules_of

MEMORY = Pair(name="memory", by=("object_id",))
MESSAGE = Pair(name="message", by=("ref",), edge="message")
LOCK = Pair(name="lock", by=("track_id", "object_id"), nests=True)
BLOCK = Pair(name="block", by=("track_id", "call_id"), nests=True)
PAIRS = (MEMORY, MESSAGE, LOCK, BLOCK)


def _row(code: int, **fields: Any) -> KindRow:
    return KindRow(code=code, group="state", a="number", says="It is made up.", **fields)


BEGIN = {pair.name: 40 + 2 * at for at, pair in enumerate(PAIRS)}
END = {name: code + 1 for name, code in BEGIN.items()}
OTHER = 1
MADE_UP = {
    **{BEGIN[pair.name]: _row(BEGIN[pair.name], begins=pair) for pair in PAIRS},
    **{END[pair.name]: _row(END[pair.name], ends=pair) for pair in PAIRS},
}


class MadeUpPairs(PairsDag):
    kinds: ClassVar = MADE_UP


class Happening(NamedTuple):
    """One event; `call_id`: the innermost open call before it."""

    kind: int
    track_id: int = 1
    object_id: int = 0
    ref: int = 0
    call_id: int = 0


class Reference:
    """The same rules, an event at a time: (event, begin that it found) in order."""

    def __init__(self) -> None:
        self.open: dict[tuple[Any, ...], list[int]] = {}
        self.found: list[tuple[int, int]] = []
        self.lost_begins = self.lost_ends = self.keyless = 0

    def take(self, event_id: int, event: Happening) -> None:
        row = MADE_UP.get(event.kind)
        if row is None:
            return
        pair = row.begins or row.ends
        assert pair is not None
        key = (pair, *(getattr(event, name) for name in pair.by))
        if any(name in ("object_id", "ref") and not getattr(event, name) for name in pair.by):
            self.keyless += 1
            return
        begun = self.open.setdefault(key, [])
        if row.ends is not None:
            if begun:
                self.found.append((event_id, begun.pop()))
            else:
                self.lost_begins += 1
            return
        if begun and not pair.nests:
            self.found.append((event_id, begun.pop()))
            self.lost_ends += 1
        begun.append(event_id)

    def counts(self) -> dict[str, int]:
        return {
            "begun": sum(map(len, self.open.values())),
            "lost_begins": self.lost_begins,
            "lost_ends": self.lost_ends,
            "keyless": self.keyless,
            "ignored": 0,
        }


def batch_of(events: list[Happening], first_event_id: int = 1) -> EventBatch:
    columns = np.array(events, np.int64).reshape(-1, len(Happening._fields)).T
    kind, track_id, object_id, ref, _ = columns
    times = np.arange(first_event_id, first_event_id + len(events), dtype=np.int64) * 10
    return make_batch(
        first_event_id, times, kind.astype(np.uint8), track_id.astype(np.int32), object_id=object_id, ref=ref
    )


def context_of(events: list[Happening]) -> Context:
    asking = [event for event in events if event.kind in MADE_UP]
    kinds, calls = [event.kind for event in asking], [event.call_id for event in asking]
    return Context(callers=Callers(np.array(kinds, np.uint8), np.array(calls, np.int64)))


def fed(dag: PairsDag, events: list[Happening], first_event_id: int = 1) -> list[tuple[int, int]]:
    context = context_of(events)
    dag.feed(batch_of(events, first_event_id), context)
    dag.check()
    assert context.pairs is not None
    begins = context.pairs.begun["event_id"]
    return list(zip((first_event_id + context.pairs.rows).tolist(), begins.tolist(), strict=True))


HAPPENINGS = st.lists(
    st.builds(
        Happening,
        kind=st.sampled_from([*MADE_UP, OTHER]),
        track_id=st.integers(1, 3),
        object_id=st.integers(0, 4),
        ref=st.integers(0, 4),
        call_id=st.integers(0, 2),
    ),
    max_size=120,
)


@given(events=HAPPENINGS, cuts=st.lists(st.integers(0, 120), max_size=4), restores=st.booleans())
def test_every_end_finds_the_begin_that_a_slow_reading_finds(
    events: list[Happening], cuts: list[int], restores: bool
) -> None:
    """Whatever is lost, wherever segments are cut, and from every keyframe between them."""
    reference = Reference()
    for event_id, event in enumerate(events, 1):
        reference.take(event_id, event)
    dag, found = MadeUpPairs(), []
    bounds = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for start, stop in pairwise(bounds):
        found += fed(dag, events[start:stop], 1 + start)
        if restores:
            dag = MadeUpPairs.restored(dag.copy().keyframe())
    assert found == reference.found
    assert dag.pairs.counts() == reference.counts()
    left = sorted(event_id for begun in reference.open.values() for event_id in begun)
    assert dag.at(10 * len(events))["event_id"].tolist() == left


def test_an_address_that_is_taken_again_is_that_of_the_memory_taken_last() -> None:
    take, give = Happening(BEGIN["memory"], object_id=7), Happening(END["memory"], track_id=2, object_id=7)
    dag = MadeUpPairs()
    assert fed(dag, [give, take, give, take]) == [(3, 2)]  # what gave back the first was taken before the recording
    assert fed(dag, [take, give], 5) == [(5, 4), (6, 5)]  # the end of the second was lost: the third is in its place
    assert dag.pairs.counts() == {"begun": 0, "lost_begins": 1, "lost_ends": 1, "keyless": 0, "ignored": 0}


def test_a_lock_that_is_taken_twice_is_given_back_twice_the_inner_one_first() -> None:
    take, give = Happening(BEGIN["lock"], object_id=7), Happening(END["lock"], object_id=7)
    other = take._replace(track_id=2)
    assert fed(MadeUpPairs(), [take, take, other, give, give, give]) == [(4, 2), (5, 1)]


def test_a_begin_says_where_and_when_it_was() -> None:
    dag, events = MadeUpPairs(), [Happening(OTHER), Happening(BEGIN["lock"], 2, 7, 9, 5)]
    fed(dag, events)
    begun = dag.at(20)
    names = ("event_id", "time_ns", "track_id", "object_id", "ref", "call_id", "kind")
    assert [begun[name].item() for name in names] == [2, 20, 2, 7, 9, 5, BEGIN["lock"]]


def test_a_message_taken_on_another_track_is_an_edge_and_one_to_oneself_is_none() -> None:
    send, take = Happening(BEGIN["message"], ref=5), Happening(END["message"], track_id=2, ref=5)
    events = [send, take, send, take._replace(track_id=1)]
    dag, context = MadeUpPairs(), context_of(events)
    batch = batch_of(events)
    dag.feed(batch, context)
    assert context.pairs is not None
    (word, causes, effects), = edges_of_pairs(batch, context.pairs, MADE_UP)  # fmt: skip
    assert (word, causes.tolist(), effects.tolist()) == ("message", [1], [2])


def test_many_open_at_once_are_found_again_in_any_order() -> None:
    """The table of keys grows on the way, and its slots are used again."""
    many = 20_000
    order = np.random.default_rng(3).permutation(many) + 1
    begins = [Happening(BEGIN["memory"], object_id=int(number)) for number in range(1, many + 1)]
    ends = [Happening(END["memory"], object_id=int(number)) for number in order]
    dag = MadeUpPairs()
    fed(dag, begins)
    dag = MadeUpPairs.restored(dag.keyframe())
    expected = [(many + 1 + at, int(number)) for at, number in enumerate(order)]
    assert fed(dag, ends, many + 1) == expected
    assert fed(dag, begins, 2 * many + 1) == []
    assert dag.pairs.counts()["begun"] == many


def test_what_begins_beyond_the_limit_is_counted_and_not_kept() -> None:
    numbers = np.arange(1, MAX_BEGUN + 3, dtype=np.int64)
    kinds = np.full(len(numbers), BEGIN["memory"], np.uint8)
    dag, context = MadeUpPairs(), Context()
    dag.feed(make_batch(1, numbers, kinds, np.ones(len(numbers), np.int32), object_id=numbers, ref=numbers), context)
    counts = dag.pairs.counts()
    assert (counts["begun"], counts["ignored"]) == (MAX_BEGUN, 2)
    first = Happening(BEGIN["memory"], object_id=1)
    assert fed(dag, [first], len(numbers) + 1) == [(len(numbers) + 1, 1)]  # in the place of another there is room
    assert dag.pairs.counts()["begun"] == MAX_BEGUN


def test_a_keyframe_that_contradicts_itself_is_refused() -> None:
    kept = msgspec.msgpack.decode(MadeUpPairs().keyframe())
    changes: list[dict[str, Any]] = [{"counts": {}}, *({"begun": [n, b""]} for n in (1, MAX_BEGUN + 1, -1))]
    for change in changes:
        with pytest.raises(FormatError):
            MadeUpPairs.restored(msgspec.msgpack.encode({**kept, **change}))


def test_begins_of_kinds_that_are_not_known_are_left_out() -> None:
    """A keyframe of a newer Scope, or a hostile one."""
    begun = np.zeros(3, BEGUN_DTYPE)
    begun["event_id"], begun["object_id"] = [1, 2, 3], [5, 5, 5]
    begun["kind"] = [250, END["memory"], BEGIN["memory"]]
    pairs = Pairs(rules_of(MADE_UP), np.zeros(256, np.uint8))
    pairs.restore(begun, dict.fromkeys(("begun", "lost_begins", "lost_ends", "keyless", "ignored"), 3))
    assert pairs.begun()["event_id"].tolist() == [3]
    assert pairs.counts() == {"begun": 1, "lost_begins": 3, "lost_ends": 3, "keyless": 3, "ignored": 3}


def test_a_kind_cannot_both_begin_and_end() -> None:
    with pytest.raises(ScopeBug, match="both"):
        rules_of({40: _row(40, begins=LOCK, ends=LOCK)})


def test_a_join_is_a_pair_of_the_table() -> None:
    begin, end = Kind.JOIN_BEGIN, Kind.JOIN_END
    assert begin.row.begins == end.row.ends == JOIN
    dag, context = PairsDag(), Context()
    tracks, threads = np.array([1, 2, 1], np.int32), np.array([3, 3, 3], np.int64)
    batch = make_batch(1, np.arange(3, dtype=np.int64), np.array([begin, begin, end], np.uint8), tracks, ref=threads)
    dag.feed(batch, context)
    assert context.pairs is not None
    assert (context.pairs.rows.tolist(), context.pairs.begun["event_id"].tolist()) == ([2], [1])


def test_rows_of_the_table_are_paired_from_the_journal_to_the_edges(tmp_path: Path) -> None:
    """With made-up kinds in the table itself, in a process of its own: see `made_up_kinds`."""
    command = [sys.executable, "-m", "tests.dags.pairs.made_up_kinds", str(tmp_path / "s.scope")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert msgspec.json.decode(done.stdout) == {
        "edges": [[1, 3, "passes"], [2, 6, "passes"]],
        "begun": 1,
        "lost_begins": 1,
    }

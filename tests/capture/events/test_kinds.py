"""The table of kinds, and that everything else about a kind derives from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture.events.batch import EventBatch, make_batch
from capture.events.definitions import DefinitionKind
from capture.events.kinds import (
    GAP_REASONS,
    KIND_CODES,
    KIND_NAMES,
    KINDS,
    PAYLOAD_FLAG,
    RETIRED,
    SNAPSHOT_REASONS,
    Depth,
    Kind,
)
from capture.events.kinds_header import HEADER, header
from capture.session.eventtable import batch_from_table, event_table
from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from dags.analyses.lod import depths_after
from dags.kernels import EndedCalls, EventColumns, Stacks
from scope_gui.recording.recovery import recover
from tests.scope_command import scope
from tests.synthetic import START_MONO_NS, START_REAL_NS, PaperTarget, decode, definition, event_of
from views.reading.source import Names
from views.reading.worker_pool import WorkerPool
from views.timeline import pick
from views.timeline.content import Loader, content_of
from views.timeline.lanes import stacked

ABOUT = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [], "exclude": [],
         "state": [], "when_full": "drop"}  # fmt: skip


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PaperTarget]:
    """A recording that holds an event of each kind, a millisecond apart, in the order of the table."""
    target = PaperTarget()
    target.fact("session", start_mono_ns=START_MONO_NS, start_real_ns=START_REAL_NS, **ABOUT)
    target.begin()
    target.define(
        definition(DefinitionKind.EXCEPTION, 1, "ValueError"),
        definition(DefinitionKind.STATE_KEY, 1, "m", "x", "global"),
        definition(DefinitionKind.NAME, 1, "total"),
    )
    target.events(1, *(event_of(kind, 1_000_000 * (at + 1)) for at, kind in enumerate(KINDS)))
    target.clock(1_000_000_000)
    path = tmp_path_factory.mktemp("kinds") / "s.scope"
    path.mkdir()
    target.write(path / "journal")
    recover(path, lambda said: None)
    return path, target


@pytest.fixture(scope="module")
def batch(every_kind: tuple[Path, PaperTarget]) -> EventBatch:
    decoder, taken = decode(every_kind[1].blocks)
    assert decoder.totals().kinds == dict.fromkeys(map(int, KINDS), 1)
    return taken


def test_codes_fit_a_record_words_are_words_and_neither_comes_twice() -> None:
    assert len(KIND_NAMES) == len(KIND_CODES) == len(KINDS)
    for kind in KINDS:
        assert 0 < kind < 256
        assert kind.word.isidentifier()
        assert kind.row.says.endswith(".")
        assert ("reason" in (kind.row.a, kind.row.b)) == (kind.row.reasons is not None)
        assert (kind.row.b == "payload bytes") == (kind.row.payload not in ("none", "exception"))
        assert kind not in RETIRED
    assert SNAPSHOT_REASONS == {1: "begin", 2: "gap", 3: "end", 4: "settings"}  # words of released sessions
    assert list(GAP_REASONS.values())[:4] == ["pool full", "site table full", "paused", "another profiler"]


def test_bits_of_one_kind_are_single_bits_and_differ() -> None:
    for kind in KINDS:
        flags = list(kind.row.flags or ())
        assert all(flag.bit_count() == 1 for flag in flags)
        assert len(set(map(int, flags))) == len(flags)
        assert PAYLOAD_FLAG not in flags


def test_the_c_header_is_what_the_table_makes() -> None:
    """Else `make setup` has not run since the table changed, or has not made it anew."""
    assert HEADER.read_text() == header()


def test_the_c_library_does_to_a_stack_what_the_table_says() -> None:
    for kind in KINDS:
        stacks = Stacks()
        codes = np.array([Kind.CALL, Kind.CALL, kind], np.uint8)
        three = make_batch(
            1, np.arange(3, dtype=np.int64), codes, np.ones(3, np.int32), site_id=np.full(3, 1, np.int32)
        )
        out = EndedCalls(8, 1)
        stacks.run(EventColumns(three), 0, 3, out)
        depth = kind.row.depth
        assert stacks.counts()["frames"] == (0 if depth is Depth.ENDS else 2 + depth.step), kind
        tracks, _ = stacks.export()
        assert (tracks["unknown_since_ns"][0] >= 0) == (depth is Depth.LOST), kind


def test_the_level_of_detail_counts_calls_as_the_table_says() -> None:
    for kind in KINDS:
        one = make_batch(1, np.zeros(1, np.int64), np.array([kind], np.uint8), np.ones(1, np.int32))
        _, after = depths_after(one, np.zeros(1, np.int64), {1: 2})
        forgets = kind.row.depth in (Depth.ENDS, Depth.LOST)
        assert after.tolist() == [0 if forgets else 2 + kind.row.depth.step], kind


def test_every_kind_is_decoded_as_its_row_says(batch: EventBatch) -> None:
    assert batch.kind.tolist() == list(map(int, KINDS))
    for row, kind in enumerate(KINDS):
        assert (batch.site_id[row] > 0) == kind.row.a.startswith("site"), kind
        has_number = kind.row.a in ("site, line", "thread", "dropped", "state key", "line", "number")
        has_line = kind.row.b == "line" or kind.row.payload == "output"
        assert (batch.ref[row] > 0) == (has_number or has_line), kind
        assert (batch.flags[row] > 0) == (kind.row.flags is not None), kind
        if kind.row.b in ("exception type", "exception"):
            assert batch.value_of(row) == "ValueError"
        if (values := {"arguments": "?=7", "value": "7", "locals": "total=7"}.get(kind.row.payload)) is not None:
            assert batch.value_of(row) == values
        assert batch.message_of(row) == ("seven…" if kind.row.payload == "exception" else None)


def test_every_kind_is_a_word_in_a_table_and_the_same_code_again(batch: EventBatch) -> None:
    table = event_table(batch)
    assert table["kind"].to_pylist() == [kind.word for kind in KINDS]
    assert (batch_from_table(table, 1).kind == batch.kind).all()


def test_every_kind_is_counted_and_found_by_its_word(every_kind: tuple[Path, PaperTarget]) -> None:
    path, _ = every_kind
    with Session.open(path) as session:
        assert session.manifest.kinds == {kind.word: 1 for kind in KINDS}
    for kind in KINDS:
        found = scope("events", path, "--kind", kind.word, "--format", "csv").stdout.splitlines()
        assert [line.split(",")[2] for line in found[1:]] == [kind.word]
    told = scope("events", "--help").stdout
    assert all(kind.word in told for kind in KINDS)


def test_every_kind_that_is_a_mark_is_marked_and_is_named_in_the_tool_tip(
    every_kind: tuple[Path, PaperTarget],
) -> None:
    with Session.open(every_kind[0]) as session:
        loader = Loader(DetailReader(session), lambda: None, WorkerPool())
        while True:
            content = content_of(loader, (0, session.end_ns), 1000)
            if not loader.want(content.missing, content.missing_calls):
                break
            loader.wait()
        names = Names(session)
        lanes = stacked(session.tracks(), session.processes(), {})
        marked = [kind for kind in KINDS if kind.is_mark]
        assert content.marks["kind"].tolist() == list(map(int, marked))
        for mark in content.marks:
            lane = next(lane for lane in lanes if lane.track_id == mark["track_id"])
            said = pick.lines(pick.hit(content, lane, 0, int(mark["time_ns"]), 1), content, names)
            assert f"1 x {KIND_NAMES[int(mark['kind'])].replace('_', ' ')}" in said

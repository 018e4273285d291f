"""What the store seals is what a reader gets, whenever either of them stops."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capture.errors import FormatError, SessionProblem, TargetProblem
from capture.events.batch import EventBatch, concat, make_batch
from capture.events.definitions import SiteRow, TrackRow
from capture.session import compaction, folder
from capture.session.compaction import FULL_LEVEL, FULL_ROWS, next_merge
from capture.session.eventtable import event_table
from capture.session.format import FileEntry, SegmentEntry
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from tests.sessions import build_session, make_events

ABOUT = {"session_id": "0123456789abcdef", "created_real_ns": 5}


def same_events(found: EventBatch, expected: EventBatch) -> bool:
    return found.first_event_id == expected.first_event_id and event_table(found).equals(event_table(expected))


def all_events(session: Session) -> EventBatch:
    return concat([session.events(index) for index in range(len(session.segments))])


def all_rows(session: Session, name: str) -> list[dict[str, Any]]:
    return [row for i in range(len(session.segments)) for row in session.segment_table(i, name).to_pylist()]


def ticks(first: int, count: int, start_ns: int) -> EventBatch:
    times = np.arange(start_ns, start_ns + count, dtype=np.int64)
    return make_batch(first, times, np.ones(count, np.uint8), np.ones(count, np.int32))


def test_a_reader_gets_every_row_that_was_sealed(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=2000, tracks=3, segments=5)
    with Session.open(truth.path) as session:
        assert same_events(all_events(session), truth.events)
        for name in ("calls", "metrics", "states", "edges", "gaps"):
            assert all_rows(session, name) == truth.tables[name].to_pylist()
        assert [session.keyframe(i) for i in range(5)] == [b"state before segment %d" % i for i in range(5)]
        assert session.problems == []


def test_other_tools_read_words_and_nulls_from_the_files(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", segments=1)
    (path,) = (truth.path / "segments").glob("*.calls.parquet")
    table = pq.read_table(path)
    assert set(table["outcome"].to_pylist()) == {"return", "yield", "raise", "open"}
    outermost = [row for row in table.to_pylist() if row["depth"] == 0]
    assert outermost
    assert all(row["parent_call_id"] is None for row in outermost)
    assert all((row["end_ns"] is None) == (row["outcome"] == "open") for row in table.to_pylist())
    (path,) = (truth.path / "segments").glob("*.events.parquet")
    assert {"call", "return"} < set(pq.read_table(path)["kind"].to_pylist())


def test_calls_come_as_numpy_columns_with_codes(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    calls = {
        "call_id": np.array([2, 1]),
        "start_ns": np.array([5, 1]),
        "end_ns": np.array([9, 0]),
        "track_id": np.array([1, 1], np.int32),
        "depth": np.array([1, 0], np.uint16),
        "site_id": np.array([7, 8], np.int32),
        "parent_call_id": np.array([1, 0]),
        "outcome": np.array([2, 3], np.uint8),
    }
    store.seal(EventBatch.empty(), {"calls": calls}, None, 10)
    store.finish()
    with Session.open(tmp_path / "a.scope") as session:
        rows = session.calls(0).to_pylist()
    assert [(row["outcome"], row["end_ns"], row["parent_call_id"]) for row in rows] == [
        ("raise", 9, 1),
        ("open", None, None),
    ]


def test_segments_cover_time_without_holes_and_events_never_precede_theirs(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store.seal(ticks(1, 10, 100), end_ns=500)
    store.seal(ticks(11, 10, 300), end_ns=600)
    store.seal(EventBatch.empty(), end_ns=700)
    store.commit()
    with Session.open(tmp_path / "a.scope") as session:
        assert [(s.start_ns, s.end_ns) for s in session.segments] == [(0, 500), (500, 600), (600, 700)]
        assert set(session.events(1).time_ns) == {500}
        assert [session.segment_at(t) for t in (-5, 0, 499, 500, 650, 9999)] == [0, 0, 0, 1, 2, 2]
    store.close()


def test_a_batch_that_skips_events_is_refused(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store.seal(ticks(1, 10, 100))
    with pytest.raises(ValueError, match="expected 11"):
        store.seal(ticks(12, 10, 300))
    store.close()


def test_nothing_is_visible_before_it_is_committed(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    with Session.open(tmp_path / "a.scope") as session:
        store.seal(ticks(1, 10, 100))
        assert not session.refresh()
        assert session.segments == []
        store.commit()
        assert session.refresh()
        assert len(session.events(0)) == 10
        assert not session.refresh()
    store.close()


def test_small_segments_are_merged_while_recording_and_lose_nothing(tmp_path: Path) -> None:
    batch, _ = make_events(900, 2, 3)
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    most = 0
    for part in range(300):
        piece = batch.slice(3 * part, 3 * part + 3)
        metrics = [{"time_ns": int(piece.time_ns[-1]), "process_id": 1, "name": "threads", "value": float(part)}]
        store.seal(piece, {"metrics": metrics}, b"key %d" % part)
        store.commit()
        most = max(most, len(store.segments))
    store.close()
    assert most < 32
    with Session.open(tmp_path / "a.scope") as session:
        assert same_events(all_events(session), batch)
        assert [row["value"] for row in all_rows(session, "metrics")] == [float(part) for part in range(300)]
        keys = [session.keyframe(index) for index in range(len(session.segments))]
        assert keys == [b"key %d" % ((segment.first_event_id - 1) // 3) for segment in session.segments]


def test_a_finished_short_recording_is_one_segment(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", segments=20, merge=True)
    with Session.open(truth.path) as session:
        assert len(session.segments) == 1
        assert same_events(session.events(0), truth.events)
        assert session.calls(0).to_pylist() == truth.tables["calls"].to_pylist()
    listed = {entry.name for segment in session.segments for entry in segment.files}
    assert {f"segments/{path.name}" for path in (truth.path / "segments").iterdir()} == listed
    assert len(list((truth.path / "cache").iterdir())) == 1


def segment(seq: int, rows: int, level: int = 0) -> SegmentEntry:
    entry = FileEntry(f"segments/{seq:08d}.events.parquet", 1, rows, "0" * 16)
    return SegmentEntry(seq, compaction.level_of(rows, level), 1, rows, 0, 0, [entry])


@pytest.mark.parametrize(
    ("rows", "finishing", "expected"),
    [
        ([10] * 7, False, None),
        ([10] * 8, False, slice(0, 8)),
        ([10] * 9, True, slice(0, 9)),
        ([FULL_ROWS, 10], True, None),
        ([10, 10, FULL_ROWS], False, slice(0, 2)),
        ([10, 10, FULL_ROWS, FULL_ROWS, 10], False, slice(0, 2)),
        ([FULL_ROWS] * 9, True, None),
        ([100_000] * 8, False, slice(0, 2)),
        ([], True, None),
    ],
)
def test_neighbours_are_merged_by_eight_and_what_a_burst_closed_at_once(
    rows: list[int], finishing: bool, expected: slice | None
) -> None:
    assert next_merge([segment(i, count) for i, count in enumerate(rows, 1)], finishing=finishing) == expected


def test_segments_whose_rows_say_much_are_full_earlier() -> None:
    """A frame reads one segment: one of calls with arguments takes twice as long as one of as many calls without."""
    entry = FileEntry("segments/00000001.events.parquet", 2 * FULL_ROWS * compaction.BYTES_A_ROW, 1_000, "0" * 16)
    rows = compaction.rows_of([entry, entry])
    assert rows > 3 * FULL_ROWS
    assert compaction.level_of(rows, 0) == FULL_LEVEL
    small = FileEntry("segments/00000002.events.parquet", compaction.FILE_BYTES, 50, "0" * 16)
    assert compaction.rows_of([small, small]) == 50


def test_merging_alternating_quiet_and_bursts_always_ends(tmp_path: Path) -> None:
    segments: list[SegmentEntry] = []
    random = np.random.default_rng(4)
    for seq in range(1, 2000):
        segments.append(segment(seq, int(random.choice([1, 50, 40_000, 200_000], p=[0.6, 0.3, 0.07, 0.03]))))
        while (where := next_merge(segments)) is not None:
            parts = segments[where]
            assert len(parts) >= 2
            rows = sum(compaction.rows_of(part.files) for part in parts)
            assert rows <= FULL_ROWS
            segments[where] = [segment(parts[0].seq, rows, max(part.level for part in parts) + 1)]
    small = [part for part in segments if part.level != FULL_LEVEL]
    assert len(small) < 150


def test_definitions_grow_in_pieces_and_changed_tracks_replace_the_old_ones(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    sites: list[SiteRow] = []
    track = TrackRow(track_id=1, process_id=1, name="old")
    with Session.open(tmp_path / "a.scope") as session:
        for number in range(1, 40):
            sites.append(SiteRow(site_id=number, function=f"f{number}", module="m", file="m.py", line=number))
            track.name = f"name {number // 10}"
            store.write_defs([], [track], sites, [])
            store.commit()
            session.refresh()
            assert [site.function for site in session.sites()] == [f"f{i}" for i in range(1, number + 1)]
            assert [row.name for row in session.tracks()] == [f"name {number // 10}"]
            assert len(session.manifest.defs) < 12
    store.finish()
    assert len(list((tmp_path / "a.scope" / "defs").iterdir())) == len(store.head.defs)


def test_files_merged_away_stay_for_readers_until_the_grace_period_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store.seal(ticks(1, 10, 0))
    store.commit()
    session = Session.open(tmp_path / "a.scope")
    for part in range(1, 8):
        store.seal(ticks(1 + 10 * part, 10, 100 * part))
    store.commit(checkpoint=True)
    store.commit(checkpoint=True)
    assert len(store.segments) == 1
    assert len(session.events(0)) == 10
    monkeypatch.setattr(folder, "GRACE_NS", 0)
    store.commit(checkpoint=True)
    assert len(list((tmp_path / "a.scope" / "segments").iterdir())) == 1
    # The reader still holds the old manifest: the rows come out of the merged segment.
    old = session.segments[0]
    assert not (tmp_path / "a.scope" / old.files[0].name).exists()
    assert same_events(session.events(0), ticks(1, 10, 0))
    assert session.problems == []
    session.close()
    store.close()


def test_a_pinned_session_keeps_its_segments_while_the_other_follows_merges(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    for part in range(5):
        store.seal(ticks(1 + 10 * part, 10, 100 * part))
    store.commit()
    with Session.open(tmp_path / "a.scope") as session:
        pinned = session.pinned()
        for part in range(5, 8):
            store.seal(ticks(1 + 10 * part, 10, 100 * part))
        store.commit(checkpoint=True)
        store.commit(checkpoint=True)
        assert session.refresh()
        assert (len(session.segments), len(pinned.segments)) == (1, 5)
        assert pinned.segment_at(205) == 2
        assert same_events(pinned.events(2), ticks(21, 10, 200))
        assert len(session.events(0)) == 80
        assert session.problems == pinned.problems == []
    store.close()


def test_only_one_store_may_write_a_session(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    with pytest.raises(SessionProblem, match="being recorded"):
        SegmentStore.reopen(tmp_path / "a.scope")
    store.close()
    with pytest.raises(SessionProblem, match="holds a session already"):
        SegmentStore.create(tmp_path / "a.scope", ABOUT)


def test_a_store_continues_after_its_process_died(tmp_path: Path) -> None:
    path = tmp_path / "a.scope"
    truth = build_session(path, events=400, finish=False)
    (path / "segments" / "00000099.events.parquet").write_bytes(b"written, never listed")
    store = SegmentStore.reopen(path, sync=False)
    assert store.resume_bytes() == b"resume 3"
    assert store.head.journal.offset == 192
    assert store.next_event_id == 401
    assert not (path / "segments" / "00000099.events.parquet").exists()
    more = ticks(401, 5, store.end_ns + 10)
    store.seal(more)
    store.set_counts(5 + 400, 405, 0)
    store.finish("recovered")
    with Session.open(path) as session:
        assert session.manifest.state == "recovered"
        assert session.complete
        assert same_events(all_events(session), concat([truth.events, more]))


def test_after_a_power_loss_the_last_checkpoint_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.scope"
    store = SegmentStore.create(path, ABOUT)
    store.seal(ticks(1, 10, 0))
    store.set_resume(b"a", (1, 480))
    store.commit(checkpoint=True)
    assert tuple(getattr(store.durable_journal, name) for name in ("file_no", "offset")) == (1, 480)
    lost = store.seal(ticks(11, 10, 100))
    store.set_resume(b"b", (1, 960))
    store.commit(checkpoint=False)
    assert store.durable_journal.offset == 480
    store.close()
    os.truncate(path / lost.files[0].name, 0)  # listed, but its bytes never reached the disk
    again = SegmentStore.reopen(path)
    assert again.next_event_id == 11
    assert again.head.journal.offset == 480
    assert again.resume_bytes() == b"a"
    again.close()


def test_a_full_disk_fails_a_seal_in_one_sentence_and_leaves_the_session_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store.seal(ticks(1, 10, 0))
    store.commit()

    def full(fd: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TargetProblem, match="disk is full"):
        store.seal(ticks(11, 10, 100))
    with pytest.raises(TargetProblem, match="disk is full"):
        store.commit()
    monkeypatch.undo()
    with Session.open(tmp_path / "a.scope") as session:
        assert len(all_events(session)) == 10
    store.seal(ticks(11, 10, 100))
    store.finish()
    with Session.open(tmp_path / "a.scope") as session:
        assert len(all_events(session)) == 20


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetProblem):
        SegmentStore.create(tmp_path / "file" / "a.scope", ABOUT)
    with pytest.raises(FormatError, match="not a session"):
        SegmentStore.reopen(tmp_path)


def test_texts_of_any_kind_survive(tmp_path: Path) -> None:
    texts = ["", "\u2039redacted\u203a", "a\0b", "x" * 70_000, "🙂", '{"frames": []}']
    rows = np.array([0, 3, 4, 5, 8, 9], np.int64)
    batch = make_batch(
        1,
        np.arange(10, dtype=np.int64),
        np.full(10, 32, np.uint8),
        np.ones(10, np.int32),
        object_id=np.arange(10, dtype=np.int64),
        ref=np.arange(10, dtype=np.int64)[::-1].copy(),
        flags=np.arange(10, dtype=np.uint8),
        value_rows=rows,
        values=texts,
    )
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store.seal(batch)
    store.finish()
    with Session.open(tmp_path / "a.scope") as session:
        found = session.events(0)
        assert same_events(found, batch)
        assert found.values == texts
        assert found.value_rows.tolist() == rows.tolist()
        some = session.events(0, ["time_ns", "kind"])
        assert (some.kind == 32).all()
        assert not some.ref.any()
        assert isinstance(session.calls(0), pa.Table)

"""Details of segments: the same whether worked out, read back or rebuilt after damage, and the same as the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture.session.pack import pack
from capture.session.session import Session
from capture.session.verify import verify
from dags.analyses.detail import KEPT_FROM_EVENTS, MAX_LONGEST, OPEN_END, segment_detail
from dags.analyses.detail_reader import DetailReader
from dags.correlate.correlator import Correlator
from tests.sessions import Truth, build_session


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    state = Correlator()

    def keyframe(piece: object) -> bytes:
        data = state.keyframe()
        state.feed(piece, [])  # type: ignore[arg-type]
        return data

    return build_session(tmp_path / "s.scope", 4 * KEPT_FROM_EVENTS, 3, seed=5, segments=4, keyframe=keyframe)


def details(path: Path) -> list[object]:
    with Session.open(path) as session:
        return [
            [
                found.longest.tolist(),
                found.longest_from_ns,
                found.open.tolist(),
                found.gaps.tolist(),
                [(level.level, level.rows.tolist()) for level in found.levels],
            ]
            for found in (segment_detail(session, index) for index in range(len(session.segments)))
        ]


def test_a_detail_is_the_same_worked_out_and_read_back(truth: Truth) -> None:
    first = details(truth.path)
    assert sorted(path.name for path in truth.path.glob("cache/*.lod")) == [f"{i:08d}.lod" for i in range(1, 5)]
    assert details(truth.path) == first


def test_a_damaged_detail_is_worked_out_again(truth: Truth) -> None:
    first = details(truth.path)
    for at, place in enumerate(sorted(truth.path.glob("cache/*.lod"))):
        data = bytearray(place.read_bytes())
        place.write_bytes(data[: 20 * at] if at % 2 else data[:-1] + bytes([data[-1] ^ 1]))
    assert details(truth.path) == first


def test_the_cache_belongs_to_the_session_and_is_no_damage(truth: Truth) -> None:
    details(truth.path)
    with Session.open(truth.path) as session:
        assert not session.problems
        assert not verify(session).problems
    packed = pack(truth.path, truth.path.with_name("p.scope"))
    assert details(packed) == details(truth.path)


def test_a_session_that_is_being_recorded_gets_no_files(tmp_path: Path) -> None:
    path = build_session(tmp_path / "live.scope", 2_000, 2, segments=2, finish=False).path
    before = sorted(path.rglob("*"))
    assert len(details(path)) == 2
    assert sorted(path.rglob("*")) == before


def test_long_calls_of_the_session_are_all_there_and_end_when_they_did(truth: Truth) -> None:
    calls = truth.tables["calls"].to_pylist()
    with Session.open(truth.path) as session:
        reader = DetailReader(session)
        for index in range(len(session.segments)):
            reader.read(index)
        cut = max(detail.longest_from_ns for i in range(4) if (detail := reader.known(i)))
        spans, complete = reader.spans(session.start_ns, session.end_ns, cut)
        assert complete and cut > 0
        ended = {c["call_id"]: c["end_ns"] for c in calls if c["end_ns"] and c["end_ns"] - c["start_ns"] >= cut}
        still_open = {c["call_id"]: OPEN_END for c in calls if c["end_ns"] is None}
        assert dict(zip(spans["call_id"].tolist(), spans["end_ns"].tolist(), strict=True)) == ended | still_open
        found = [reader.known(index) for index in range(4)]
        assert all(detail is not None and len(detail.longest) <= MAX_LONGEST for detail in found)


def test_calls_across_the_end_of_a_stretch_are_open_there(truth: Truth) -> None:
    calls = truth.tables["calls"].to_pylist()
    with Session.open(truth.path) as session:
        for index, segment in enumerate(session.segments):
            found = segment_detail(session, index).open
            expected = {
                (call["call_id"], call["depth"], call["site_id"], call["track_id"])
                for call in calls
                if call["start_ns"] <= segment.end_ns and (call["end_ns"] is None or call["end_ns"] > segment.end_ns)
            }
            columns = [found[name].tolist() for name in ("call_id", "depth", "site_id", "track_id")]
            assert set(zip(*columns, strict=True)) == expected


@pytest.mark.parametrize("share", [1.0, 0.4, 0.1, 0.02])
def test_rows_of_a_stretch_count_its_events(truth: Truth, share: float) -> None:
    with Session.open(truth.path) as session:
        reader = DetailReader(session)
        end_ns = int(session.end_ns * share)
        for index in reader.missing(0, end_ns, end_ns / 1600):
            reader.read(index)
        assert not reader.missing(0, end_ns, end_ns / 1600)
        rows = reader.rows(0, end_ns, end_ns / 1600)
        shown_until = max(int(some["bin"][-1] + 1) << (2 * level) for level, some in rows if len(some))
        count = sum(int(some["count"].sum()) for _, some in rows)
        times = truth.events.time_ns
        if len(rows) == 1:
            assert count == np.count_nonzero(times < shown_until)
        assert count >= np.count_nonzero(times < end_ns)


def test_gaps_and_damaged_segments_are_told(truth: Truth) -> None:
    gaps = truth.tables["gaps"].to_pylist()
    broken = sorted(truth.path.glob("segments/*.events.parquet"))[2]
    broken.write_bytes(broken.read_bytes()[:-7])
    with Session.open(truth.path) as session:
        reader = DetailReader(session)
        for index in range(len(session.segments)):
            reader.read(index)
        found = {(g["start_ns"], g["end_ns"], g["dropped"]) for g in reader.gaps(0, session.end_ns)}
        damaged = session.segments[2]
        assert {(g["start_ns"], g["end_ns"], g["dropped"]) for g in gaps} <= found
        assert (damaged.start_ns, damaged.end_ns, damaged.events) in found


def test_what_has_not_been_read_is_left_out_and_open_calls_end_where_reading_did(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        reader = DetailReader(session)
        reader.read(0)
        spans, complete = reader.spans(0, session.end_ns, 0)
        assert not complete
        assert (spans["end_ns"] <= session.segments[0].end_ns).all()
        known = reader.known(0)
        assert known is not None
        assert set(known.open["call_id"].tolist()) <= set(spans["call_id"].tolist())
        assert reader.missing(0, session.end_ns, session.end_ns / 100) == [1, 2, 3]

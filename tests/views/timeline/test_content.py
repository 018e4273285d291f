"""What is visible, against the session's own tables, at every zoom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture.events.batch import make_batch
from capture.events.definitions import ProcessRow, TrackRow
from capture.events.kinds import Kind
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses.detail import OPEN_END
from dags.analyses.detail_reader import DetailReader
from tests.sessions import SESSION_ID, Truth, build_session
from views.reading.source import Names
from views.reading.worker_pool import WorkerPool
from views.timeline import content, pick
from views.timeline.content import Loader, content_of, overview_of
from views.timeline.lanes import stacked


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return build_session(tmp_path_factory.mktemp("content") / "s.scope", 8_000, 3, seed=2, segments=5)


def loaded(session: Session, visible: tuple[int, int], width: int) -> content.Content:
    loader = Loader(DetailReader(session), lambda: None, WorkerPool())
    while True:
        found = content_of(loader, visible, width)
        if not loader.want(found.missing, found.missing_calls):
            return found
        loader.wait()


@pytest.mark.parametrize(("share", "at"), [(0.2, 0.1), (0.05, 0.5), (0.002, 0.7), (0.1, 0.9)])
def test_few_segments_show_every_call_that_touches_the_stretch(truth: Truth, share: float, at: float) -> None:
    end_ns = int(truth.events.time_ns[-1])
    visible = (int(end_ns * at), int(end_ns * (at + share)))
    with Session.open(truth.path) as session:
        found = loaded(session, visible, 1000)
    assert found.exact
    calls = truth.tables["calls"].to_pylist()
    expected = {
        call["call_id"]
        for call in calls
        if call["start_ns"] <= visible[1] and (call["end_ns"] is None or call["end_ns"] >= visible[0])
    }
    assert len(found.spans) == len(set(found.spans["call_id"].tolist()))
    assert set(found.spans["call_id"].tolist()) >= expected
    extra = found.spans[~np.isin(found.spans["call_id"], list(expected))]
    assert (extra["end_ns"] == OPEN_END).all()  # open when the last segment in sight ends, begun after the stretch
    assert (extra["start_ns"] > visible[1]).all()


def test_many_small_segments_still_show_every_call(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        found = loaded(session, (0, session.end_ns), 200)
    assert found.exact
    assert set(found.spans["call_id"].tolist()) == set(truth.tables["calls"]["call_id"].to_pylist())


def test_many_segments_show_counts_of_every_event_and_the_long_calls(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "MAX_EXACT_FILES", 4)
    end_ns = int(truth.events.time_ns[-1])
    with Session.open(truth.path) as session:
        found = loaded(session, (0, end_ns), 200)
    assert not found.exact
    assert sum(int(rows["count"].sum()) for _, rows in found.counts) == len(truth.events)
    long_ns = content.LONG_PX * end_ns / 200
    calls = truth.tables["calls"].to_pylist()
    long = {c["call_id"] for c in calls if (c["end_ns"] or OPEN_END) - c["start_ns"] >= long_ns}
    assert set(found.spans["call_id"].tolist()) == long


def test_more_calls_than_can_be_painted_at_once_show_counts(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_EXACT_CALLS", 100)
    with Session.open(truth.path) as session:
        found = loaded(session, (0, session.segments[0].end_ns), 200)
    assert not found.exact and found.counts and not found.unread


def test_the_overview_counts_all_and_knows_what_it_has_not_read(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        reader = DetailReader(session)
        before = overview_of(reader, (0, session.end_ns), 300)
        assert not before.known[1:-1].any() and before.progress < 0.1
        assert before.count.sum() == 0
        loader = Loader(reader, lambda: None, WorkerPool())
        loader.want(range(len(session.segments)), [])
        loader.wait()
        after = overview_of(reader, (0, session.end_ns), 300)
    assert after.progress == 1
    assert after.count.sum() == pytest.approx(len(truth.events))
    assert {gap["dropped"] for gap in after.gaps} == {3}


def test_a_session_closed_meanwhile_leaves_no_wrong_answer_behind(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "s.scope", 900, 2, segments=2)
    session = Session.open(truth.path)
    loader = Loader(DetailReader(session), lambda: None, WorkerPool())
    session.close()
    assert loader.want([0, 1], [0])
    loader.wait()
    loader.close()
    assert not list(truth.path.glob("cache/*.lod"))  # what could not be read is not kept as if it were nothing


def test_events_that_are_no_calls_are_marks_and_are_told_under_the_pointer(tmp_path: Path) -> None:
    times = np.array([100, 200, 300, 310, 400], np.int64)
    kinds = np.array([Kind.THREAD_BEGIN, Kind.CALL, Kind.STATE, Kind.STATE, Kind.RETURN], np.uint8)
    batch = make_batch(1, times, kinds, np.full(5, 2, np.int32), site_id=np.array([0, 1, 1, 1, 1], np.int32))
    store = SegmentStore.create(tmp_path / "s.scope", {"session_id": SESSION_ID, "created_real_ns": 1}, sync=False)
    store.seal(batch, end_ns=500)
    store.write_defs([ProcessRow(process_id=1, pid=1)], [TrackRow(track_id=2, process_id=1, name="worker")])
    store.finish()
    with Session.open(tmp_path / "s.scope") as session:
        found = loaded(session, (0, 350), 100)
        names = Names(session)
        (lane,) = stacked(session.tracks(), session.processes(), {2: 1})
    assert found.exact
    assert found.marks["time_ns"].tolist() == [100, 300, 310]
    assert pick.lines(pick.hit(found, lane, lane.first_row_y, 304, 7), found, names) == ["worker", "2 x state"]
    assert pick.lines(pick.hit(found, lane, lane.first_row_y, 101, 7), found, names) == ["worker", "1 x thread begin"]

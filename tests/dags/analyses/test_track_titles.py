"""Threads of one name can be told apart, wherever they are named."""

from __future__ import annotations

from pathlib import Path

from capture.events.definitions import ProcessRow, TrackRow
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses.called import Definitions
from dags.analyses.track_titles import numbered, track_titles
from tests.views.frames import frame, track
from views.reading.source import Names

TRACKS = [
    TrackRow(track_id=2, process_id=1, name="worker"),
    TrackRow(track_id=3, process_id=1, name="worker"),
    TrackRow(track_id=4, process_id=2, name="worker"),
    TrackRow(track_id=5, process_id=2, name="", os_id=77),
]
TITLES = {2: "worker · 1", 3: "worker · 2", 4: "worker", 5: "thread 77"}


def test_several_of_one_name_have_numbers() -> None:
    assert numbered({5: "io", 2: "io", 3: ""}) == {2: "io · 1", 3: "", 5: "io · 2"}


def test_threads_of_one_name_have_a_number_in_their_process_and_nameless_ones_the_system_s() -> None:
    assert track_titles(TRACKS) == TITLES


def test_pages_and_lanes_call_a_thread_alike(tmp_path: Path) -> None:
    about = {"session_id": "00aa", "created_real_ns": 1, "target": "t"}
    store = SegmentStore.create(tmp_path / "s.scope", about, sync=False)
    store.write_defs([ProcessRow(process_id=1, pid=7, name="t"), ProcessRow(process_id=2, pid=8, name="t")], TRACKS, [])
    store.finish()
    with Session.open(tmp_path / "s.scope") as session:
        pages, lanes = Definitions(session), Names(session)
        assert {one: pages.thread(one) for one in TITLES} == {one: lanes.track(one) for one in TITLES} == TITLES
        assert pages.thread(99) == lanes.track(99) == "track 99"
        assert pages.thread(0) == ""
        at = frame(5, tracks=[track(one.track_id, name=one.name) for one in TRACKS])
        assert [one.name for one in lanes.in_frame(at).tracks] == list(TITLES.values())
        alone = frame(5, tracks=[track(4, name="worker")])
        assert lanes.in_frame(alone) is alone

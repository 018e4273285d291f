"""A kind of tracks is one row: a made-up one is stored, shown and exported as a lane of its process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture.events import track_kinds
from capture.events.definitions import ProcessRow, SiteRow, TrackRow
from capture.events.track_kinds import HEADS, OS_THREADS, TRACK_KINDS, TrackKind
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import frame_at
from tests.scope_command import scope
from tests.sessions import make_events
from views.reading.opening import first_focus, lanes_of
from views.reading.source import Source
from views.timeline.lanes import Wanted, stacked

TASK = TrackKind("task", "A task of an event loop.")
ABOUT = {"session_id": "5e55105e55105e55", "created_real_ns": 1, "target": "t", "python": "3.13.0", "mode": "full"}
TRACKS = [
    TrackRow(track_id=1, process_id=1, kind="process", name="orders.py", start_ns=0),
    TrackRow(track_id=2, process_id=1, kind=TASK.name, name="fetch", start_ns=0),
    TrackRow(track_id=3, process_id=1, kind="thread", name="MainThread", os_id=7, start_ns=0),
]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    batch, _ = make_events(400, 2, seed=3)
    store = SegmentStore.create(tmp_path / "s.scope", ABOUT, sync=False)
    sites = [SiteRow(site_id=n, function=f"f{n}", module="m", file="m.py", line=n) for n in range(1, 12)]
    store.write_defs([ProcessRow(process_id=1, pid=7, name="orders.py", python="3.13.0", start_ns=0)], TRACKS, sites)
    SessionWriter(store).write(batch, TRACKS, is_last=True)
    store.set_counts(len(batch), len(batch), 0)
    store.finish()
    return tmp_path / "s.scope"


def test_a_made_up_kind_is_in_sql_frames_lanes_and_exports(session: Path, tmp_path: Path) -> None:
    with Session.open(session) as opened:
        sql = "SELECT kind, count(*) AS n FROM calls JOIN tracks USING (track_id) GROUP BY 1 ORDER BY 1"
        rows = query(opened, sql).to_pylist()
        assert [row["kind"] for row in rows] == ["task", "thread"]
        assert all(row["n"] > 50 for row in rows)
        tracks = {track.name: track for track in frame_at(opened, opened.end_ns // 2).tracks}
        assert tracks["fetch"].kind == "task"
        assert tracks["fetch"].stack
        assert tracks["fetch"].confidence == "exact"
        assert tracks["fetch"].status_confidence == "not captured", "no system says whether a task waits"
        names = Source(opened).names
        assert [lane.track_id for lane in lanes_of(names)] == [1, 3, 2], "the main thread comes first"
        assert first_focus(names) == 3
        lanes = stacked(names.tracks.values(), opened.processes(), {2: 4, 3: 4})
        assert [(lane.kind, lane.name) for lane in lanes] == [
            ("process", lanes[0].name), ("task", "fetch"), ("thread", "MainThread")
        ]  # fmt: skip
        folded = stacked(names.tracks.values(), opened.processes(), {}, Wanted(folded=frozenset({1})))
        assert [lane.kind for lane in folded] == ["process"]
    assert "fetch" in scope("frame", session, "--at", "50%").stdout
    scope("convert", session, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert "fetch" in {event["args"].get("name") for event in events if event["ph"] == "M"}


def test_the_document_of_the_format_names_them() -> None:
    assert {row.name for row in TRACK_KINDS if row.heads} == HEADS
    assert {row.name for row in TRACK_KINDS if row.is_os_thread} == OS_THREADS
    said = (Path(track_kinds.__file__).parents[1] / "FORMAT.md").read_text()
    assert f"What it is: {', '.join(f'`{row.name}`' for row in TRACK_KINDS)}." in said

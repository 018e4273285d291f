"""Who waits at an instant, from any segment of a session: with its keyframe, without it, and after segments merged."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from capture.decode.waits import Waits
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow, TrackRow, WaitRow
from capture.events.facts import SleepersFact
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.verify import verify
from dags.correlate.correlator import Correlator
from dags.correlate.open_rows import open_rows
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import FrameReader
from dags.process.waiting import Asleep

TRACKS = [
    TrackRow(track_id=1, process_id=1, kind="process", name="app.py"),
    TrackRow(track_id=2, process_id=1, name="short", os_id=72, start_ns=0),
    TrackRow(track_id=3, process_id=1, name="long", os_id=73, start_ns=0),
    TrackRow(track_id=4, process_id=1, name="never", os_id=74, start_ns=0),
]
SEGMENT_NS, SEGMENTS = 100, 20
WAITS = {73: [(130, 1755)], 72: [(10, 40), (60, 250), (300, 350), (1_100, 1_101)]}
"""[from, to) by thread; a look every 10 ns."""


def looks(until_ns: int) -> list[SleepersFact]:
    """What the looks after `until_ns` - 10 and up to then have found."""
    found = []
    for at_ns in range(0, until_ns + 10, 10):
        slept = [(tid, a, "io") for tid, spans in WAITS.items() for a, _ in spans if at_ns - 10 < a <= at_ns]
        woke = [(tid, b) for tid, spans in WAITS.items() for _, b in spans if at_ns - 10 < b <= at_ns]
        found.append(SleepersFact(process_serial=1, known_ns=at_ns + 1, slept=slept, woke=woke))
    return found


def build(path: Path, *, merge: bool, finish: bool = True) -> Session:
    about = {"session_id": "0" * 16, "created_real_ns": 0, "capabilities": ["threads", "waits"]}
    store = SegmentStore.create(path, about, sync=False)
    waits, writer = Waits(), SessionWriter(store)
    for number in range(SEGMENTS):
        start_ns, end_ns = number * SEGMENT_NS, (number + 1) * SEGMENT_NS
        for look in looks(end_ns):
            waits.feed(look, 0)
        track_of = {track.os_id: track for track in TRACKS if track.os_id}.get
        rows = waits.take(start_ns, end_ns, track_of, final=finish and number == SEGMENTS - 1)
        writer.write(EventBatch.empty(store.next_event_id), facts={"waits": rows}, end_ns=end_ns)
        if merge:
            store.commit()
    store.write_defs([ProcessRow(process_id=1, pid=7, python="3.12.1")], TRACKS, [], [])
    store.commit()
    store.finish() if finish and merge else store.close()
    return Session.open(path)


@pytest.fixture(params=["segments", "merged", "without keyframes"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Session:
    built = build(tmp_path / "a.scope", merge=request.param == "merged")
    if request.param == "without keyframes":
        for path in (tmp_path / "a.scope" / "cache").glob("*.key"):
            path.unlink()
    return built


def test_every_instant_tells_who_waits_and_since_when(session: Session) -> None:
    reader = FrameReader(session)
    for time_ns in range(0, SEGMENTS * SEGMENT_NS, 7):
        for track in reader.at(time_ns).tracks[1:]:
            spans = [span for span in WAITS.get(track.os_id or 0, []) if span[0] <= time_ns < span[1]]
            assert track.status == ("waiting" if spans else "running"), (track.name, time_ns)
            assert track.waiting_since_ns == (spans[0][0] if spans else None)
            assert track.wait_kind == ("io" if spans else "")
            assert track.status_confidence == "sampled"


def test_sql_shows_each_wait_once(session: Session) -> None:
    rows = query(session, "SELECT start_ns, end_ns, track_id, confidence FROM waits ORDER BY track_id, start_ns")
    expected = [(*span, tid - 70, "sampled") for tid in (72, 73) for span in WAITS[tid]]
    assert [tuple(row.values()) for row in rows.to_pylist()] == expected
    assert query(session, "SELECT count(*) AS n FROM waits WHERE end_ns IS NULL").to_pylist() == [{"n": 0}]
    assert not [problem for problem in verify(session).problems if problem.lost]


def test_a_session_being_recorded_shows_the_waits_that_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WAITS, 74, [(1_905, 5_000)])
    with build(tmp_path / "live.scope", merge=True, finish=False) as session:
        rows = query(session, "SELECT start_ns, track_id FROM waits WHERE end_ns IS NULL", open_rows(session))
        assert rows.to_pylist() == [{"start_ns": 1_905, "track_id": 4}]
        assert {t.name for t in FrameReader(session).at(session.end_ns).tracks if t.status == "waiting"} == {"never"}


def test_a_keyframe_of_before_tells_who_was_asleep_in_its_part_of_processes() -> None:
    state = Correlator()
    rows = [
        WaitRow(start_ns=30, end_ns=None, track_id=3, kind="io"),
        WaitRow(start_ns=10, end_ns=20, track_id=2, kind=""),
    ]
    state.feed(EventBatch.empty(1), TRACKS, facts={"waits": rows})
    kept = msgspec.msgpack.decode(state.keyframe())
    parts = {name: msgspec.msgpack.decode(kept["dags"].pop(name)) for name in ("process", "waits")}
    together = {**parts["process"], "asleep": parts["waits"]["asleep"]}
    kept["dags"]["process"] = msgspec.msgpack.encode(together)
    del kept["versions"]["process"]
    of_before = Correlator.from_keyframe(msgspec.msgpack.encode(kept))
    assert of_before.waits.state.asleep == {3: Asleep(30, "io")}
    assert of_before.unknown == frozenset()
    assert of_before.keyframe() == state.keyframe()


def test_who_was_not_looked_at_is_not_said_to_have_been_seen_running(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "old.scope", {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    SessionWriter(store).write(EventBatch.empty(1), end_ns=100)
    store.write_defs([ProcessRow(process_id=1, pid=7)], TRACKS, [], [])
    store.commit()
    store.close()
    with Session.open(tmp_path / "old.scope") as session:
        frame = FrameReader(session).at(50)
    assert {(track.status, track.status_confidence) for track in frame.tracks} == {("running", "not captured")}
    assert frame.confidence.status == "not captured"

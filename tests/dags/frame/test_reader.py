"""A frame shows the program as it was at the instant, and says how sure it is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from capture.decode.decoder import Decoder
from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import DefinitionKind
from capture.events.kinds import SITE_BITS, Kind
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.correlate.open_rows import open_rows
from dags.correlate.replay import rebuild
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import Frame, FrameReader, frame_at
from tests.synthetic import START_MONO_NS, PaperTarget, decode, definition, record, snapshot, state

MS = 1_000_000
END_NS = 300 * MS


def seal(path: Path, target: PaperTarget, segment_events: int = 7) -> Session:
    """The target's journal as a session of small segments."""
    decoder, batch = decode(target.blocks, Decoder())
    catalog = decoder.catalog
    store = SegmentStore.create(path, {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    writer, facts = SessionWriter(store), {"metrics": decoder.take_metrics(), "gaps": decoder.take_gaps()}
    for start in range(0, len(batch), segment_events):
        part = batch.slice(start, start + segment_events)
        end_ns = END_NS if start + segment_events >= len(batch) else None
        writer.write(part, catalog.tracks, catalog.state_keys, facts=facts, end_ns=end_ns)
        facts = {}
    store.write_defs(catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys)
    store.commit()
    store.close()
    return Session.open(path)


def story() -> PaperTarget:
    """Main was running when recording began, starts a worker that writes state, drops some events, and joins it."""
    target = PaperTarget().begin()
    target.define(
        definition(DefinitionKind.STATE_KEY, 1, "m", "counter", "global"),
        definition(DefinitionKind.STATE_KEY, 2, "m.Store", "items", "attribute"),
        definition(DefinitionKind.THREAD, 1, "MainThread", "42", "0"),
        definition(DefinitionKind.THREAD, 2, "worker", "43", "0"),
    )

    def at(ms: int, a: int, kind: Kind, **more: int) -> bytes:
        return record(ms * MS, a, kind, **more)

    target.events(1, at(1, 1, Kind.THREAD_BEGIN, flags=1), snapshot(1 * MS, [(1, 15), (2, 22)]))
    target.events(1, at(10, 3, Kind.CALL), at(20, 2, Kind.THREAD_START), at(30, 2, Kind.JOIN_BEGIN))
    target.events(2, at(22, 2, Kind.THREAD_BEGIN), at(24, 4, Kind.CALL), state(26 * MS, 1, "1", 0, flags=8))
    target.events(2, at(40, 5, Kind.CALL), state(45 * MS, 1, "2"), state(46 * MS, 2, "[7]", 3), at(50, 5, Kind.RETURN))
    target.drop(2, 9)
    target.events(
        2, at(60, 9, Kind.GAP, b=1), snapshot(90 * MS, [(4, 41), (1, 12)], reason=2), state(95 * MS, 2, "", 3, 1)
    )
    target.events(2, at(100, 1, Kind.RETURN), at(110, 4, Kind.RETURN), at(120, 2, Kind.THREAD_END))
    target.events(1, at(130, 2, Kind.JOIN_END, flags=1), at(140, 3, Kind.RETURN))
    for ms, rss in ((5, 100), (70, 200), (150, 300)):
        values = {"rss_bytes": float(rss), "cpu_percent": 1.5}
        target.fact("metric", process_serial=1, mono_ns=START_MONO_NS + ms * MS, values=values)
    target.clock(END_NS)
    return target


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with seal(tmp_path / "story.scope", story()) as session:
        yield session


def stack(frame: Frame, name: str) -> list[str]:
    [track] = [track for track in frame.tracks if track.name == name]
    return [call.function for call in track.stack]


def test_stacks_are_those_of_the_instant(session: Session) -> None:
    assert stack(frame_at(session, 5 * MS), "MainThread") == ["f1", "f2"]
    assert stack(frame_at(session, 10 * MS), "MainThread") == ["f1", "f2", "f3"]
    assert stack(frame_at(session, 45 * MS), "worker") == ["f4", "f5"]
    assert stack(frame_at(session, 95 * MS), "worker") == ["f4", "f1"]
    assert stack(frame_at(session, 140 * MS), "MainThread") == ["f1", "f2"]


def test_events_that_are_in_memory_already_are_not_read_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [session.events(index) for index in range(len(session.segments))]
    times = [segment.end_ns for segment in session.segments]
    wanted = [frame_at(session, time_ns) for time_ns in times]

    def fail(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(session, "events", fail)
    reader = FrameReader(session, events=kept.__getitem__)
    assert [reader.at(time_ns) for time_ns in times] == wanted


def test_the_line_of_a_snapshot_holds_for_its_moment_and_a_callers_until_the_call_returns(session: Session) -> None:
    def lines(ms: int, name: str = "MainThread") -> list[tuple[int, str]]:
        [track] = [track for track in frame_at(session, ms * MS).tracks if track.name == name]
        return [(call.line, call.line_is) for call in track.stack]

    assert lines(1) == [(15, "called_from"), (22, "current")]
    assert lines(5) == [(15, "called_from"), (20, "defined")]
    assert lines(15) == [(15, "called_from"), (20, "defined"), (30, "defined")]
    assert lines(90, "worker") == [(41, "called_from"), (12, "current")]
    assert lines(91, "worker") == [(41, "called_from"), (10, "defined")]
    assert lines(105, "worker") == [(40, "defined")]
    [main] = [track for track in frame_at(session, 15 * MS).tracks if track.name == "MainThread"]
    assert [call.entered_earlier for call in main.stack] == [True, True, False]
    assert main.stack[2].entered_ns == 10 * MS


def test_a_call_tells_the_line_of_its_caller_until_it_returns(tmp_path: Path) -> None:
    target = PaperTarget().begin()

    def at(ms: int, site: int, kind: Kind, line: int = 0) -> bytes:
        return record(ms * MS, site | line << SITE_BITS, kind)

    target.events(1, at(1, 1, Kind.THREAD_BEGIN), at(2, 1, Kind.CALL), at(10, 2, Kind.CALL, 17))
    target.events(
        1, at(20, 3, Kind.CALL, 23), at(30, 3, Kind.YIELD), at(40, 3, Kind.RESUME, 24), at(50, 3, Kind.RETURN)
    )
    target.events(1, at(60, 2, Kind.RETURN), at(70, 2, Kind.CALL, 18), at(80, 4, Kind.CALL))
    target.clock(END_NS)
    with seal(tmp_path / "lines.scope", target, segment_events=3) as session:
        reader = FrameReader(session)

        def lines(ms: int) -> list[tuple[int, str]]:
            [track] = [track for track in reader.at(ms * MS).tracks if track.kind == "thread"]
            return [(call.line, call.line_is) for call in track.stack]

        assert lines(5) == [(10, "defined")]
        assert lines(15) == [(17, "called_from"), (20, "defined")]
        assert lines(25) == [(17, "called_from"), (23, "called_from"), (30, "defined")]
        assert lines(35) == [(17, "called_from"), (20, "defined")]
        assert lines(45) == [(17, "called_from"), (24, "called_from"), (30, "defined")]
        assert lines(65) == [(10, "defined")]
        assert lines(85) == [(18, "called_from"), (20, "defined"), (40, "defined")]
        rows = query(session, "SELECT * FROM calls ORDER BY call_id", open_rows(session)).to_pylist()
        calls = [(row["call_line"], row["outcome"]) for row in rows]
        assert calls == [(None, "open"), (17, "return"), (23, "yield"), (24, "return"), (18, "open"), (None, "open")]


def test_threads_run_wait_and_end(session: Session) -> None:
    def statuses(ms: int) -> dict[str, tuple[str, int | None]]:
        tracks = frame_at(session, ms * MS).tracks
        return {track.name: (track.status, track.waiting_on) for track in tracks if track.kind == "thread"}

    worker = next(track.track_id for track in session.tracks() if track.name == "worker")
    assert statuses(5) == {"MainThread": ("running", None)}
    assert statuses(40) == {"MainThread": ("waiting", worker), "worker": ("running", None)}
    assert statuses(125) == {"MainThread": ("waiting", worker), "worker": ("ended", None)}
    assert statuses(130) == {"MainThread": ("running", None), "worker": ("ended", None)}


def test_states_have_their_version_and_writer(session: Session) -> None:
    first = frame_at(session, 30 * MS).states
    assert [(s.owner, s.key, s.value, s.version_id, s.since_ns) for s in first] == [("m", "counter", "1", 1, 26 * MS)]
    frame = frame_at(session, 50 * MS)
    assert [(s.key, s.value) for s in frame.states] == [("counter", "2"), ("items", "[7]")]
    before = frame_at(session, 45 * MS)
    [worker] = [track for track in before.tracks if track.name == "worker"]
    assert frame.states[0].writer_track_id == worker.track_id
    assert frame.states[0].writer_call_id == worker.stack[-1].call_id
    assert [s.key for s in frame_at(session, 95 * MS).states] == ["counter"]
    assert frame.confidence.states == "exact"


def test_a_gap_is_shown_and_its_stack_is_not_trusted_until_a_snapshot(session: Session) -> None:
    inside, after = frame_at(session, 70 * MS), frame_at(session, 90 * MS)
    assert not inside.complete
    assert [(gap.start_ns, gap.end_ns, gap.dropped, gap.reason) for gap in inside.gaps] == [
        (60 * MS, 90 * MS, 9, "pool full")
    ]
    assert inside.confidence.stacks == "not captured"
    assert {track.name: track.confidence for track in inside.tracks if track.kind == "thread"} == {
        "MainThread": "exact",
        "worker": "not captured",
    }
    assert after.complete
    assert after.confidence.stacks == "exact"
    assert after.gaps == []


def test_metrics_are_the_latest_at_the_instant(session: Session) -> None:
    assert frame_at(session, 4 * MS).metrics == {}
    frame = frame_at(session, 100 * MS)
    assert frame.metrics["rss_bytes"] == frame.metrics["rss_bytes.1"] == 200.0
    assert (frame.processes[0].rss_bytes, frame.processes[0].cpu_percent) == (200, 1.5)
    assert frame.confidence.metrics == "sampled"
    assert frame.confidence.memory == "not captured"


def test_heat_falls_when_nothing_happens(session: Session) -> None:
    busy, idle = frame_at(session, 50 * MS).processes[0], frame_at(session, END_NS).processes[0]
    assert 0.5 < busy.heat <= 1.0
    assert idle.heat == 0.0


def test_the_event_is_the_last_one_at_or_before_the_instant(session: Session) -> None:
    times = [int(time_ns) for i in range(len(session.segments)) for time_ns in session.events(i).time_ns]
    reader = FrameReader(session)
    for time_ns in sorted({0, END_NS, *times, *(t - 1 for t in times), *(t + 1 for t in times)}):
        assert reader.at(time_ns).event_id == sum(t <= time_ns for t in times)


def test_an_instant_outside_the_recording_is_refused_with_its_range(session: Session) -> None:
    for time_ns in (-1, END_NS + 1):
        with pytest.raises(SessionProblem, match=f"from 0 ns to {END_NS} ns"):
            frame_at(session, time_ns)


def frames(session: Session) -> list[bytes]:
    reader = FrameReader(session, cache_segments=2)
    instants = [ms * MS for ms in (*range(0, 160, 3), 299)]
    return [msgspec.json.encode(reader.at(time_ns)) for time_ns in [*instants, *reversed(instants)]]


def test_frames_are_the_same_from_keyframes_and_from_a_replay(session: Session) -> None:
    expected = frames(session)
    shutil.rmtree(session.path / "cache")
    assert frames(session) == expected


def test_frames_do_not_depend_on_how_the_session_was_cut(session: Session, tmp_path: Path) -> None:
    with seal(tmp_path / "other.scope", story(), segment_events=1000) as other:
        assert frames(other) == frames(session)


def test_rebuilt_keyframes_are_the_recorded_ones(session: Session) -> None:
    rebuilt = dict(rebuild(session))
    assert sorted(rebuilt) == list(range(len(session.segments)))
    assert all(session.keyframe(index) == keyframe for index, keyframe in rebuilt.items())


def test_a_damaged_segment_costs_only_itself(session: Session) -> None:
    expected = [frame_at(session, ms * MS) for ms in (5, 140)]
    damaged = session.segments[1]
    entry = damaged.file("events")
    assert entry is not None
    (session.path / entry.name).write_bytes(b"x" * entry.bytes)
    with Session.open(session.path) as again:
        assert [frame_at(again, ms * MS) for ms in (5, 140)] == expected
        inside = frame_at(again, (damaged.start_ns + damaged.end_ns) // 2)
        assert not inside.complete
        assert inside.confidence.stacks == "not captured"
        shutil.rmtree(again.path / "cache")
        after = frame_at(again, damaged.end_ns)
        assert {t.confidence for t in after.tracks if t.kind == "thread" and t.status == "running"} == {"not captured"}


def test_of_a_recording_that_ended_before_anything_happened_nothing_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "nothing.scope"
    SegmentStore.create(path, {"session_id": "0" * 16, "created_real_ns": 0}, sync=False).finish()
    with Session.open(path) as session:
        frame = frame_at(session, session.end_ns)
        assert (frame.complete, frame.tracks, frame.gaps) == (True, [], [])


def test_an_observed_process_has_a_frame_without_stacks(tmp_path: Path) -> None:
    target = PaperTarget()
    target.fact("session", start_mono_ns=START_MONO_NS, start_real_ns=10**18)
    target.fact("process", process_serial=1, pid=9, name="sleep", tier="observe", start_real_ns=10**18 - 5)
    target.fact("thread", process_serial=1, tid=9, name="sleep", mono_ns=START_MONO_NS + 5)
    target.fact("metric", process_serial=1, mono_ns=START_MONO_NS + 6, values={"rss_bytes": 5.0})
    decoder, _ = decode(target.blocks)
    store = SegmentStore.create(tmp_path / "o.scope", {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    assert decoder.take(until=True) is None
    SessionWriter(store).write(EventBatch.empty(), facts={"metrics": decoder.take_metrics()}, end_ns=1000)
    store.write_defs(decoder.catalog.processes, decoder.catalog.tracks)
    store.commit()
    store.close()
    with Session.open(tmp_path / "o.scope") as session:
        frame = frame_at(session, 500)
    assert frame.processes[0].rss_bytes == 5
    assert [(t.kind, t.name, t.confidence) for t in frame.tracks][1] == ("thread", "sleep", "not captured")
    assert frame.confidence.stacks == "not captured"


def test_threads_that_are_no_tracks_leave_no_exact_stacks(tmp_path: Path) -> None:
    target = story()
    target.fact("counters", process_serial=1, dropped_unattributed=2)
    with seal(tmp_path / "lacking.scope", target) as session:
        before, after = frame_at(session, 15 * MS), frame_at(session, 200 * MS)
        assert (before.confidence.stacks, after.confidence.stacks) == ("not captured", "not captured")
        assert [gap.reason for gap in after.gaps] == ["no track slot"]
        assert {track.confidence for track in before.tracks if track.kind == "thread"} == {"exact"}


def test_a_thread_that_a_filter_leaves_out_is_not_exact(tmp_path: Path) -> None:
    target = story()
    target.define(definition(DefinitionKind.THREAD, 3, "left-1", "44", "0"))
    target.events(3, record(150 * MS, 3, Kind.THREAD_BEGIN, flags=2))
    target.clock(END_NS)
    with seal(tmp_path / "left-out.scope", target) as session:
        frame = frame_at(session, 200 * MS)
        [left_out] = [track for track in frame.tracks if track.name == "left-1"]
        assert (left_out.stack, left_out.confidence) == ([], "not captured")
        assert frame.confidence.stacks == "not captured"
        assert frame_at(session, 140 * MS).confidence.stacks == "exact"

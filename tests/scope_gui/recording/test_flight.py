"""A flight recorder: the last part of the past is kept in bounded room, and saved when a trigger says so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.decode.catalog import Catalog
from capture.drain.fuse import session_bytes
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow, SiteRow, TrackRow
from capture.flight_words import Kept
from capture.session.notes import read_notes
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.verify import verify
from capture.settings import CaptureSettings
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import FrameReader
from scope_gui.recording.flight import Flight, Saved, Triggered
from scope_gui.recording.recorder import Outcome, Recording
from tests.interpreters import HALVES, Interpreter, found
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, run_recorded, scope, scope_json
from tests.sessions import FUNCTIONS, SESSION_ID, make_events
from tests.targets import Launcher

SECOND_NS = 1_000_000_000
PROGRAM = """
import json, os, signal, sys, time

def put(n):
    if n < 0:
        raise KeyError(f"order {n}")
    return n

def step(n):
    try:
        return put(n)
    except KeyError:
        return None

def slowly():
    time.sleep(0.3)

def serve(is_enough):
    while not is_enough():
        step(1)
        time.sleep(0.001)

def has_forgotten():
    try:
        with open(os.path.join(sys.argv[1], "manifest.json")) as file:
            return json.load(file)["manifest"]["start_ns"] > 0
    except OSError:
        return False

def is_saved():
    return os.path.exists(sys.argv[1].replace(".scope", "-1.scope"))

def until(seconds):
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end

print("READY", flush=True)
serve(has_forgotten)
"""
RAISES = "step(-1)\nserve(is_saved)\nslowly()\nserve(until(0.1))\n"
IS_KILLED = "os.kill(os.getpid(), signal.SIGKILL)\n"
GOES_ON = "serve(lambda: False)\n"
PYTHONS = [one for one in found() if one.minor in (HALVES[0][0], HALVES[0][-1])]
each_python = pytest.mark.parametrize("python", PYTHONS, ids=str)


def recorded(python: Interpreter, folder: Path, ending: str, **settings: Any) -> tuple[Outcome, list[str]]:
    """How the recording of the program went, and what was said."""
    said = list[str]()
    command = [str(python.path), "-c", PROGRAM + ending, str(folder / "s.scope")]
    recording = Recording(folder / "s.scope", CaptureSettings(**settings), command, say=said.append)
    recording.run(command)
    return recording.record(), said


def assert_is_the_last_part(path: Path, reason: str) -> int:
    """A whole session that begins amid the recording and opens at its moment, with a second of past; that moment."""
    with Session.open(path) as session:
        assert verify(session).problems == []
        assert session.complete
        counts = session.manifest.counts
        assert counts.produced == counts.recorded + counts.dropped
        assert session.segments[0].first_event_id > 1
        [note] = read_notes(session)
        assert reason in note.text
        assert session.start_ns <= note.time_ns - SECOND_NS
        assert session.end_ns >= note.time_ns
        [main] = [track for track in session.tracks() if track.name == "MainThread"]
        first = FrameReader(session).at(session.start_ns + 1)
    stack = next(track.stack for track in first.tracks if track.track_id == main.track_id)
    assert [call.function for call in stack[:2]] == ["<module>", "serve"]  # begun before it, and told by its keyframe
    assert first.confidence.stacks == "exact"
    assert json.loads((path / "notes.json").read_text())["place"]["cursor_ns"] == note.time_ns
    return note.time_ns


@each_python
def test_an_exception_and_a_slow_call_each_save_what_was_before_them(python: Interpreter, tmp_path: Path) -> None:
    triggers = ["exception:KeyError", "slow:slow*>200ms"]
    outcome, said = recorded(python, tmp_path, RAISES, flight="1s", trigger=triggers, tail=0)
    one, other = tmp_path / "s-1.scope", tmp_path / "s-2.scope"
    assert (outcome.saved, outcome.trouble, outcome.exit_status) == ((one, other), None, 0)
    assert not (tmp_path / "s.scope").exists()
    raised_ns = assert_is_the_last_part(one, "KeyError: order -1")
    slow_ns = assert_is_the_last_part(other, "slowly took 3")
    assert any(words.startswith(f"saved {one}: KeyError: order -1") for words in said)
    with Session.open(one) as session:
        at = next(index for index in session.with_rows if session.segments[index].file("exceptions"))
        assert raised_ns in session.segment_table(at, "exceptions")["time_ns"].to_pylist()
        assert session.end_ns < slow_ns


@each_python
def test_a_program_that_is_killed_triggers(python: Interpreter, tmp_path: Path) -> None:
    outcome, _ = recorded(python, tmp_path, IS_KILLED, flight="1s", tail=5)
    assert (outcome.saved, outcome.exit_status) == ((tmp_path / "s-1.scope",), -signal.SIGKILL)
    assert_is_the_last_part(tmp_path / "s-1.scope", "was killed")


def test_without_a_trigger_nothing_is_kept_and_that_is_said(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    done = run_recorded(session, [sys.executable, "-c", PROGRAM, session], "--flight", "1s", "--trigger", "exception")
    assert "nothing is kept, for no trigger of the flight recorder came" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_person_and_a_signal_to_the_recorder_trigger_and_a_recorder_that_is_killed_leaves_the_last_part(
    target: Launcher, tmp_path: Path
) -> None:
    session = tmp_path / "s.scope"
    program = target([sys.executable, "-c", PROGRAM + GOES_ON, session], ready="READY")
    flags = ["--flight", "1s", "--trigger", "signal", "--tail", "0", "--no-window", "-o", str(session)]
    recorder = subprocess.Popen([*COMMAND, "attach", str(program.pid), *flags], stderr=subprocess.DEVNULL)
    try:
        manifest = session / "manifest.json"
        assert wait_for(lambda: _start_ns(manifest) > 0, 60)
        assert "asked the flight recorder" in scope("trigger", session, "--reason", "looks odd").stderr
        assert wait_for(lambda: _is_whole(tmp_path / "s-1.scope"), 60)
        recorder.send_signal(signal.SIGUSR2)
        assert wait_for(lambda: _is_whole(tmp_path / "s-2.scope"), 60)
    finally:
        recorder.kill()
        recorder.wait()
    assert_is_the_last_part(tmp_path / "s-1.scope", "looks odd")
    assert_is_the_last_part(tmp_path / "s-2.scope", "SIGUSR2")
    scope("recover", session)
    info = scope_json("info", session, "--json")
    assert (info["complete"], info["state"]) == (True, "recovered")
    assert info["produced"] == info["recorded"] + info["dropped"]
    assert "nothing is missing" in scope("verify", session).stdout
    assert _start_ns(manifest) > 0


def test_only_a_flight_recorder_is_triggered(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    program = "import sys, time\nprint(1)\nfor _ in range(6000): time.sleep(0.01)"
    recorder = subprocess.Popen(
        [*COMMAND, "run", "--no-window", "--end-program", "-o", session, "--", sys.executable, "-c", program],
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert wait_for((session / "control.sock").exists, 60)
        assert "only a recording with --flight is triggered" in scope("trigger", session, expect=1).stderr
        scope("stop", session)
    finally:
        recorder.wait(60)
    assert session.exists()


def _start_ns(manifest: Path) -> int:
    return int(json.loads(manifest.read_bytes())["manifest"]["start_ns"]) if manifest.exists() else 0


def _is_whole(session: Path) -> bool:
    manifest = session / "manifest.json"
    return manifest.exists() and b'"state":"complete"' in manifest.read_bytes()


# -- without a program


class Written:
    """A session of made-up calls that a flight recorder follows, segment by segment."""

    def __init__(self, folder: Path, pieces: int = 40) -> None:
        self.batch, _ = make_events(4_000, 2, seed=3)
        self.cuts = [len(self.batch) * at // pieces for at in range(pieces + 1)]
        about = {"session_id": SESSION_ID, "created_real_ns": 0}
        self.store = SegmentStore.create(folder / "s.scope", about, sync=False)
        self.writer = SessionWriter(self.store)
        self.tracks = [TrackRow(track_id=1, process_id=1, kind="process", name="orders.py", start_ns=0)]
        self.tracks += [TrackRow(track_id=at, process_id=1, name=f"worker-{at}", start_ns=0) for at in (2, 3)]
        self.sites = [
            SiteRow(site_id=at, function=name, module="m", file="m.py", line=at) for at, name in enumerate(FUNCTIONS, 1)
        ]

    def seal(self, number: int) -> EventBatch:
        piece = self.batch.slice(self.cuts[number], self.cuts[number + 1])
        self.writer.write(piece, self.tracks, end_ns=int(piece.time_ns[-1]))
        self.store.write_defs([ProcessRow(process_id=1, pid=7, name="orders.py")], self.tracks, self.sites)
        recorded = self.store.next_event_id - 1
        self.store.set_counts(recorded, recorded, 0)
        self.store.commit()
        return piece


def test_every_frame_of_a_part_is_that_of_the_whole(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.store.longest_ns = 100_000
    for number in range(40):
        written.seal(number)
    first = len(written.store.segments) // 2
    part = written.store.cut(tmp_path / "part.scope", first)
    part.finish()
    written.store.finish()
    with Session.open(tmp_path / "s.scope") as whole, Session.open(tmp_path / "part.scope") as session:
        assert session.start_ns > whole.start_ns
        assert session.end_ns == whole.end_ns
        here, there = FrameReader(session), FrameReader(whole)
        step_ns = (session.end_ns - session.start_ns) // 50
        for time_ns in range(session.start_ns + 1, session.end_ns, step_ns):
            assert here.at(time_ns) == there.at(time_ns)
            assert any(track.stack for track in here.at(time_ns).tracks)


def test_the_first_keyframe_of_a_part_is_kept_when_caches_are_rebuilt(tmp_path: Path) -> None:
    written = Written(tmp_path)
    for number in range(40):
        written.seal(number)
    written.store.cut(tmp_path / "part.scope", len(written.store.segments) - 2).finish()
    written.store.close()
    with Session.open(tmp_path / "part.scope") as session:
        before = FrameReader(session).at(session.start_ns + 1)
    scope("index", tmp_path / "part.scope")
    with Session.open(tmp_path / "part.scope") as session:
        assert FrameReader(session).at(session.start_ns + 1) == before
        assert any(track.stack for track in before.tracks)


def test_the_oldest_is_forgotten_by_time_and_by_size(tmp_path: Path) -> None:
    for name, kept in (("time", {"ns": 100_000}), ("size", {"bytes": 20_000})):
        (tmp_path / name).mkdir()
        written = Written(tmp_path / name)
        recorder = flight(written, **kept)
        written.store.longest_ns = 20_000
        most = 0
        for number in range(40):
            written.seal(number)
            list(recorder.turn(written.writer.correlator))
            most = max(most, sum(written.store.bytes_of(written.store.segments)))
            span_ns = written.store.end_ns - written.store.head.start_ns
            assert name == "size" or span_ns < 100_000 + 2 * 20_000 + 20_000
        written.store.commit()
        events = sum(segment.events for segment in written.store.segments)
        assert written.store.head.start_ns > 0
        assert recorder.forgotten.recorded + events == len(written.batch)
        assert int(recorder.forgotten_kinds.sum()) == recorder.forgotten.recorded
        assert name == "time" or most < 20_000
        written.store.close()
    assert session_bytes(tmp_path / "size" / "s.scope") > 0


def test_a_storm_of_the_same_trigger_is_saved_once_and_a_person_is_always_heard(tmp_path: Path) -> None:
    written = Written(tmp_path)
    recorder = flight(written, ns=10**15)
    saved: list[Saved] = []
    for number in range(40):
        piece = written.seal(number)
        recorder.pull_once("left:KeyError", Triggered(int(piece.time_ns[0]), "KeyError"))
        if number == 30:
            recorder.pull(Triggered(int(piece.time_ns[0]), "asked for"))
        saved += recorder.turn(written.writer.correlator, is_last=True)
    written.store.close()
    assert [one.pulled.reason for one in saved] == ["KeyError", "asked for"]


def flight(written: Written, **kept: int) -> Flight:
    """The flight recorder of a session, which sees what is sealed."""
    recorder = Flight(written.store, Catalog(), Kept(**kept))
    written.writer = SessionWriter(written.store, watch=recorder.watch)
    return recorder

"""A session is read while it is being recorded: it grows, stays close behind, and never contradicts itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from capture.session.session import Session
from dags.frame.reader import FrameReader
from tests.interpreters import Interpreter, found
from tests.scope_command import COMMAND, query, scope, scope_json

TICKING = """
import sys, threading, time

def beat(n):
    return n + 1

def work():
    n = 0
    while True:
        n = beat(n)
        time.sleep(0.002)

threading.Thread(target=work, name="heart", daemon=True).start()
print("READY", flush=True)
time.sleep(600)
"""


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[int]:
    """A running program that calls `beat` all the time; its pid."""
    (tmp_path / "ticking.py").write_text(TICKING)
    process = subprocess.Popen([found()[-1].path, tmp_path / "ticking.py"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    yield process.pid
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def recorder(ticking: int, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A recorder at work on it, and its session."""
    session = tmp_path / "live.scope"
    process = subprocess.Popen(
        [*COMMAND, "attach", str(ticking), "--no-window", "-o", session], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "recording process" in process.stderr.readline()
    yield process, session
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    process.stderr.close()


def opened(path: Path) -> Session:
    """The session, once its first manifest is there."""
    deadline = time.monotonic() + 20
    while not (path / "manifest.json").exists():
        assert time.monotonic() < deadline, "no manifest"
        time.sleep(0.01)
    return Session.open(path)


@pytest.mark.alone
def test_a_live_session_grows_and_stays_close_behind(recorder: tuple[subprocess.Popen[str], Path]) -> None:
    _, path = recorder
    with opened(path) as session:
        behind_ns: list[int] = []
        ends: list[int] = []
        deadline = time.monotonic() + 20
        while len(set(ends)) < 10:
            assert time.monotonic() < deadline, f"the session does not grow: {ends}"
            if session.refresh():
                ends.append(session.end_ns)
                behind_ns.append(time.monotonic_ns() - session.manifest.about.start_mono_ns - session.end_ns)
            time.sleep(0.01)
        assert ends == sorted(ends)
        assert session.live
        assert not session.complete
        assert min(behind_ns) < 250_000_000, "live is at most 250 ms behind (the best of ten, on a busy machine)"
        frame = FrameReader(session).at(session.end_ns)
        [heart] = [track for track in frame.tracks if track.name == "heart"]
        assert "work" in [entry.function for entry in heart.stack]


def test_every_reading_verb_answers_on_a_live_session(recorder: tuple[subprocess.Popen[str], Path]) -> None:
    _, path = recorder
    with opened(path) as session:
        deadline = time.monotonic() + 20
        while session.info().recorded < 50:
            assert time.monotonic() < deadline
            session.refresh()
            time.sleep(0.02)
    info = scope_json("info", path, "--json")
    assert not info["complete"]
    assert info["produced"] == info["recorded"] + info["dropped"]
    beats = query(path, "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'beat'")
    assert beats[0]["n"] > 10
    still_open = query(path, "SELECT function FROM calls JOIN sites USING (site_id) WHERE outcome = 'open'")
    assert {"function": "work"} in still_open
    assert scope_json("frame", path, "--at", "end", "--json")["event_id"] > 0
    assert scope("events", path, "--kind", "call", "--limit", 3).stdout.count("beat") >= 1
    assert "still being recorded" in scope("recover", path, expect=1).stderr


def test_stop_detaches_and_saves(recorder: tuple[subprocess.Popen[str], Path], ticking: int) -> None:
    process, path = recorder
    with opened(path):
        pass
    scope("stop", path)
    assert process.wait(timeout=60) == 0
    assert scope_json("info", path, "--json")["complete"]
    assert psutil.pid_exists(ticking)
    assert "nothing to stop" in scope("stop", path, expect=1).stderr
    assert "nothing to recover" in scope("recover", path).stderr


def test_a_frame_live_equals_the_frame_of_the_finished_session(
    recorder: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process, path = recorder
    with opened(path) as session:
        deadline = time.monotonic() + 20
        while session.end_ns < 500_000_000:
            assert time.monotonic() < deadline
            session.refresh()
            time.sleep(0.02)
        moments = [session.end_ns * share // 10 for share in range(1, 10)]
        reader = FrameReader(session)
        live = [reader.at(moment) for moment in moments]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    packed = Path(scope("pack", path, "-o", tmp_path / "packed.scope").stdout.strip())
    for finished in (path, packed):
        with Session.open(finished) as session:
            reader = FrameReader(session)
            for before, moment in zip(live, moments, strict=True):
                after = reader.at(moment)
                assert (after.event_id, after.states) == (before.event_id, before.states)
                stacks = [[(e.function, e.line, e.entered_ns) for e in track.stack] for track in after.tracks]
                assert stacks == [[(e.function, e.line, e.entered_ns) for e in track.stack] for track in before.tracks]


@pytest.mark.sampled
def test_children_are_on_the_same_timeline(interpreter: Interpreter, tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(0.9)'])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    session = tmp_path / "family.scope"
    done = scope("run", "--no-window", "-o", session, "--", interpreter.path, program)
    child_pid = int(done.stdout)
    rows = query(session, "SELECT pid, parent_id, end_ns FROM processes ORDER BY process_id")
    assert len(rows) == 2
    assert rows[1]["pid"] == child_pid
    assert rows[1]["parent_id"] == 1
    assert rows[1]["end_ns"] is not None
    rss = query(session, "SELECT count(*) AS n FROM metrics WHERE process_id = 2 AND name = 'rss_bytes' AND value > 0")
    assert rss[0]["n"] > 0


def test_a_program_that_waits_for_the_recorder_loses_nothing(tmp_path: Path) -> None:
    program = tmp_path / "burst.py"
    program.write_text("def f(x):\n    return x\nfor i in range(300_000):\n    f(i)\n")
    session = tmp_path / "block.scope"
    flags = ("--when-full", "block", "--memory", "1")
    scope("run", "--no-window", *flags, "-o", session, "--", found()[0].path, program)
    info = scope_json("info", session, "--json")
    assert (info["dropped"], info["produced"]) == (0, info["recorded"])
    assert (
        query(session, "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'f'")[0]["n"]
        == 300_000
    )


def test_what_does_not_fit_is_counted_and_shown_as_a_gap(tmp_path: Path) -> None:
    """The recorder is stopped for a while, so the program must run out of room."""
    program = tmp_path / "burst.py"
    program.write_text(
        "import sys\ndef f(x):\n    return x\nprint('READY', flush=True)\nsys.stdin.readline()\n"
        "for i in range(300_000):\n    f(i)\nprint('DONE', flush=True)\nsys.stdin.readline()\nf(-1)\n"
    )
    session = tmp_path / "drop.scope"
    recorder = subprocess.Popen(
        [*COMMAND, "run", "--no-window", "--memory", "1", "-o", session, "--", found()[-1].path, program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert recorder.stdin is not None
    assert recorder.stdout is not None
    try:
        assert recorder.stdout.readline() == "READY\n"
        os.kill(recorder.pid, signal.SIGSTOP)
        recorder.stdin.write("\n")
        recorder.stdin.flush()
        assert recorder.stdout.readline() == "DONE\n"
        os.kill(recorder.pid, signal.SIGCONT)
        recorder.stdin.write("\n")
        recorder.stdin.flush()
        assert recorder.wait(timeout=60) == 0
    finally:
        os.kill(recorder.pid, signal.SIGCONT) if recorder.poll() is None else None
        recorder.stdin.close()
        recorder.stdout.close()
    info = scope_json("info", session, "--json")
    assert info["dropped"] > 100_000
    assert info["produced"] == info["recorded"] + info["dropped"]
    gaps = query(session, "SELECT sum(dropped) AS n FROM gaps")
    assert gaps[0]["n"] == info["dropped"]

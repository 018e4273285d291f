"""A window that is killed at any instant takes nothing with it: what it had begun goes on, or can be begun again.

Two windows do not harm each other's work either.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from capture.errors import SessionProblem
from capture.session.session import Session
from scope_gui.recording import control
from tests.conftest import in_soak_only
from tests.interrupted import Source, assert_finished, assert_holds_steps, rows_of
from tests.journeys.stories.till_killed import BEGUN, GO
from tests.leftovers import wait_for
from tests.recordings import STEPS, Killed
from tests.scope_command import scope
from tests.sessions import build_session
from tests.targets import Launcher

pytestmark = pytest.mark.soak
Begin = Callable[..., "subprocess.Popen[str]"]
LONGEST_S = {"keep": 2.5, "record": 3.0, "recover": 2.5}  # more than the story takes where nothing else runs


class Kills:
    """Kills the window of one story again and again, each time at an instant of another part of it."""

    def __init__(self, begin: Begin, folder: Path, story: str, count: int) -> None:
        self.count = count
        self.went = Counter[str]()
        self._begin, self._folder, self._story = begin, folder, story
        self._random = random.Random(story)

    def once(self, number: int, *command: object, **options: object) -> None:
        """Returns when nothing that the window has started is at work on a session any more, but for recorders."""
        begun = self._folder / BEGUN
        begun.unlink(missing_ok=True)
        window = self._begin(f"{self._story} till killed", *command, **options)
        wait_for(lambda: begun.exists() or window.poll() is not None, 60)
        until = time.monotonic() + LONGEST_S[self._story] * (number + self._random.random()) / self.count
        wait_for(lambda: time.monotonic() > until or window.poll() is not None, 60)
        window.kill()
        window.wait()  # not communicate: its recorder has its words
        assert window.returncode in (0, -9), last_words(window)
        for end in (window.stdout, window.stderr):
            if end is not None:
                end.close()
        self.went["killed" if window.returncode else "was through"] += 1
        assert wait_for(lambda: not self._verbs(), 60)

    def _verbs(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if {"pack", "recover"} & set(words) and any(str(self._folder) in word for word in words):
                    found.append(process)
        return found


@pytest.fixture
def kills(begin_story: Begin, tmp_path: Path, rounds: Callable[[int, int], int]) -> Callable[[str], Kills]:
    return lambda story: Kills(begin_story, tmp_path, story, rounds(1, 16))


@in_soak_only
@pytest.mark.timeout(3000)
def test_while_it_opens_a_session_and_keeps_it_as_one_file(kills: Callable[[str], Kills], tmp_path: Path) -> None:
    build_session(tmp_path / "a.scope", events=6_000, tracks=3, segments=6)
    source, packed = Source(tmp_path / "a.scope", tmp_path / "kept"), tmp_path / "packed.scope"
    truth, killed = rows_of(source.session), kills("keep")
    for number in range(killed.count):
        source.put_in_place()
        packed.unlink(missing_ok=True)
        killed.once(number, "open", source.session, given={"target": str(packed)})
        if not packed.exists():
            scope("pack", source.session, "-o", packed)
        assert rows_of(packed) == truth
        assert not list(tmp_path.glob("packed.scope?*"))
        scope("index", source.session)
        assert_finished(source, truth)
    print("keep", dict(killed.went))


@pytest.mark.timeout(3000)
def test_while_it_records(kills: Callable[[str], Kills], target: Launcher, tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    program = target([sys.executable, tmp_path / "steps.py", tmp_path / "steps"], ready="READY")
    killed = kills("record")
    for number in range(killed.count):
        given = {"search": str(tmp_path), "pid": program.pid}
        killed.once(number, given=given, env={"HOME": str(tmp_path)})
        for session in wait_for_sessions(tmp_path / "Scope"):
            with contextlib.suppress(SessionProblem):  # it has stopped already
                control.ask(session, "stop")
            assert wait_for(lambda: is_saved(session), 60), session  # noqa: B023
            scope("verify", session)
            assert_holds_steps(session, 1)
            source = Source(session, tmp_path / f"kept-{number}")
            assert_finished(source, rows_of(session))
            shutil.rmtree(session)
    print("record", dict(killed.went))


@in_soak_only
@pytest.mark.timeout(3000)
def test_while_it_recovers(kills: Callable[[str], Kills], tmp_path: Path) -> None:
    recording, steps = left_by_a_recorder(tmp_path)
    source, killed = Source(recording.session, tmp_path / "kept"), kills("recover")
    source.put_in_place()
    scope("recover", source.session)
    truth = rows_of(source.session)
    for number in range(killed.count):
        source.put_in_place()
        killed.once(number, "open", source.session)
        scope("recover", source.session)
        assert_holds_steps(source.session, steps)
        assert_finished(source, truth)
    source.clear()
    print("recover", dict(killed.went))


@in_soak_only  # what each does to the session, `tests/faults/test_kills.py` and `test_recovery.py` hold without windows
def test_of_two_that_recover_the_same_session_one_works(
    begin_story: Begin, new_display: Callable[..., str], tmp_path: Path
) -> None:
    """The other says why it does not, or that it is done; both show the whole session."""
    recording, steps = left_by_a_recorder(tmp_path)
    source = Source(recording.session, tmp_path / "kept")
    source.put_in_place()
    scope("recover", source.session)
    truth = rows_of(source.session)
    source.put_in_place()
    windows = []
    for number in range(2):
        given, env = {"ready": f"ready-{number}"}, {"DISPLAY": new_display()}
        windows.append(begin_story("recover beside another", "open", source.session, given=given, env=env))
    wait_for(lambda: len(list(tmp_path.glob("ready-*"))) == 2 or any(w.poll() is not None for w in windows), 60)
    (tmp_path / GO).touch()
    ends = [window.communicate(timeout=100) for window in windows]
    assert [(window.returncode, err) for window, (_, err) in zip(windows, ends, strict=True)] == [(0, ""), (0, "")]
    said = [msgspec.json.decode(out)["said"] for out, _ in ends]
    assert any("is recovered" in sentence for sentence in said), said
    assert all("is recovered" in sentence or "is being recovered by another process" in sentence for sentence in said)
    assert_holds_steps(source.session, steps)
    assert_finished(source, truth)
    source.clear()


def left_by_a_recorder(folder: Path) -> tuple[Killed, int]:
    """What a killed recorder leaves, some of it sealed: else no window opens it. And the steps of its program."""
    recording = Killed(folder)
    try:
        wait_for(lambda: recording.steps > 30_000 and any(recording.session.glob("segments/*")), 60)
        return recording, recording.kill()
    finally:
        recording.close()


def last_words(window: subprocess.Popen[str]) -> str:
    """What it has said on its standard error, which others may still hold open."""
    assert window.stderr is not None
    os.set_blocking(window.stderr.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        return os.read(window.stderr.fileno(), 1 << 16).decode(errors="replace")
    return ""


def wait_for_sessions(folder: Path) -> list[Path]:
    """What the window's recorder records; none when it was killed before it had begun one."""
    wait_for(lambda: any(folder.glob("*.scope/manifest.json")) or not recorders(), 30)
    return sorted(folder.glob("*.scope"))


def recorders() -> list[psutil.Process]:
    """The recorders of windows that were killed, which are nobody's children any more."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "--words-fd" in process.cmdline():
                found.append(process)
    return found


def is_saved(session: Path) -> bool:
    with contextlib.suppress(SessionProblem), Session.open(session) as opened:
        return not opened.live
    return False

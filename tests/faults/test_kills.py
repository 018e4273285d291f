"""A verb that is killed at any instant leaves a session that the same verb finishes; of several at once one works.

Kills are spread over the whole run of a verb, one instant in each equal part of it (`tests/forked_verbs.py`). Truth is
the same session where nobody killed anything, and the step that the recorded program had come to.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from capture.session.format import MANIFEST
from capture.session.session import Session
from capture.session.verify import verify
from scope_gui.recording import control
from tests.forked_verbs import Ended, ForkedVerbs
from tests.interrupted import Rows, Source, assert_finished, assert_holds_steps, rows_of
from tests.leftovers import wait_for
from tests.recordings import Killed
from tests.sessions import build_session

pytestmark = pytest.mark.soak
BUSY = "by another process"  # "is being recorded or worked on by ..." or "is being recovered by ..."


@pytest.fixture(scope="module")
def verbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedVerbs]:
    with ForkedVerbs(tmp_path_factory.mktemp("verbs") / "said") as forked:
        yield forked


def killed_all_over(
    verbs: ForkedVerbs, source: Source, kills: int, words: list[object], check: Callable[[Ended], None]
) -> Counter[str]:
    """Kills the verb once in each of so many equal parts of its run; `check` follows each. How the kills went.

    Where it was through before its part had come, a run takes less now than the one that was measured: so much less is
    counted on from then on.
    """
    source.put_in_place()
    verbs.run(*words)  # the first one of a server takes longer
    source.put_in_place()
    whole_s = verbs.run(*words).cpu_s
    at, went = random.Random(kills), Counter[str]()
    for part in range(kills):
        while went["killed"] <= part and went.total() < 4 * kills:
            source.put_in_place()
            ended = verbs.run_killed(whole_s * (part + at.random()) / kills, *words)
            went["killed" if ended.status == -9 else "was through"] += 1
            assert ended.status in (0, -9), ended.said
            check(ended)
            whole_s = whole_s if ended.status else min(whole_s, ended.cpu_s)
    assert went["killed"] == kills, went
    return went


@pytest.fixture
def interrupted(tmp_path: Path, rounds: Callable[[int, int], int]) -> Iterator[list[tuple[Source, int]]]:
    """Recordings that were killed, with the step that their program had come to; some before anything was sealed."""
    made = []
    for number in range(rounds(1, 6)):
        (folder := tmp_path / str(number)).mkdir()
        recording = Killed(folder)
        try:
            wait_for(lambda: recording.steps > 1500 * (1 + number * number), 60)  # noqa: B023
            made.append((recording.kill(), recording.session))
        finally:
            recording.close()
    sources = [(Source(session, tmp_path / f"kept-{steps}"), steps) for steps, session in made]
    yield sources
    for source, _ in sources:
        source.clear()


@pytest.fixture
def finished(tmp_path: Path) -> Source:
    build_session(tmp_path / "a.scope", events=6_000, tracks=3, segments=6, keyframe=None)
    return Source(tmp_path / "a.scope", tmp_path / "kept")


@pytest.mark.timeout(3000)
def test_a_recovery_killed_at_any_instant_loses_nothing(
    verbs: ForkedVerbs, interrupted: list[tuple[Source, int]], rounds: Callable[[int, int], int]
) -> None:
    went = Counter[str]()
    for source, steps in interrupted:
        source.put_in_place()
        assert verbs.run("recover", source.session).status == 0
        truth = rows_of(source.session)
        assert_holds_steps(source.session, steps)

        def finish(_: Ended, source: Source = source, truth: Rows = truth) -> None:
            done = verbs.run("recover", source.session)
            assert done.status == 0, done.said
            assert_finished(source, truth)

        went += killed_all_over(verbs, source, rounds(3, 30), ["recover", source.session], finish)
    print("recover", dict(went))


@pytest.mark.timeout(3000)
def test_a_pack_killed_at_any_instant_leaves_folder_or_file(
    verbs: ForkedVerbs, finished: Source, rounds: Callable[[int, int], int]
) -> None:
    """And nothing beside it, once it has been packed again."""
    truth = rows_of(finished.session)

    def finish(_: Ended) -> None:
        with Session.open(finished.session) as opened:
            assert verify(opened).ok
        done = verbs.run("pack", finished.session)
        assert done.status == 0 or "is packed already" in done.said
        assert finished.session.is_file()
        assert_finished(finished, truth)

    went = killed_all_over(verbs, finished, rounds(3, 110), ["pack", finished.session], finish)
    print("pack", dict(went))


@pytest.mark.timeout(3000)
def test_an_index_killed_at_any_instant_leaves_caches_that_are_true(
    verbs: ForkedVerbs, finished: Source, rounds: Callable[[int, int], int]
) -> None:
    truth = rows_of(finished.session)

    def finish(_: Ended) -> None:
        said = verbs.run("verify", finished.session)
        assert said.status == 0, said.said
        done = verbs.run("index", finished.session)
        assert done.status == 0, done.said
        assert_finished(finished, truth)

    went = killed_all_over(verbs, finished, rounds(3, 100), ["index", finished.session], finish)
    print("index", dict(went))


@pytest.mark.timeout(3000)
def test_a_sealer_killed_at_any_instant_loses_nothing(
    verbs: ForkedVerbs, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """While its recording goes on, which then says that it has to be recovered, or while it saves the end."""
    at, went, kills = random.Random(8), Counter[str](), rounds(1, 60)
    for number in range(kills):
        (folder := tmp_path / str(number)).mkdir()
        recording = Killed(folder)
        try:
            wait_for((recording.session / MANIFEST).exists, 30)
            sealer, saves = recording.sealer(), number % 2 == 0
            if saves:
                wait_for(lambda: recording.steps > 20_000, 30)  # noqa: B023
                control.ask(recording.session, "stop")
            until = time.monotonic() + at.uniform(0.0, 0.15 if saves else 0.8)
            wait_for(lambda: time.monotonic() > until, 1)  # noqa: B023
            with contextlib.suppress(psutil.NoSuchProcess):
                sealer.kill()
            before = recording.steps
            if not saves:
                wait_for(lambda: recording.steps > before + 1_000, 30)  # noqa: B023
                before = recording.steps
                control.ask(recording.session, "stop")
            recording.recorder.wait(60)
            recording.end_program()
            with Session.open(recording.session) as opened:
                is_whole = not opened.live
            went["saved all the same" if is_whole else "to be recovered"] += 1
            assert is_whole or f"Run: scope-gui recover {recording.session}" in recording.said(), recording.said()
            done = verbs.run("recover", recording.session)
            assert done.status == 0, done.said
            assert_holds_steps(recording.session, 0 if saves else before)
            source = Source(recording.session, folder / "kept")
            assert_finished(source, rows_of(recording.session))
        finally:
            recording.close()
        shutil.rmtree(folder)
    print("sealer", dict(went))
    assert went["to be recovered"] >= kills / 2


# -- several at once

WHY_NOT = (
    BUSY,
    "is packed already",
    "is a packed session, and those are finished",
    "is packed, and a packed session is not written to",
    "is not finished",
)


def at_once(several: list[ForkedVerbs], *commands: list[object]) -> list[Ended]:
    """Starts them one right after the other; how each ended. One sentence of each that did not work says why."""
    for verbs, words in zip(several, commands, strict=False):
        verbs.begin(*words)
    ended = [verbs.end() for verbs, _ in zip(several, commands, strict=False)]
    for one in ended:
        assert one.status in (0, 1), one.said
        assert "Traceback" not in one.said
        if one.status:
            *_, last = one.said.splitlines()
            assert any(why in last for why in WHY_NOT), one.said
    return ended


@pytest.fixture(scope="module")
def several(verbs: ForkedVerbs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ForkedVerbs]]:
    said = tmp_path_factory.mktemp("several")
    with ForkedVerbs(said / "two") as two, ForkedVerbs(said / "three") as three:
        yield [verbs, two, three]


ON_FINISHED = (("pack", "pack", "pack"), ("index", "index", "index"), ("index", "pack", "pack"), ("pack", "pack"))
ON_INTERRUPTED = (("recover", "recover", "recover"), ("recover", "pack", "index"), ("recover", "recover"))


def test_of_several_at_once_on_a_finished_session_one_works(
    several: list[ForkedVerbs], finished: Source, rounds: Callable[[int, int], int]
) -> None:
    truth = rows_of(finished.session)
    for together in ON_FINISHED * rounds(1, 40):
        finished.put_in_place()
        ended = at_once(several, *([verb, finished.session] for verb in together))
        assert any(one.status == 0 for one in ended), ended
        assert finished.session.is_file() == any(
            one.status == 0 for one, verb in zip(ended, together, strict=False) if verb == "pack"
        )
        assert_finished(finished, truth)


def test_of_several_at_once_on_an_interrupted_session_one_works(
    several: list[ForkedVerbs], interrupted: list[tuple[Source, int]], rounds: Callable[[int, int], int]
) -> None:
    [(source, _), *_] = interrupted
    source.put_in_place()
    assert several[0].run("recover", source.session).status == 0
    truth = rows_of(source.session)
    for together in ON_INTERRUPTED * rounds(1, 40):
        source.put_in_place()
        ended = at_once(several, *([verb, source.session] for verb in together))
        assert any(one.status == 0 for one in ended), ended
        assert_finished(source, truth)

"""Recovery has a session alone, destroys nothing before it is safe elsewhere, and can be killed and repeated."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capture.drain import ids
from capture.drain.pool import ABI
from capture.errors import SessionProblem
from capture.own_folder import OwnFolder
from scope_gui.recording import recovery
from tests.leftovers import wait_for
from tests.recordings import Killed
from tests.scope_command import COMMAND, query, scope, scope_here, scope_json
from tests.sessions import build_session

POOL_ABI_AT, POOL_PID_AT, POOL_STATE_AT = 8, 48, 128  # of capture/native/scope_pool.h


def test_a_session_that_is_moved_meanwhile_is_whole_where_it_is_then(recording: Killed, tmp_path: Path) -> None:
    wait_for((recording.session / "manifest.json").exists, 20)
    recording.session.rename(tmp_path / "moved.scope")
    moved_at = recording.steps
    wait_for(lambda: recording.steps > moved_at + 2000, 20)
    before = recording.steps
    scope("stop", tmp_path / "moved.scope")
    recording.recorder.wait(timeout=30)
    assert_whole(tmp_path / "moved.scope", before)


def deleted(folder: Path) -> bool:
    """Deletes it, and whether nothing is left: a living recorder makes files in a folder that is being emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_session_that_is_deleted_meanwhile_leaves_nothing_in_shared_memory(recording: Killed) -> None:
    wait_for((recording.session / "manifest.json").exists, 20)
    roots = [root for root in pools_of(recording.session) if root.parent == ids.SHARED_MEMORY]
    assert wait_for(lambda: deleted(recording.session), 20)
    recording.recorder.wait(timeout=30)
    assert not any(root.exists() for root in roots)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path)
    yield made
    made.close()


def assert_whole(session: Path, at_least: int) -> None:
    info = scope_json("info", session, "--json")
    assert info["complete"], info["problems"]
    assert info["produced"] == info["recorded"] + info["dropped"]
    assert scope_json("verify", session, "--json")["ok"]
    sql = "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'step'"
    assert query(session, sql)[0]["n"] + info["dropped"] >= at_least
    [calls] = query(session, "SELECT count(*) AS n, count(DISTINCT call_id) AS once FROM calls")
    assert calls["n"] == calls["once"], "a call is there twice"


def pools_of(session: Path) -> list[Path]:
    session_id = scope_json("info", session, "--json")["session_id"]
    return ids.find_pool_roots(session_id, session)


def recovering(session: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, "recover", session], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_several_at_once_one_recovers_and_the_others_say_why_they_do_not(
    recording: Killed, rounds: Callable[[int, int], int]
) -> None:
    wait_for(lambda: recording.steps > 3000, 20)
    before = recording.kill()
    several = [recovering(recording.session) for _ in range(rounds(2, 3))]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in several]
    assert 0 in [status for _, _, status in ended]
    for _, said, status in ended:
        if status:
            assert "is being recovered by another process already" in said
    assert_whole(recording.session, before)
    assert pools_of(recording.session) == []


def test_a_recorder_that_is_stopped_keeps_its_session(recording: Killed) -> None:
    wait_for(lambda: recording.steps > 1000, 20)
    os.kill(recording.recorder.pid, signal.SIGSTOP)
    began = time.monotonic()
    said = scope("recover", recording.session, expect=1).stderr
    assert time.monotonic() - began < 10
    assert f"scope-gui run (process {recording.recorder.pid}), which is stopped, not dead" in said
    os.kill(recording.recorder.pid, signal.SIGCONT)
    before = recording.steps
    scope("stop", recording.session)
    recording.recorder.wait(timeout=30)
    assert_whole(recording.session, before)


def test_a_sealer_dies_with_its_recorder_whatever_it_is_at(recording: Killed) -> None:
    """A stopped one stands for one that the machine gives no time: its session was busy until somebody ended it."""
    wait_for(lambda: recording.steps > 1000 and (recording.session / "manifest.json").exists(), 20)
    sealer = recording.sealer()
    sealer.suspend()
    before = recording.kill()
    sealer.wait(10)
    scope("recover", recording.session)
    assert_whole(recording.session, before)


def test_who_is_ending_is_waited_for_and_named(tmp_path: Path) -> None:
    build_session(tmp_path / "a.scope")
    with OwnFolder.open(tmp_path / "a.scope") as folder:
        folder.lock()
        command = [sys.executable, "-c", "input()", "scope_gui.recording.sealer"]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(folder.fd,))
    process = recovering(tmp_path / "a.scope")
    assert process.stderr is not None
    assert f"waiting for a sealer (process {holder.pid}) to let go of" in process.stderr.readline()
    holder.communicate(b"\n")
    process.communicate()
    assert process.returncode == 0


def test_a_copy_of_a_session_that_is_being_recorded_takes_nothing_away_from_it(recording: Killed) -> None:
    wait_for(lambda: recording.steps > 1000 and (recording.session / "manifest.json").exists(), 20)
    copy = recording.session.with_name("copy.scope")
    shutil.copytree(recording.session, copy, ignore=shutil.ignore_patterns("*.sock"))
    if not any(root.parent == ids.SHARED_MEMORY for root in pools_of(recording.session)):
        pytest.skip("shared memory has no room for the pool")
    holder = f"in use: scope-gui run (process {recording.recorder.pid})."
    assert holder in scope("recover", copy, expect=1).stderr
    before = recording.kill()
    scope("recover", copy)  # what it drains is the other's as well
    assert pools_of(recording.session)
    scope("recover", recording.session)
    assert_whole(recording.session, before)
    assert pools_of(recording.session) == []


def test_what_a_copy_of_a_moved_session_is_recovered_from_stays_for_the_session_itself(
    recording: Killed, tmp_path: Path
) -> None:
    """The path that it was recorded into leads nowhere then, and a copy has the same id."""
    wait_for(lambda: recording.steps > 1000 and (recording.session / "manifest.json").exists(), 20)
    before = recording.kill()
    if not any(root.parent == ids.SHARED_MEMORY for root in pools_of(recording.session)):
        pytest.skip("shared memory has no room for the pool")
    copy, moved = tmp_path / "copy.scope", tmp_path / "moved.scope"
    shutil.copytree(recording.session, copy, ignore=shutil.ignore_patterns("*.sock"))
    recording.session.rename(moved)
    assert "is kept for a day" in scope("recover", copy).stderr
    assert_whole(copy, before)
    assert pools_of(moved)
    scope("recover", moved)
    assert_whole(moved, before)
    assert pools_of(moved) == []


def test_a_session_that_is_moved_while_it_is_recovered_is_not_taken_for_the_one_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one was finished, so journal and memory of this one were deleted as what nobody needs any more."""
    session = build_session(tmp_path / "a.scope", events=40, segments=2, finish=False).path
    other = build_session(tmp_path / "other.scope", events=30).path
    moved, figures = tmp_path / "moved.scope", scope_json("info", other, "--json")
    finished = recovery._finished

    def moved_first(folder: OwnFolder, say: recovery.Say) -> int:
        session.rename(moved)
        other.rename(session)
        return finished(folder, say)

    with monkeypatch.context() as patched:
        patched.setattr(recovery, "_finished", moved_first)
        said: list[str] = []
        with contextlib.suppress(SessionProblem):
            recovery.recover(session, said.append)
    assert not any("finished" in words for words in said)
    assert scope_here(["recover", str(moved)]).returncode == 0
    assert scope_json("info", moved, "--json")["state"] == "recovered"
    assert scope_json("info", session, "--json") == figures


def test_a_process_that_has_only_the_number_of_one_that_was_recorded_is_not_waited_for(recording: Killed) -> None:
    """Numbers are given again, and a program in another pid namespace has written one that means nothing here."""
    wait_for(lambda: recording.steps > 1000 and (recording.session / "manifest.json").exists(), 20)
    before = recording.kill()
    for root in pools_of(recording.session):
        with (root / "1" / "pool.bin").open("r+b") as pool:
            pool.seek(POOL_PID_AT)
            pool.write(os.getpid().to_bytes(4, "little"))
            pool.seek(POOL_STATE_AT)
            pool.write(bytes(4))  # as of one that still records
    assert "has not detached" not in scope("recover", recording.session).stderr
    assert_whole(recording.session, before)


def test_the_pool_of_a_later_version_is_left_to_that_one(recording: Killed) -> None:
    wait_for(lambda: recording.steps > 1000 and (recording.session / "manifest.json").exists(), 20)
    before = recording.kill()
    pools = [root / "1" / "pool.bin" for root in pools_of(recording.session)]
    journal = {path: path.read_bytes() for path in (recording.session / "journal").iterdir()}
    for abi, expect in ((ABI + 1, 1), (ABI, 0)):
        for path in pools:
            with path.open("r+b") as pool:
                pool.seek(POOL_ABI_AT)
                pool.write(abi.to_bytes(4, "little"))
        said = scope("recover", recording.session, expect=expect).stderr
        if expect:
            assert said.count("\n") == 1
            assert "is of a later version of Scope" in said
            assert {path: path.read_bytes() for path in journal} == journal
    assert_whole(recording.session, before)


@pytest.mark.timeout(1800)
def test_a_recovery_that_is_killed_can_be_repeated(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    """At a random instant, and again at another; the last one goes through."""
    at = random.Random(1)
    for number in range(rounds(1, 60)):
        (folder := tmp_path / str(number)).mkdir()
        recording = Killed(folder)
        try:
            wait_for(lambda: recording.steps > 2000, 20)  # noqa: B023
            before = recording.kill()
            for _ in range(rounds(2, 4)):
                process = recovering(recording.session)
                time.sleep(at.uniform(0.25, 1.0))
                process.kill()
                process.communicate()
            scope("recover", recording.session)
            assert_whole(recording.session, before)
            assert pools_of(recording.session) == []
        finally:
            recording.close()
        shutil.rmtree(folder)


DIES_AT = """
import os, sys
from pathlib import Path

step, countdown = sys.argv[2], [int(sys.argv[3])]

def deadly(owner, name):
    original = getattr(owner, name)
    def instead(*args, **kwargs):
        countdown[0] -= 1
        if countdown[0] < 0:
            os._exit(77)
        return original(*args, **kwargs)
    setattr(owner, name, instead)

from capture import own_folder
from capture.session import segment_store
from capture.drain import journal
from capture.own_folder import OwnFolder
from scope_gui.recording import recovery
where = {
    "write": (OwnFolder, "write"), "replace": (OwnFolder, "replace"), "remove": (OwnFolder, "remove"),
    "append": (journal.JournalWriter, "append"), "sync": (journal.JournalWriter, "sync"),
    "tidy": (recovery, "_tidy"), "read again": (segment_store.SegmentStore, "_read_again"),
}
deadly(*where[step])
recovery.recover(Path(sys.argv[1]), lambda said: None)
"""


@pytest.mark.timeout(900)
def test_every_step_of_a_recovery_can_be_the_last_one(
    recording: Killed, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """It dies before the first, the second, ... change of each kind, each time on a copy; then it is repeated."""
    wait_for(lambda: recording.steps > 2000, 20)
    before = recording.kill()
    (tmp_path / "dies.py").write_text(DIES_AT)
    died = 0
    for step in ("append", "write", "read again", "tidy", "replace", "remove", "sync")[: rounds(4, 7)]:
        for at in range(rounds(1, 12)):
            copy = tmp_path / f"{step}-{at}.scope"
            shutil.copytree(recording.session, copy, ignore=shutil.ignore_patterns("*.sock"))
            done = subprocess.run(
                [sys.executable, tmp_path / "dies.py", copy, step, str(at)],
                capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )  # fmt: skip
            assert done.returncode in (0, 77), done.stderr
            died += done.returncode == 77
            assert scope_here(["recover", str(copy)]).returncode == 0
            assert_whole(copy, before)
    assert died >= rounds(4, 40)
    scope("recover", recording.session)
    assert_whole(recording.session, before)
    assert pools_of(recording.session) == []


def test_a_session_that_is_packed_or_indexed_meanwhile_is_said_to_be_busy(tmp_path: Path) -> None:
    build_session(tmp_path / "a.scope")
    with OwnFolder.open(tmp_path / "a.scope") as folder:
        folder.lock()
        for verb in ("pack", "index", "recover"):
            done = scope_here([verb, str(tmp_path / "a.scope")])
            assert done.returncode == 1
            assert "is being recorded or worked on by another process: " in done.stderr
            assert f"(process {os.getpid()})." in done.stderr
    assert scope_here(["pack", str(tmp_path / "a.scope")]).returncode == 0

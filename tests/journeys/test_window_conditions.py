"""The window holds when the world does not: damage, dying targets and recorders, lost folders, full disks."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from capture.session.notes import read_notes
from capture.session.pack import pack
from capture.session.session import Session
from tests.damaged import cut, files_of, flip_bit
from tests.interpreters import found
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, query, scope_json
from tests.sessions import build_session
from tests.targets import Launcher, Target

WORKING = """
import itertools, time

def beat(n):
    return n + 1

def work():
    for n in itertools.count():
        beat(n)
        time.sleep(0.002)

print("READY", flush=True)
work()
"""


@pytest.fixture
def play(play: Any) -> Any:
    """Plays stories with the building painted: none of these is about OpenGL, and each window lives for a moment."""
    return lambda *words, **more: play(*words, env={"SCOPE_3D": "off"}, **more)


@pytest.fixture
def live(target: Launcher, tmp_path: Path) -> Iterator[tuple[Path, Target, int]]:
    """A session that grows, its target, and the pid of its recorder."""
    (tmp_path / "working.py").write_text(WORKING)
    program = target([found()[-1].path, tmp_path / "working.py"], ready="READY")
    path = tmp_path / "live.scope"
    with subprocess.Popen(
        [*COMMAND, "attach", str(program.pid), "--no-window", "-o", path], stderr=subprocess.PIPE, text=True
    ) as recorder:
        assert recorder.stderr is not None
        assert "recording process" in recorder.stderr.readline()
        assert wait_for((path / "manifest.json").exists, 20)
        yield path, program, recorder.pid
        if recorder.poll() is None:
            recorder.send_signal(signal.SIGINT)
        recorder.wait(timeout=60)


def test_damaged_sessions_are_shown_with_what_is_missing_and_never_as_whole(play: Any, tmp_path: Path) -> None:
    whole = build_session(tmp_path / "whole.scope", events=3000, tracks=3, segments=6).path
    with Session.open(whole) as session:
        lost = session.segments[2]
    for name, damage in (("flipped", flip_bit), ("cut", cut), ("missing", Path.unlink)):
        shutil.copytree(whole, tmp_path / f"{name}.scope")
        for file in files_of(tmp_path / f"{name}.scope", 3):
            damage(file)
    packed, inside = pack(whole, tmp_path / "packed.scope"), files_of(whole, 3, "events")[0].read_bytes()
    flip_bit(packed, (packed.read_bytes().index(inside) + len(inside) // 2) / packed.stat().st_size)
    middle_ns = (lost.start_ns + lost.end_ns) // 2
    names = ["flipped.scope", "cut.scope", "missing.scope", "packed.scope"]
    seen = play(
        "damaged",
        given={
            "paths": [str(tmp_path / name) for name in names],
            "at": f"{middle_ns}ns",
            "lost_ns": [lost.start_ns, lost.end_ns],
        },
    )
    for name, one in zip(names, seen["sessions"], strict=True):
        assert f"{name} is damaged: what was recorded from" in one["notice"]
        assert "500 events" in one["notice"]
        assert "damaged" in one["header"]
        assert one["loss_in_overview"]
        assert one["loss_in_lanes"]
        assert "Reading" not in str(one)


def test_lost_names_cut_packs_and_lost_tables_end_in_sentences(play: Any, tmp_path: Path) -> None:
    whole = build_session(tmp_path / "whole.scope", events=1500, tracks=3, segments=5).path
    shutil.copytree(whole, tmp_path / "nameless.scope")
    shutil.rmtree(tmp_path / "nameless.scope" / "defs")
    shutil.copytree(whole, tmp_path / "empty.scope")
    shutil.rmtree(tmp_path / "empty.scope" / "segments")
    shutil.copytree(whole, tmp_path / "uncounted.scope")
    for number in range(1, 6):
        for file in files_of(tmp_path / "uncounted.scope", number, "calls"):
            flip_bit(file)
    packed = pack(whole, tmp_path / "packed.scope")
    for share in (0.3, 0.7):
        shutil.copy(packed, tmp_path / f"cut{share}.scope")
        cut(tmp_path / f"cut{share}.scope", share)
    names = ["nameless.scope", "empty.scope", "uncounted.scope", "cut0.3.scope", "cut0.7.scope"]
    seen = play("damaged", given={"paths": [str(tmp_path / name) for name in names]})
    for name, one in zip(names, seen["sessions"], strict=True):
        assert f"{name} is damaged: " in one["notice"]
        assert "damaged" in one["header"]
        assert "Reading" not in str(one)
    nameless = seen["sessions"][0]
    assert "names of functions and processes and state and threads are lost" in nameless["notice"]
    assert nameless["threads"] == "What ran at this moment is lost"


def test_damage_that_is_met_while_scrubbing_is_told_once(play: Any, tmp_path: Path) -> None:
    path = build_session(tmp_path / "orders.scope", events=12_000, tracks=2, segments=40).path
    files = [str(file) for file in files_of(path, 40)]
    seen = play("late damage", "open", path, given={"files": files})
    assert seen["before"] == ""
    assert "300 events" in seen["told"]
    assert seen["again"] == ""
    assert "damaged" in seen["header"]


def test_a_program_that_dies_while_watched_leaves_a_complete_session(play: Any, live: tuple[Path, Target, int]) -> None:
    path, program, _ = live
    seen = play("dies", "open", path, given={"pid": program.pid})
    assert "live" in seen["live"]
    assert "recorded" in seen["header"]
    assert f"{program.pid} has ended; its recording is complete" in seen["told"]
    assert seen["end_is_the_end"]
    assert scope_json("info", path, "--json")["complete"]
    rows = query(path, f"SELECT DISTINCT time_ns FROM events WHERE track_id = {seen['track']} ORDER BY 1 DESC")
    before_the_end = [row["time_ns"] for row in rows]
    assert seen["places"] == before_the_end[: len(seen["places"])]


def test_a_killed_recorder_is_noticed_and_its_session_recovered_in_the_window(
    play: Any, live: tuple[Path, Target, int]
) -> None:
    path, _, recorder = live
    seen = play("recorder killed", "open", path, given={"recorder": recorder})
    assert "The recorder of live.scope is gone" in seen["told"]
    assert "unfinished" in seen["unfinished"]
    assert "live.scope is recovered" in seen["done"]
    assert "recorded" in seen["header"]
    info = scope_json("info", path, "--json")
    assert (info["state"], info["recorded"]) == ("recovered", seen["events"])
    assert info["produced"] == info["recorded"] + info["dropped"]


def test_opening_what_a_killed_recorder_left_offers_to_recover_it(play: Any, live: tuple[Path, Target, int]) -> None:
    path, _, recorder = live
    psutil.Process(recorder).kill()
    seen = play("recover on open", "open", path)
    assert "The recorder of live.scope is gone" in seen["told"]
    assert "live.scope is recovered" in seen["done"]
    assert scope_json("info", path, "--json")["state"] == "recovered"


def test_a_folder_that_is_deleted_while_open_is_said_to_be_gone(play: Any, tmp_path: Path) -> None:
    path = build_session(tmp_path / "orders.scope", events=4000, segments=12).path
    seen = play("folder lost", "open", path, given={"path": str(path)})
    assert "orders.scope is not there any more" in seen["told"]
    assert seen["had_frame"]
    assert seen["bookmarks"] == 1


def test_a_bookmark_survives_a_disk_that_is_full_for_a_while(play: Any, tmp_path: Path) -> None:
    path = build_session(tmp_path / "orders.scope", events=400).path
    seen = play("full disk", "open", path, "--at", "50%")
    assert seen["bookmarks"] == 1
    assert "Your bookmarks stay here while this window is open" in seen["told"]
    with Session.open(path) as session:
        assert [note.time_ns for note in read_notes(session)] == [seen["cursor_ns"]]

"""The acceptance story, in a real window, on `python -m http.server` under load: from attach to a bookmark found again.

What the window shows is held against the command line: SQL for the moments that steps lead to, `frame` for stacks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage

from capture.session.session import Session
from tests.damaged import files_of, flip_bit
from tests.interpreters import ROOT, Interpreter, found
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.targets import Launcher
from tests.views.words_in_pictures import Page
from views.words.figures import clock_text

pytestmark = pytest.mark.usefixtures("qapp")  # reading a picture takes fonts

Served = Callable[..., dict[str, Any]]
BUSY = """
import threading, time

def leaf(n):
    return n + 1

def work():
    for n in range(45_000):
        leaf(leaf(n))
        if not n % 300:
            time.sleep(0.001)

workers = [threading.Thread(target=work, name=f"worker-{n}") for n in range(3)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
"""
THIS_PYTHON = Interpreter(sys.version_info[:3], Path(sys.executable))


@pytest.fixture
def served(target: Launcher, tmp_path: Path) -> Served:
    """Starts the server of an interpreter, with load on it; what a story has to know to find it.

    As it comes, the server has a thread for each request; with `kept_open` one for each connection.
    """

    def serve(interpreter: Interpreter = THIS_PYTHON, *, kept_open: bool = True) -> dict[str, Any]:
        pages = tmp_path / f"pages of {tmp_path.name}"
        pages.mkdir()
        (pages / "index.html").write_text("<h1>orders</h1>" * 200)
        words: list[str | Path] = ["-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", pages]
        words += ["--protocol", "HTTP/1.1"] if kept_open else []
        server = target([interpreter.path, *words], ready="Serving HTTP on")
        port = re.search(r"port (\d+)", server.output())
        assert port is not None
        environment = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
        load = ["2", "25"] if kept_open else ["4", "40"]
        program = [sys.executable, "-m", "tests.journeys.load", port[1], *load]
        target(program, ready="READY", env=environment, cwd=tmp_path)
        return {"search": pages.name, "pid": server.pid, "steps": 20}

    return serve


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which recordings go below the test's own folder."""
    return {"HOME": str(tmp_path), "QT_LOGGING_RULES": os.environ.get("QT_LOGGING_RULES", "")}


def check_scrubbing(session: Path, seen: dict[str, Any]) -> None:
    """Left went through exactly the events of the lane, and tens lead where ones lead."""
    before = f"track_id = {seen['lane']} AND time_ns < {seen['from_ns']}"
    rows = query(
        session, f"SELECT DISTINCT time_ns FROM events WHERE {before} ORDER BY 1 DESC LIMIT {len(seen['places'])}"
    )
    assert seen["places"] == [row["time_ns"] for row in rows]
    assert seen["in_tens_ns"] == seen["places"][-1]


def check_stacks(seen: dict[str, Any]) -> None:
    """What the inspector shows is what the command line says, at every moment that was compared."""
    assert seen["selection"] == ["track", seen["lane"]]
    assert len({stack["time_ns"] for stack in seen["stacks"]}) >= 3
    for stack in seen["stacks"]:
        assert stack["window"] == stack["frame"]
        told = [[function, place.split(" ")[-1]] for function, place in stack["inspector"]]
        assert told == stack["command_line"]
    assert any(stack["command_line"] for stack in seen["stacks"])


def check_picture(folder: Path, seen: dict[str, Any]) -> None:
    """The exported picture is what the window showed, and says which session and which moment that is."""
    exported = QImage(str(folder / "exported.png"))
    assert exported == QImage(str(folder / "seen.png"))
    page = Page(exported)
    assert page.missing(clock_text(seen["still_there_ns"]), Path(seen["session"]).name) == []


def check_live(seen: dict[str, Any]) -> Path:
    """It was watched live and then frozen."""
    assert (seen["live"], seen["following"], seen["frozen"]) == (True, True, True)
    assert "live" in seen["header"]
    assert seen["still_there_ns"] == seen["bookmark_ns"]
    return Path(seen["session"])


def check_found_again(play: Any, seen: dict[str, Any], **options: Any) -> None:
    """The next window finds session and bookmark."""
    again = play("find it again", **options)
    assert again["notes"] == [[seen["bookmark_ns"], "slow request"]]
    assert again["cursor_ns"] == seen["bookmark_ns"]
    assert again["session"] == seen["session"]
    panels = again["panels"]
    side = max(panels[name] for name in ("Inspector", "Supervision", "Metrics"))
    assert side[0] > panels["Timeline"][0] == 0, "the inspector is a column beside the timeline"
    assert side[1] < panels["Timeline"][1]


@pytest.mark.soak
def test_from_attach_to_a_bookmark_found_again_without_any_mouse(
    play: Any, served: Served, home: dict[str, str], rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    steps = rounds(20, 200)
    seen = play("first window", given={**served(), "steps": steps}, env=home)
    assert len(seen["places"]) == steps
    assert seen["mouse"] == {}
    session = check_live(seen)
    assert session.parent == tmp_path / "Scope"
    check_scrubbing(session, seen)
    check_stacks(seen)
    check_picture(tmp_path, seen)
    functions = {name for stack in seen["stacks"] for name, _ in stack["command_line"]}
    assert any("Handler" in name for name in functions), "what the server itself does is recorded by default"
    check_found_again(play, seen, env={**home, "SCOPE_3D": "off"})
    assert scope("verify", session).stdout.splitlines()[-1] == "nothing is missing"


@pytest.mark.alone
def test_the_same_with_the_mouse_on_another_interpreter(
    play: Any, served: Served, home: dict[str, str], tmp_path: Path
) -> None:
    newest = found()[-1]
    seen = play("first window by mouse", given=served(newest), env={**home, "SCOPE_3D": "off"})
    assert seen["mouse"]["MouseButtonPress"] >= 6
    session = check_live(seen)
    assert scope_json("info", session, "--json")["python"].startswith(newest.minor)
    check_scrubbing(session, seen)
    check_stacks(seen)
    check_picture(tmp_path, seen)


def test_a_server_that_dies_while_watched_on_a_display_without_gl(
    play: Any, served: Served, home: dict[str, str], new_display: Callable[..., str], tmp_path: Path
) -> None:
    environment = {**home, "DISPLAY": new_display("-extension", "GLX")}
    seen = play("first window", given={**served(kept_open=False), "dies": True}, env=environment)
    assert "has ended" in seen["ended"] or "ended after" in seen["ended"]
    session = check_live(seen)
    check_scrubbing(session, seen)
    check_stacks(seen)
    check_picture(tmp_path, seen)
    check_found_again(play, seen, env=environment)
    assert scope_json("info", session, "--json")["complete"]


def test_the_same_on_a_session_that_has_been_damaged(play: Any, home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(BUSY)
    session = tmp_path / "orders.scope"
    run_recorded(session, [sys.executable, tmp_path / "orders.py"])
    with Session.open(session) as opened:
        [track_id] = [row.track_id for row in opened.tracks() if row.name == "worker-1"]
        pieces = [opened.events(index) for index in range(len(opened.segments))]
        lanes = [piece.time_ns[piece.track_id == track_id] for piece in pieces]
        # A stretch to lose, with others around it in which the lane has something to step over: the first may have not.
        at = next(
            index for index in range(1, len(lanes) - 1) if min(len(lanes[index - 1]), len(lanes[index + 1])) > 100
        )
        lost, mine = opened.segments[at], lanes[at + 1]
    for file in files_of(session, lost.seq):
        flip_bit(file)
    environment = {**home, "SCOPE_3D": "off"}
    given = {"steps": 60, "lane": track_id, "lost_ns": (lost.start_ns + lost.end_ns) // 2}
    seen = play("first damage", "open", session, "--at", f"{mine[30]}ns", given=given, env=environment)
    assert "orders.scope is damaged: what was recorded from" in seen["told"]
    assert min(seen["places"]) < lost.start_ns < lost.end_ns < max(seen["places"])
    check_scrubbing(session, seen)
    check_stacks(seen)
    assert "as last known: what came after it is lost" in seen["lost"]["title"]
    check_picture(tmp_path, seen)
    check_found_again(play, seen, env=environment)


def test_a_recorder_of_the_windows_own_that_is_killed_leaves_a_session_that_can_be_recovered(
    play: Any, served: Served, home: dict[str, str]
) -> None:
    seen = play("own recorder killed", given=served(), env={**home, "SCOPE_3D": "off"})
    assert "is gone before it was done" in seen["told"]
    assert "is recovered" in seen["done"]
    assert "recorded" in seen["header"]
    assert scope_json("info", seen["session"], "--json")["state"] == "recovered"

"""The window on a display of its own, used with the keyboard alone: open, scrub, bookmark, close, go on next week."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.session.session import Session
from tests.interpreters import ROOT
from tests.sessions import build_session


def test_a_moment_found_with_the_keyboard_is_there_again_next_week(play: Any, tmp_path: Path) -> None:
    truth = build_session(tmp_path / "orders.scope", events=800, tracks=3, segments=4)
    with Session.open(truth.path) as session:
        start_ns, end_ns = session.start_ns, session.end_ns
    middle_ns = start_ns + (end_ns - start_ns) // 2
    later = sorted({int(t) for t in truth.events.time_ns if t > middle_ns})

    seen = play("scrub", "open", str(truth.path), "--at", "50%")
    assert seen["opened_at_ns"] == middle_ns
    assert seen["three_on_ns"] == later[2]
    assert (seen["flag_before"], seen["flag_after"]) == (False, True)
    assert (seen["speed_after_typing"], seen["speed"]) == (1.0, 25.0)
    assert seen["home_ns"] == start_ns
    assert seen["second_bookmark_ns"] == later[2]
    assert start_ns < seen["back_ns"] < later[2]
    assert seen["visible_ns"][1] - seen["visible_ns"][0] == pytest.approx((end_ns - start_ns) / 4, abs=2)
    assert seen["all_visible"]
    assert seen["theme"] == "light"
    assert seen["end_ns"] == end_ns
    assert not seen["playing_at_the_end"]

    again = play("continue")
    assert again["welcome"]
    assert again["notes"] == [[seen["back_ns"], "leak 25% here"], [later[2], ""]]
    assert again["opened_at"] == seen["left_at"]
    assert again["first_bookmark_ns"] == seen["back_ns"]
    assert again["help"] == ["Keys"]


def test_what_is_no_session_is_refused_before_a_window_appears(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scope_gui", "open", str(tmp_path / "nowhere.scope")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("scope-gui: ")
    assert "nowhere.scope" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_display_one_sentence_says_so(tmp_path: Path) -> None:
    path = build_session(tmp_path / "orders.scope", events=50).path
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    environment.pop("QT_QPA_PLATFORM", None)
    done = subprocess.run(
        [sys.executable, "-m", "scope_gui", "open", str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no display" in done.stderr

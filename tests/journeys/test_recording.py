"""Recording from the window, with the keyboard alone, on a display of its own; and from a terminal with a window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tests.interpreters import ROOT, found
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, query, scope, scope_json
from tests.targets import Launcher, Target

BUSY = """
import threading, time

def beat(n):
    return n + 1

def work():
    n = 0
    while True:
        for _ in range(2000):
            n = beat(n)
        time.sleep(0.01)

threading.Thread(target=work, name="heart", daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def environment(display: str, tmp_path: Path) -> dict[str, str]:
    """That of a person at that display who has never used Scope."""
    own = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return {**os.environ, **own, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def busy(target: Launcher, tmp_path: Path) -> Target:
    program = tmp_path / "busy.py"
    program.write_text(BUSY)
    return target([found()[-1].path, program], ready="ready")


def assert_accounted_for(session: Path) -> dict[str, Any]:
    info: dict[str, Any] = scope_json("info", session, "--json")
    assert info["complete"]
    assert info["produced"] == info["recorded"] + info["dropped"]
    return info


def test_attach_watch_and_stop_with_the_keyboard(busy: Target, environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.recording_story", str(busy.pid)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen = msgspec.json.decode(done.stdout, type=dict[str, Any])
    assert seen["welcome"]
    assert "Ready." in seen["verdict"]
    assert seen["pid"] == busy.pid
    assert 0.001 < seen["overhead"] <= 1  # of bursts of 40 µs nearly all is told to be for recording
    assert "stopped on request" in seen["notice"]
    assert "recorded" in seen["status"]
    session = Path(seen["path"])
    assert session.parent == tmp_path / "Scope"
    assert assert_accounted_for(session)["produced"] >= seen["produced"]
    assert query(session, "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'beat'")[0]["n"]
    assert busy.alive


def windows_on(session: Path) -> list[psutil.Process]:
    """The windows that show this session."""
    shown = []
    for process in psutil.process_iter():
        try:
            if {"open", str(session)} <= set(process.cmdline()):
                shown.append(process)
        except psutil.Error:
            continue
    return shown


def test_a_recording_begun_in_a_terminal_has_a_window_that_outlives_it(
    busy: Target, environment: dict[str, str], tmp_path: Path
) -> None:
    session = tmp_path / "busy.scope"
    command = [*COMMAND, "attach", str(busy.pid), "-o", str(session)]
    recorder = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_for(lambda: len(windows_on(session)) == 1, 30)
        [window] = windows_on(session)
        recorder.send_signal(signal.SIGINT)
        _, said = recorder.communicate(timeout=60)
        assert recorder.returncode == 0, said
        assert "saved" in said
        assert window.is_running()
        window.terminate()
        window.wait(20)
    finally:
        recorder.kill()
        recorder.communicate()
    assert_accounted_for(session)


def test_without_a_display_one_sentence_says_that_no_window_opens(busy: Target, tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    bare.pop("QT_QPA_PLATFORM", None)
    session = tmp_path / "busy.scope"
    done = scope("attach", busy.pid, "-o", session, "--duration", "0.5", env=bare)
    assert done.stderr.count("no display") == 1
    assert_accounted_for(session)
    quiet = scope("attach", busy.pid, "-o", tmp_path / "2.scope", "--duration", "0.2", "--no-window", env=bare)
    assert "no display" not in quiet.stderr


def test_a_program_keeps_the_terminals_input_and_output(tmp_path: Path) -> None:
    program = "print(input()[::-1])"
    session = tmp_path / "echo.scope"
    done = scope("run", "-o", session, "--", sys.executable, "-c", program, input="stressed\n")
    assert done.stdout == "desserts\n"
    assert_accounted_for(session)


def test_a_window_told_to_end_saves_first_and_ends_its_demo(environment: dict[str, str], tmp_path: Path) -> None:
    session = tmp_path / "demo.scope"
    window = subprocess.Popen(
        [*COMMAND, "demo", "-o", str(session)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_for((session / "manifest.json").exists, 30)
        [program] = [p for p in psutil.Process(window.pid).children() if "orders" in p.cmdline()]
        assert wait_for(lambda: scope_json("info", session, "--json")["recorded"] > 500, 30)
        window.send_signal(signal.SIGTERM)
        _, said = window.communicate(timeout=60)
        assert (window.returncode, said) == (0, "")
    finally:
        window.kill()
        window.communicate()
    assert not program.is_running()
    assert_accounted_for(session)


def test_the_demo_is_scrubbed_by_keys_and_pictured(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "resources" / "demo" / "window_tour.py", "--for-pictures"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = [line.split() for line in done.stdout.splitlines()]
    at_s = {Path(words[0]).name[0]: float(words[-2]) for words in shown}
    assert at_s["3"] == at_s["5"] < at_s["2"] < at_s["4"]
    pictures = [(tmp_path / words[0]).read_bytes() for words in shown]
    assert len(set(pictures)) == 5
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 50_000 for picture in pictures)
    assert_accounted_for(tmp_path / "out" / "demo.scope")

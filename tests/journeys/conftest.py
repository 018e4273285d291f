"""Displays of our own, and stories played on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.interpreters import ROOT, found
from tests.journeys.person import GIVEN
from tests.scope_command import run_recorded


@pytest.fixture
def new_display() -> Iterator[Callable[..., str]]:
    """Starts virtual displays, `new_display("-extension", "GLX")` for one with other options; gone afterwards."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is missing: no display for a real window")
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x900x24", "-nolisten", "tcp", *options]
        started.append(subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL))
        os.close(writing)
        with os.fdopen(reading) as said:
            number = said.readline().strip()
        assert number, "Xvfb did not start"
        return f":{number}"

    yield start
    for server in started:
        server.terminate()
        server.wait(10)


@pytest.fixture
def display(new_display: Callable[..., str]) -> str:
    """A fresh virtual display."""
    return new_display()


@pytest.fixture
def begin_story(display: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a story in a process of its own, without waiting for its end.

    `begin_story("scrub", "open", path)` plays the story `scrub` at `scope-gui open PATH`; `given` is what the story
    needs to know, `env` more variables of the environment.
    """

    def begin(
        story: str, *command: object, given: dict[str, Any] | None = None, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        own = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "XDG_CONFIG_HOME": str(tmp_path / "config")}
        own |= {GIVEN: msgspec.json.encode(given or {}).decode(), **(env or {})}
        environment = {**os.environ, **own, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.window_story", story, *map(str, command)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A recording of the PROGRAM of the test's module, with its FLAGS if it has any."""
    (tmp_path / "orders.py").write_text(request.module.PROGRAM)
    flags = getattr(request.module, "FLAGS", ())
    run_recorded(tmp_path / "orders.scope", [found()[-1].path, tmp_path / "orders.py"], *flags)
    return tmp_path / "orders.scope"


@pytest.fixture
def play(begin_story: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> Any:
    """Plays a story to its end and returns what was seen; nothing may be said on stderr. Words as of `begin_story`."""

    def play_story(story: str, *command: object, **options: Any) -> dict[str, Any]:
        window = begin_story(story, *command, **options)
        try:
            out, err = window.communicate(timeout=110)
        except subprocess.TimeoutExpired:
            window.kill()
            window.communicate()
            raise
        assert window.returncode == 0, f"exit {window.returncode}\n{err}"
        assert err == "", err
        assert (tmp_path / f"{story}.png").stat().st_size > 10_000
        return msgspec.json.decode(out, type=dict[str, Any])

    return play_story

"""The log stays small, has a line for each event, and is written by several processes at once."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scope_gui.logs import crashes, log, log_file
from tests.scope_command import COMMAND

WRITES = """
import sys
from scope_gui.logs import log_file
for n in range(400):
    log_file.append(f"{sys.argv[1]} {n} " + "x" * 200)
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before, hook = list(logging.getLogger().handlers), threading.excepthook
    yield tmp_path / "scope-gui"
    logging.getLogger().handlers[:] = before
    threading.excepthook = hook


def test_a_refusal_is_logged_on_one_line(state: Path, tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "info", tmp_path / "two\nlines.scope"], capture_output=True, check=False)
    assert done.returncode == 1
    [line] = (state / log_file.NAME).read_text().splitlines()
    assert " WARNING scope_gui.command_line: " in line
    assert "two⏎lines.scope" in line


def test_several_processes_write_whole_lines(state: Path) -> None:
    several = [subprocess.Popen([sys.executable, "-c", WRITES, str(n)]) for n in range(3)]
    assert [process.wait() for process in several] == [0, 0, 0]
    lines = (state / log_file.NAME).read_text().splitlines()
    assert len(lines) == 1200
    assert all(line.endswith(" " + "x" * 200) for line in lines)


def test_it_stays_small(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MOST_BYTES", 10_000)
    for n in range(1000):
        log_file.append(f"{n} " + "x" * 100)
    files = sorted(state.iterdir())
    assert [file.name for file in files] == [log_file.NAME, f"{log_file.NAME}.1"]
    assert sum(file.stat().st_size for file in files) < 21_000
    assert files[0].read_text().splitlines()[-1].startswith("999 ")


def test_a_thread_that_fails_leaves_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    crashes._told.clear()
    log.begin_log("test")

    def fail() -> None:
        raise LookupError("in a thread")

    thread = threading.Thread(target=fail, name="helper")
    thread.start()
    thread.join()
    assert "LookupError: in a thread" in capsys.readouterr().err
    [report] = crashes.reports()
    assert report.headline == "LookupError: in a thread"
    assert "helper failed: in a thread" in crashes.read_report(report.name)

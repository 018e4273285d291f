"""`scope-gui output`: the console as it was by a moment, byte for byte, and what was logged and warned of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scope_command import COMMAND, query, scope, scope_json

PROGRAM = r"""
import logging, os, sys, threading, warnings
def early(): print("early größe", flush=True)
def late(n):
    os.write(1, b"no letter \xe9 and \\ \n")
    print("x" * n, flush=True)
    logging.getLogger("orders.db").error("lost %d", n)
early()
thread = threading.Thread(target=late, args=(9_000,), name="late")
thread.start(); thread.join()
warnings.warn("old")
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A recording, and what its program has printed."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "prints.py").write_text(PROGRAM)
    session = folder / "s.scope"
    command: list[str | Path] = [*COMMAND, "run", "--no-window", "-o", session, "--", sys.executable]
    command.append(folder / "prints.py")
    done = subprocess.run(command, capture_output=True, check=True)
    return session, done.stdout


def bytes_of(session: Path, *flags: str) -> bytes:
    return subprocess.run([*COMMAND, "output", session, "--raw", *flags], capture_output=True, check=True).stdout


def test_what_comes_out_is_what_the_program_printed(printed: tuple[Path, bytes]) -> None:
    session, stdout = printed
    assert stdout.startswith("early größe\nno letter ".encode() + b"\xe9")
    assert bytes_of(session, "--stream", "stdout") == stdout


def test_what_would_command_a_terminal_is_taken_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text("print('red \\x1b[31m')\n")
    session = tmp_path / "s.scope"
    scope("run", "--no-window", "-o", session, "--", sys.executable, tmp_path / "prints.py")
    assert "\x1b" not in scope("output", session).stdout
    assert bytes_of(session) == b"red \x1b[31m\n"


def test_the_console_of_a_moment_ends_there(printed: tuple[Path, bytes]) -> None:
    session, _ = printed
    rows = query(session, "SELECT time_ns FROM output WHERE form = 'escaped'")
    before = scope("output", session, "--at", f"{rows[0]['time_ns'] - 1}ns").stdout
    assert before == "early größe\n"
    assert scope("output", session, "--at", "start").stdout == ""


def test_each_row_has_its_call_its_thread_and_its_line(printed: tuple[Path, bytes]) -> None:
    session, _ = printed
    rows = query(
        session,
        """SELECT function, output.line, tracks.name AS thread, stream, level, logger, continues, length(text) AS size
           FROM output JOIN calls USING (call_id) JOIN sites USING (site_id)
           JOIN tracks ON tracks.track_id = output.track_id WHERE stream <> 'stderr' ORDER BY event_id""",
    )
    told = [(row["function"], row["line"], row["stream"], row["level"], row["logger"]) for row in rows]
    assert told[0] == ("early", 3, "stdout", None, None)
    assert told[-2] == ("late", 7, "log", "ERROR", "orders.db")
    assert told[-1] == ("<module>", 11, "warning", "UserWarning", None)
    assert {row["thread"] for row in rows if row["function"] == "late"} == {"late"}
    parts = [row for row in rows if row["line"] == 6]
    assert [row["continues"] for row in parts] == [1, 1, 0, 0]
    assert sum(row["size"] for row in parts) == 9_001


def test_what_was_logged_and_warned_of_comes_in_lines(printed: tuple[Path, bytes]) -> None:
    session, _ = printed
    said = scope("output", session, "--stream", "log", "--stream", "warning").stdout
    assert said == "ERROR: orders.db: lost 9000\nUserWarning: old\n"
    rows = scope_json("output", session, "--json", "--stream", "log")
    assert [(row["logger"], row["text"]) for row in rows] == [("orders.db", "lost 9000")]
    assert scope_json("info", session, "--json")["kinds"]["output"] >= 8


def test_a_recording_without_output_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text("print('unseen')\n")
    session = tmp_path / "s.scope"
    scope("run", "--no-window", "--output", "off", "-o", session, "--", sys.executable, tmp_path / "prints.py")
    assert scope("output", session).stdout == ""
    assert query(session, "SELECT * FROM output") == []

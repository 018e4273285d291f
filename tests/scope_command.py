"""The command line as a user runs it: one function, JSON in Python's types back."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scope_gui.cli import main
from tests.forked_command import VERBS as FORKED
from tests.forked_command import Server

READING = ("events", "findings", "frame", "info", "query", "verify")
COMMAND = [sys.executable, "-m", "scope_gui"]


def scope(*words: object, expect: int = 0, timeout_s: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs `scope-gui WORDS`; the test fails when the exit code is another one.

    A verb that only reads runs in this process, whose imports are there, and one that works in a fork of one that has
    them (`tests/forked_command.py`), unless `options` ask for another environment or a window is to be seen.
    """
    command = [str(word) for word in words]
    if command[0] in READING and not options:
        done = scope_here(command)
    elif command[0] in FORKED and not options and ("--no-window" in command or command[0] not in ("attach", "run")):
        done = subprocess.CompletedProcess([*COMMAND, *command], *_server().run(command, timeout_s))
    else:
        done = subprocess.run(
            [*COMMAND, *command], capture_output=True, text=True, timeout=timeout_s, check=False, **options
        )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done


@functools.cache
def _server() -> Server:
    server = Server()
    atexit.register(server.close)
    return server


def scope_here(command: list[str]) -> subprocess.CompletedProcess[str]:
    """The same in this process, whatever its exit code."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = main(command)
        except SystemExit as end:  # as the command line's own parser ends
            status = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess([*COMMAND, *command], status, output.getvalue(), errors.getvalue())


def scope_series(commands: Sequence[Sequence[object]], **options: Any) -> list[subprocess.CompletedProcess[str]]:
    """Each of them, whatever its exit code, in one process beside this one: one start and one import of Qt for all."""
    asked = json.dumps([[str(word) for word in words] for words in commands])
    program = [sys.executable, "-m", "tests.command_series"]
    done = subprocess.run(program, input=asked, capture_output=True, text=True, check=False, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [subprocess.CompletedProcess(*ended) for ended in json.loads(done.stdout)]


def scope_json(*words: object) -> Any:
    """The one JSON document that a verb prints."""
    return json.loads(scope(*words).stdout)


def query(session: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of an SQL query."""
    rows: list[dict[str, Any]] = scope_json("query", session, sql, "--format", "json")
    return rows


def run_recorded(
    session: Path, command: Sequence[object], *flags: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`scope-gui run` of a command; options are those of subprocess.run."""
    return scope("run", "--no-window", "-o", session, *flags, "--", *command, **options)

"""The command line as a user runs it: one function, JSON in Python's types back."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scope_gui.cli import main

READING = ("events", "frame", "info", "query")
COMMAND = [sys.executable, "-m", "scope_gui"]


def scope(*words: object, expect: int = 0, timeout_s: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs `scope-gui WORDS`; the test fails when the exit code is another one."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=timeout_s, check=False, **options
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done


def scope_json(*words: object) -> Any:
    """The one JSON document that a verb prints. A verb that only reads runs in this process: its imports are there."""
    if words[0] not in READING:
        return json.loads(scope(*words).stdout)
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = main([str(word) for word in words])
    assert status == 0, f"exit {status}\n{output.getvalue()[-2000:]}\n{errors.getvalue()[-4000:]}"
    return json.loads(output.getvalue())


def query(session: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of an SQL query."""
    rows: list[dict[str, Any]] = scope_json("query", session, sql, "--format", "json")
    return rows


def run_recorded(
    session: Path, command: Sequence[object], *flags: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`scope-gui run` of a command; options are those of subprocess.run."""
    return scope("run", "--no-window", "-o", session, *flags, "--", *command, **options)

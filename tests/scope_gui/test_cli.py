"""The command line's manners towards other programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.scope_command import COMMAND
from tests.sessions import build_session


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    session = build_session(tmp_path / "s.scope", 200, 1).path
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*COMMAND, "info", session], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")

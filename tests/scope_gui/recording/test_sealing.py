"""The sealer's process and whoever started it (scope_gui/recording/sealing.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_sealer_that_nobody_listens_to_any_more_ends_without_a_word(tmp_path: Path) -> None:
    """The recorder gives it up when the disk is full, and it has something to say of that itself."""
    (tmp_path / "nothing.scope" / "journal").mkdir(parents=True)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "scope_gui.recording.sealer", str(tmp_path / "nothing.scope")]
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(command, stdin=subprocess.PIPE, stdout=nobody, stderr=subprocess.PIPE, check=False)
    assert done.stderr.decode() == ""
    assert done.returncode == 1

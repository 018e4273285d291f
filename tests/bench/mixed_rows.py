"""What sealing costs where kinds of events come mixed: half of them calls, the others mostly made-up ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.mixed_driver import EVENTS, RUNS
from tests.bench.report import Row


def sealing_of_mixed_kinds(folder: Path) -> list[Row]:
    """One core's rate, from blocks of the journal to segments on the disk; no follower pairs the made-up kinds."""
    command = [sys.executable, "-m", "tests.bench.mixed_driver", str(folder)]
    seconds: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    rate = EVENTS / sum(seconds.values()) / 1e6
    stages = ", ".join(f"{name} {EVENTS / took / 1e6:.1f}" for name, took in seconds.items())
    note = f"median of {RUNS}; M/s: {stages}"
    return [Row("seal mixed kinds, one core", f"{rate:.2f} M events/s", ">= 3 M/s", "-", rate >= 3, note=note)]

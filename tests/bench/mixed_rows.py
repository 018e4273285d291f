"""What sealing costs of events of mixed kinds, half of them calls and the others mostly made-up; of calls, without
and with values; of lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.mixed_driver import EVENTS, RUNS
from tests.bench.report import Row

BARS = {
    "mixed": (3, "mixed kinds"),
    "calls": (10, "calls"),
    "values": (3, "calls with two values"),
    "lines": (2, "lines with texts"),
}


def sealing_by_mix(folder: Path) -> list[Row]:
    """One core's rates, from blocks of the journal to segments on the disk."""
    return [_sealing_of(folder, mix) for mix in BARS]


def _sealing_of(folder: Path, mix: str) -> Row:
    command = [sys.executable, "-m", "tests.bench.mixed_driver", str(folder), mix]
    seconds: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    rate = EVENTS / sum(seconds.values()) / 1e6
    stages = ", ".join(f"{name} {EVENTS / took / 1e6:.1f}" for name, took in seconds.items())
    bar, title = BARS[mix]
    note = f"median of {RUNS}; M/s: {stages}"
    return Row(f"seal {title}, one core", f"{rate:.2f} M events/s", f">= {bar} M/s", "-", rate >= bar, note=note)

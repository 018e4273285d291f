"""How long a recording took, as it is told at the end: the recording's time, not that of saving it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.scope_command import run_recorded, scope_json

MANY_CALLS = "def f(n): return n\nfor i in range(1_500_000): f(i)"


def told_s(words: str) -> float:
    [text] = re.findall(r"the program ended after ([\d.]+m?s)", words)
    return float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))


@pytest.mark.alone
def test_the_time_told_is_that_of_the_program_and_not_of_saving_its_events(tmp_path: Path) -> None:
    done = run_recorded(tmp_path / "s.scope", [sys.executable, "-c", MANY_CALLS])
    recorded_s = scope_json("info", tmp_path / "s.scope", "--json")["duration_ns"] / 1e9
    assert abs(told_s(done.stderr) - recorded_s) < max(0.3, recorded_s / 10), done.stderr

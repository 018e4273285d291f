"""Numbers on the command line: what is none, or of no use, is said before anything is done."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.scope_command import scope


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "-1", "0", "soon"])
def test_a_duration_that_never_comes_is_refused(seconds: str) -> None:
    """ "nan" and "inf" were taken for numbers of seconds."""
    said = scope("run", f"--duration={seconds}", "--", "true", expect=2).stderr
    assert "--duration: " in said
    assert ("invalid number value" if seconds == "soon" else "must be above 0 and at most 1000000000") in said


def test_a_memory_that_no_pool_can_have_is_refused() -> None:
    assert "must be 1 to 4096" in scope("run", "--memory", "0", "--", "true", expect=2).stderr


@pytest.mark.parametrize("verb", ["verbs.attach", "verbs.run", "command_line", "recording.recorder", "blindness"])
def test_what_records_loads_no_table_library(verb: str) -> None:
    """An attach would take a third longer: the tables are the sealer's."""
    code = f"import sys, scope_gui.{verb}; print([m for m in ('numpy', 'pyarrow', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"

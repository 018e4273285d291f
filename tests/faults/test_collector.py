"""The program's garbage is collected on the program's threads, and whether that happens by itself is up to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.ways_in import bare, recorded
from tests.interpreters import Interpreter
from tests.targets import Launcher


@pytest.mark.minors("3.10", "3.12", "3.15")  # one of each way in which collections are begun
@pytest.mark.parametrize("way", ["run", "attach"])
def test_finalizers_run_and_warn_where_they_would(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    expected = bare(interpreter, target, tmp_path, "nearly_collects.py", PYTHONWARNINGS="always")
    (tmp_path / "go").unlink()
    with recorded(way, interpreter, target, tmp_path, "nearly_collects.py", PYTHONWARNINGS="always") as it:
        it.let_go()
        assert it.output() == expected
    assert "finalizers on ['MainThread']" in expected


LAST_WORDS = {
    "asks_about_the_collector.py": ["surprises []"],
    "collects_to_the_end.py": ["on in children [1, 2]", "finalized"],
}
"""What each prints at its end: is the collector on when it has been set so, also in children; is the rest collected?"""


@pytest.mark.minors("3.10", "3.12", "3.15")  # one of each way in which collections are begun
@pytest.mark.parametrize("way", ["run", "attach"])
@pytest.mark.parametrize("program", LAST_WORDS)
def test_a_program_its_children_and_its_end_see_the_collector_as_it_was_set(
    program: str, way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    expected = LAST_WORDS[program]
    with recorded(way, interpreter, target, tmp_path, program) as it:
        it.let_go()
        assert it.output().splitlines()[-len(expected) :] == expected

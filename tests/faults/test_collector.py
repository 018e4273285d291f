"""The program's garbage is collected on the program's threads, and whether that happens by itself is up to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.ways_in import bare, recorded
from tests.interpreters import Interpreter
from tests.targets import Launcher


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


@pytest.mark.parametrize("way", ["run", "attach"])
def test_a_program_sees_the_collector_as_it_has_set_it(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "asks_about_the_collector.py") as it:
        it.let_go()
        assert it.output().splitlines()[-1] == "surprises []"


@pytest.mark.parametrize("way", ["run", "attach"])
def test_children_and_the_end_of_the_interpreter_collect_as_they_would(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "collects_to_the_end.py") as it:
        it.let_go()
        assert it.output().splitlines()[-2:] == ["on in children [1, 2]", "finalized"]

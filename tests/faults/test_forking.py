"""A recorded program forks as it does alone: no warning that it would not get, nothing of Scope in the child, and its
recording goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.ways_in import bare, recorded
from tests.interpreters import Interpreter
from tests.targets import Launcher

HOWS = ("fork", "forkpty", "multiprocessing", "preexec", "threads")


def forked(way: str, how: str, interpreter: Interpreter, target: Launcher, folder: Path) -> tuple[str, str]:
    """What the program prints alone and recorded; its recording goes on after the fork and ends when asked to."""
    alone, watched = folder / "alone", folder / "watched"
    for each in (alone, watched):
        each.mkdir()
    (alone / "end").touch()
    printed = bare(interpreter, target, alone, "forks.py", how)
    with recorded(way, interpreter, target, watched, "forks.py", how) as it:
        it.let_go()
        line = it.target.wait_for_line("threads")
        assert how == "threads" or line == "threads 2", "the agent's thread did not come back"
        assert it.channel.request("status")["recording"] is True
        assert it.channel.request("stop")["recording"] is False
        (watched / "end").touch()
        return printed, it.output().replace(line, printed.splitlines()[-1])


@pytest.mark.sampled
@pytest.mark.parametrize("way", ["run", "attach"])
def test_a_program_with_one_thread_forks_without_a_warning(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    alone, watched = forked(way, "fork", interpreter, target, tmp_path)
    assert watched == alone


@pytest.mark.minors("3.11", "3.12", "3.14", "3.15")
@pytest.mark.parametrize("how", HOWS[1:])
def test_every_way_to_fork_is_as_without_scope(
    how: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    alone, watched = forked("run", how, interpreter, target, tmp_path)
    assert watched == alone
    assert ("['This pr']" in watched) is (how == "threads" and interpreter.version >= (3, 12))


@pytest.mark.minors("3.11", "3.12", "3.14")
@pytest.mark.parametrize("way_and_how", [("run", "released"), ("run", "held"), ("attach", "sleepers")])
def test_a_child_that_c_code_forks_runs(
    way_and_how: tuple[str, str],
    interpreter: Interpreter,
    target: Launcher,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
) -> None:
    """Alone none of 2 700 hung; beside an agent that had the GIL, or waited for it, one in 400 did."""
    (way, how), count = way_and_how, rounds(100, 3000)
    with recorded(way, interpreter, target, tmp_path, "forks_in_c.py", how, count) as it:
        it.let_go()
        assert it.output().splitlines()[-1] == f"{{7: {count}}}"

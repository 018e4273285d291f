"""A descriptor is a number that the program may have given to a file of its own: Scope writes into no such file, closes
none, and no forked child says Scope's last words.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.ways_in import WAYS, bare, recorded, wait_until
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.scope_command import run_recorded, scope_json
from tests.targets import Launcher

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.sampled
@pytest.mark.parametrize("way", WAYS)
def test_a_program_that_closes_every_descriptor_keeps_its_files(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "takes_every_number.py", "closerange") as it:
        it.let_go()
        wait_until(it.is_over, "the recording did not end with its connection")
        assert b"connection-closed" in it.definitions()
        assert it.output().split() == ["ready", "done"]


@pytest.mark.minors(*ONE_OF_EACH_WAY)
@pytest.mark.parametrize("how", ["listed", "dup2"])
def test_a_program_that_takes_every_number_keeps_its_files(
    how: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded("attach", interpreter, target, tmp_path, "takes_every_number.py", how) as it:
        it.let_go()
        wait_until(it.is_over, "the recording did not end with its connection")
        assert b"connection-closed" in it.definitions()
        assert it.output().split() == ["ready", "done"]


def test_a_closed_connection_is_said_in_the_terminal_and_in_the_session(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    session = tmp_path / "s.scope"
    done = run_recorded(session, [sys.executable, PROGRAMS / "takes_every_number.py", tmp_path, "closerange"])
    assert "closed Scope's connection" in done.stderr
    assert "by exec" not in done.stderr
    assert "a Python in the program" not in done.stderr
    assert "closed Scope's connection" in str(scope_json("info", session, "--json"))
    assert done.stdout.split() == ["ready", "done"]


@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_ends_normally_keeps_its_files(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "child_ends_normally.py", "main") as it:
        it.let_go()
        assert it.output().splitlines() == ["ready", "child ended with 7", "rows (100,)"]


@pytest.mark.minors(*ONE_OF_EACH_WAY)
@pytest.mark.parametrize("who", ["thread", "twice", "daemon"])
def test_a_child_keeps_its_files_however_it_was_made(
    who: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded("run", interpreter, target, tmp_path, "child_ends_normally.py", who) as it:
        it.let_go()
        output = it.output().splitlines()
    assert [line for line in output if "Warning" not in line and "os.fork()" not in line] == [
        "ready",
        f"child ended with {0 if who == 'thread' else 7}",  # SystemExit ends a thread, and that one is all there is
        "rows (100,)",
    ]


@pytest.mark.minors(*ONE_OF_EACH_WAY)
@pytest.mark.parametrize("how", ["limit", "stdio"])
def test_a_program_with_hardly_a_descriptor_keeps_its_files(
    how: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    bare(interpreter, target, alone, "few_descriptors.py", how)
    watched = tmp_path / "watched"
    watched.mkdir()
    with recorded("attach", interpreter, target, watched, "few_descriptors.py", how) as it:
        it.let_go()
        it.output()
    assert (watched / "said").read_text() == (alone / "said").read_text()
    assert (watched / "said").read_text().endswith("[]")

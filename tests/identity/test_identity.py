"""A program is the same program bare, recorded and attached to: output, files, exit status, warnings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import interpreters
from tests.conftest import SOAK
from tests.identity.table import PROGRAMS, Program
from tests.identity.trial import Trial
from tests.interpreters import Interpreter
from tests.thirdparty import packages

CASES = [
    pytest.param(program, minor, id=f"{program.name}-{minor}", marks=[] if program.sample else [pytest.mark.soak])
    for number, program in enumerate(PROGRAMS)
    for minor in (interpreters.MINORS if SOAK else [interpreters.MINORS[number % len(interpreters.MINORS)]])
    if SOAK or program.sample
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a path so short that a program can have sockets in it: `tmp_path` is too long for those."""
    with tempfile.TemporaryDirectory(prefix="identity-") as made:
        yield Path(made)


@pytest.mark.parametrize(("program", "minor"), CASES)
@pytest.mark.timeout(400)
def test_it_is_the_same_program_recorded_and_attached_to(program: Program, minor: str, folder: Path) -> None:
    trial = _trial(program, minor, folder)
    bare = trial.run("bare")
    recorded = trial.run("recorded")
    assert "saved" in trial.words
    assert str(recorded) == str(bare)
    held = trial.run("held")
    attached = trial.run("attached")
    assert "saved" in trial.words
    assert str(attached) == str(held)


def _trial(program: Program, minor: str, folder: Path) -> Trial:
    found: dict[str, Interpreter] = {interpreter.minor: interpreter for interpreter in interpreters.found()}
    if minor not in found:
        pytest.skip(f"CPython {minor} is missing")
    interpreter = found[minor]
    if interpreter.version < program.oldest:
        pytest.skip(f"{program.name} came with CPython {'.'.join(map(str, program.oldest))}")
    return Trial(program, interpreter, packages(interpreter, *program.packages) if program.packages else None, folder)


def test_there_are_forty_programs_of_every_sort() -> None:
    assert len(PROGRAMS) >= 40
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
    assert len([program for program in PROGRAMS if program.argv[0] == "-m" and not program.packages]) >= 15
    assert len([program for program in PROGRAMS if program.packages]) >= 10
    assert len([program for program in PROGRAMS if program.sample]) >= 12

"""The interpreters the suite runs on: what was found really is what it says, what is missing is named once."""

from __future__ import annotations

import subprocess

import pytest

from tests import interpreters
from tests.interpreters import MINORS, Interpreter


@pytest.mark.parametrize("minor", MINORS)
def test_every_supported_minor_is_here(minor: str) -> None:
    here = {interpreter.minor for interpreter in interpreters.found()}
    if minor not in here:
        remedy = "`make interpreters` fetches it" if minor in ("3.14", "3.15") else "install it, for example with pyenv"
        pytest.skip(f"CPython {minor} is missing: targets of that version are not tested ({remedy})")
    assert minor in here


def test_an_interpreter_is_what_it_says(interpreter: Interpreter) -> None:
    asked = subprocess.run(
        [interpreter.path, "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == [str(interpreter)]


def test_minors_are_listed_once_and_in_order() -> None:
    here = [interpreter.version for interpreter in interpreters.found()]
    assert here == sorted(here)
    assert len({version[:2] for version in here}) == len(here)

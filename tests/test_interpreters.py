"""The interpreters the suite runs on: what was found really is what it says, what is missing is named once."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from capture.target.pythons import HOSTS, NEWEST, OLDEST, TARGETS, minor_text
from tests import interpreters
from tests.interpreters import MINORS, ROOT, Interpreter

sys.path.insert(0, str(ROOT / "packaging"))
from fetch_python import SUITES
from pin import PYTHONS

sys.path.pop(0)


@pytest.mark.parametrize("minor", MINORS)
def test_every_supported_minor_is_here(minor: str) -> None:
    here = {interpreter.minor for interpreter in interpreters.found()}
    if minor not in here:
        remedy = "`make interpreters` fetches it" if minor in SUITES else "install it, for example with pyenv"
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


def test_the_table_has_no_hole() -> None:
    assert [minor for _, minor in TARGETS] == list(range(OLDEST[1], NEWEST[1] + 1))
    assert set(HOSTS) <= set(TARGETS)
    assert set(SUITES) <= set(MINORS)


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "capture/agent/README.md"])
def test_documents_name_the_versions_of_the_table(document: str) -> None:
    named = re.findall(r"CPython (3\.\d+) to (3\.\d+)", (ROOT / document).read_text())
    assert named
    assert set(named) == {(minor_text(OLDEST), minor_text(NEWEST))}


def test_packaging_names_the_versions_of_the_table() -> None:
    hosts = tuple(minor_text(minor) for minor in HOSTS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    classified = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert project["requires-python"] == f">={hosts[0]}"
    assert tuple(classified) == hosts
    assert hosts == PYTHONS
    script = (ROOT / "packaging" / "make_venv.sh").read_text()
    assert f"{HOSTS[0]} <= sys.version_info[:2] <= {HOSTS[-1]}" in script
    assert " ".join(f"python{minor}" for minor in hosts) in script

"""Lines that ran, and when first, equal what sys.settrace sees, on programs nobody here wrote; and `never-run` says so.

Both runs execute one driver; compared is what happens inside its `region`, whose lines may have run before.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from capture.session.session import Session
from tests.conftest import SOAK
from tests.interpreters import Interpreter, found
from tests.journeys.test_truth_of_calls import REGION, SUITE, json_file
from tests.scope_command import query, run_recorded, scope, scope_json

Line = tuple[str, str, int]
PYTHONS = [one for one in found() if one.version >= (3, 12)]
PROGRAMS = ("unittest", "json.tool", "ast")
CASES = [
    pytest.param(python, program, id=f"{python.minor}-{program}")
    for place, python in enumerate(PYTHONS)
    for program in PROGRAMS
    if SOAK or program == PROGRAMS[place % len(PROGRAMS)]
]
DRIVER = (
    """
import json, runpy, sys

out, module, *arguments = sys.argv[1:]
sys.argv = [module, *arguments]
"""
    + REGION
    + """
if out == "-":
    region()
else:
    ran = set()
    def local(frame, event, arg):
        if event == "line" and frame.f_lineno:  # an empty module runs its line 0
            ran.add((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno))
        return local
    sys.settrace(lambda frame, event, arg: local)
    try:
        region()
    finally:
        sys.settrace(None)
    with open(out, "w") as file:
        json.dump(sorted(ran), file)
"""
)


def seen_by_settrace(interpreter: Interpreter, folder: Path, words: list[str]) -> set[Line]:
    out = folder / "settrace.json"
    subprocess.run([interpreter.path, folder / "driver.py", out, *words], check=True, capture_output=True)
    return {(file, function, line) for file, function, line in json.loads(out.read_text())}


def seen_by_scope(session: Path) -> tuple[set[Line], set[Line], set[Line]]:
    """(lines that ran first inside the region, those that ran before it, all that there are)."""
    rows = query(
        session,
        """WITH region AS (SELECT start_ns, end_ns FROM calls JOIN sites USING (site_id)
                           WHERE function = 'region' AND file LIKE '%driver.py')
           SELECT file, function, never_run.line, first_run_ns >= start_ns AND first_run_ns <= end_ns AS inside,
                  first_run_ns < start_ns AS before
           FROM never_run JOIN sites USING (site_id), region""",
    )
    kinds: dict[str, set[Line]] = {"inside": set(), "before": set(), "all": set()}
    for row in rows:
        place = (row["file"], row["function"], row["line"])
        kinds["all"].add(place)
        for kind in ("inside", "before"):
            if row[kind]:
                kinds[kind].add(place)
    return kinds["inside"], kinds["before"], kinds["all"]


@pytest.mark.soak
@pytest.mark.parametrize(("python", "program"), CASES)
def test_lines_equal_those_of_settrace(
    python: Interpreter, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "suite_of_cases.py").write_text(SUITE)
    words = {
        "unittest": ["suite_of_cases"],
        "json.tool": json_file(tmp_path),
        "ast": ["ast", str(tmp_path / "suite_of_cases.py")],
    }[program]
    session = tmp_path / "lines.scope"
    command = [python.path, tmp_path / "driver.py", "-", *words]
    run_recorded(session, command, "--mode", "performance", "--include", "*")
    expected = seen_by_settrace(python, tmp_path, words)
    inside, before, known = seen_by_scope(session)
    driver = str(tmp_path / "driver.py")
    expected, inside = ({one for one in lines if one[0] != driver} for lines in (expected, inside))
    assert len(inside) > 100
    assert inside <= expected
    assert expected <= inside | before
    assert inside <= known


def test_lines_that_never_ran_are_listed(tmp_path: Path) -> None:
    program = tmp_path / "prices.py"
    program.write_text(
        "def price(units):\n"
        "    if units < 0:\n"
        '        reason = "below"\n'
        "        raise ValueError(reason)\n"
        "    return units * 3\n"
        "def all_of_it():\n"
        "    return price(2)\n"
        "def not_called():\n"
        "    return 1\n"
        "all_of_it()\n"
    )
    session = tmp_path / "prices.scope"
    run_recorded(session, [PYTHONS[-1].path, program])
    told = scope_json("never-run", session, "--json")["functions"]
    assert [(one["function"], one["lines"], one["never_run"]) for one in told] == [
        ("<module>", 4, []),
        ("price", 4, [3, 4]),
        ("all_of_it", 1, []),
    ]
    assert scope_json("never-run", session, "all_of_it", "--json")["functions"] == [told[2]]
    assert scope_json("never-run", session, "prices.py", "--json")["functions"] == told
    shown = scope("never-run", session).stdout.splitlines()
    assert shown[0] == "2 of 9 lines never ran, in 1 of 3 functions that were called"
    assert shown[-1].split()[:3] == ["3-4", "4", "price"]
    assert scope("verify", session).returncode == 0
    with Session.open(session) as opened:
        assert "never_run" in opened.manifest.about.capabilities


def test_a_session_that_does_not_know_says_so(tmp_path: Path) -> None:
    session = tmp_path / "off.scope"
    run_recorded(session, [PYTHONS[-1].path, "-c", "def f(): pass\nf()"], "--never-run", "off")
    said = scope("never-run", session, expect=1).stderr
    assert "does not say which lines ran" in said

"""What a function's page says equals what cProfile says: how often it was called, by whom, and what it called.

The program is one of the standard library; both runs execute one driver, and what happens inside of its `region` is
compared. Functions are known by file, first line and name. A function that C functions have called, as `len` does
`__len__`, has those as callers for cProfile, and whoever called them for us: of such ones the callers are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.analyses.call_summary import NO_CALLER
from dags.analyses.function_neighbours import function_neighbours
from dags.analyses.function_statistics import function_statistics
from tests.interpreters import Interpreter, found
from tests.journeys.test_truth_of_calls import REGION, json_file
from tests.scope_command import query, run_recorded

Function = tuple[str, int, str]
Pair = tuple[Function, Function]
DRIVER = (
    """
import cProfile, json, os, runpy, sys

out, module, *arguments = sys.argv[1:]
sys.argv = [module, *arguments]
"""
    + REGION
    + """
if out == "-":
    region()
else:
    profile = cProfile.Profile()
    profile.enable()
    try:
        region()
    finally:
        profile.disable()
    def key(code):
        return [code.co_filename, code.co_firstlineno, code.co_name]
    calls, pairs, by_c = [], [], []
    for entry in profile.getstats():
        inner = [one for one in entry.calls or () if not isinstance(one.code, str)]
        if isinstance(entry.code, str):
            by_c += [key(one.code) for one in inner]
        else:
            calls.append([key(entry.code), entry.callcount])
            pairs += [[key(entry.code), key(one.code), one.callcount] for one in inner]
    with open(out, "w") as file:
        json.dump([calls, pairs, by_c], file)
"""
)


def counted_by_cprofile(
    command: list[str], out: Path, env: dict[str, str]
) -> tuple[Counter[Function], Counter[Pair], set[Function]]:
    """(calls of each function, calls that each made of each, those that C functions have called)."""
    subprocess.run([*command[:2], out, *command[3:]], check=True, capture_output=True, env=env)
    calls, pairs = Counter[Function](), Counter[Pair]()
    told = json.loads(out.read_text())
    for function, count in told[0]:
        calls[tuple(function)] += count
    for caller, callee, count in told[1]:
        pairs[tuple(caller), tuple(callee)] += count
    return calls, pairs, {(file, line, name) for file, line, name in told[2]}


def counted_by_scope(path: Path) -> tuple[Counter[Function], Counter[Pair], Counter[Pair]]:
    """(calls of each function, calls by each caller, calls of each callee) of the pages of all functions."""
    [region] = query(
        path,
        """SELECT track_id, start_ns, end_ns FROM calls JOIN sites USING (site_id)
           WHERE function = 'region' AND file LIKE '%driver.py'""",
    )
    inside, tracks = (region["start_ns"], region["end_ns"]), {region["track_id"]}
    calls, by_caller, by_callee = Counter[Function](), Counter[Pair](), Counter[Pair]()
    with Session.open(path) as session:
        keys = {row.site_id: (row.file, row.line, row.function.rpartition(".")[2]) for row in session.sites()}
        figures = function_statistics(session, inside, track_ids=tracks)
        whole = figures.calls - figures.cut  # those that are cut have called the region
        for site, count in zip(figures.site_id.tolist(), whole.tolist(), strict=True):
            calls[keys[site]] += count
            around = function_neighbours(session, site, inside, track_ids=tracks)
            assert around.untold == 0
            for one in around.callers:
                if one.id != NO_CALLER:
                    by_caller[keys[one.id], keys[site]] += one.calls
            for one in around.callees:
                by_callee[keys[site], keys[one.id]] += one.calls
    return calls, by_caller, by_callee


@pytest.mark.parametrize("python", found()[-1:], ids=lambda python: python.minor)
def test_calls_callers_and_callees_equal_what_cprofile_counts(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}  # readline adds some behind its back
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    command = [str(python.path), str(driver), "-", *json_file(tmp_path)]
    expected, expected_pairs, by_c = counted_by_cprofile(command, tmp_path / "cprofile.json", env)
    run_recorded(tmp_path / "calls.scope", command, "--mode", "full", "--include", "*", env=env)
    calls, by_caller, by_callee = counted_by_scope(tmp_path / "calls.scope")
    assert sum(expected.values()) > 1_000

    def compared(counts: Counter[Pair]) -> dict[Pair, int]:
        return {
            (caller, callee): count
            for (caller, callee), count in counts.items()
            if str(driver) not in (caller[0], callee[0]) and callee not in by_c
        }

    own = {function for function in {*calls, *expected} if function[0] == str(driver)}
    assert {one: count for one, count in calls.items() if count and one not in own} == {
        one: count for one, count in expected.items() if one not in own
    }
    assert len(compared(expected_pairs)) > 200
    assert compared(by_caller) == compared(expected_pairs)
    assert compared(by_callee) == compared(expected_pairs)

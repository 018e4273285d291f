"""Recorded calls equal what cProfile counts, on programs nobody here wrote.

Both runs execute one driver that imports the same modules beforehand, so that the import system does the same work
in both; compared is everything that happens inside its `region`.
"""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter, found
from tests.scope_command import query, run_recorded, scope_json

REGION = """
def region():
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit:
        pass
"""
"""What is measured: a module run as a program, with nothing of the driver around it."""
DRIVER = (
    """
import cProfile, json, os, runpy, sys

tool, out, module, *arguments = sys.argv[1:]
sys.argv = [module, *arguments]
"""
    + REGION
    + """
if tool == "cprofile":
    profile = cProfile.Profile()
    profile.enable()
    try:
        region()
    finally:
        profile.disable()
    # Not pstats: it keeps one of several code objects that share file, line and name.
    codes = [(entry.code, entry.callcount) for entry in profile.getstats() if not isinstance(entry.code, str)]
    with open(out, "w") as file:
        json.dump([[c.co_filename, c.co_firstlineno, c.co_name, calls] for c, calls in codes], file)
else:
    region()
"""
)

SUITE = """
import unittest

def numbers(n):
    try:
        for i in range(n):
            yield i
    finally:
        done()

def done():
    pass

def delegate(n):
    yield from numbers(n)

async def coroutine(n):
    return n

def fails(n):
    if n == 0:
        raise KeyError(n)
    fails(n - 1)

class Cases(unittest.TestCase):
    def test_generators(self):
        self.assertEqual(sum(delegate(50)), 1225)
        partly = numbers(10)
        next(partly)
        partly.close()
        thrown = numbers(3)
        next(thrown)
        with self.assertRaises(ValueError):
            thrown.throw(ValueError())

    def test_exceptions(self):
        for depth in range(20):
            with self.assertRaises(KeyError):
                fails(depth)

    def test_coroutines(self):
        for i in range(5):
            with self.assertRaises(StopIteration):
                coroutine(i).send(None)

if __name__ == "__main__":
    unittest.main()
"""


def counted_by_cprofile(
    interpreter: Interpreter, folder: Path, words: list[str]
) -> collections.Counter[tuple[str, int, str]]:
    out = folder / "cprofile.json"
    subprocess.run(
        [interpreter.path, folder / "driver.py", "cprofile", out, *words],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    counts: collections.Counter[tuple[str, int, str]] = collections.Counter()
    for file, line, name, calls in json.loads(out.read_text()):
        counts[file, line, name] += calls
    del counts[str(folder / "driver.py"), line_of(DRIVER, "def region"), "region"]
    return +counts


def line_of(source: str, start: str) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if line.startswith(start))


def counted_by_scope(
    interpreter: Interpreter, folder: Path, words: list[str]
) -> collections.Counter[tuple[str, int, str]]:
    session = folder / "calls.scope"
    run_recorded(
        session, [interpreter.path, folder / "driver.py", "scope", "-", *words], "--mode", "full", "--include", "*"
    )
    info = scope_json("info", session, "--json")
    assert info["dropped"] == 0
    assert info["produced"] == info["recorded"] > 1000
    counts: collections.Counter[tuple[str, int, str]] = collections.Counter()
    rows = query(
        session,
        """WITH region AS (SELECT track_id, start_ns, end_ns, call_id FROM calls JOIN sites USING (site_id)
                           WHERE function = 'region' AND file LIKE '%driver.py')
           SELECT function, file, line, count(*) AS calls FROM calls JOIN sites USING (site_id), region
           WHERE calls.track_id = region.track_id AND calls.call_id > region.call_id AND calls.start_ns <= region.end_ns
             AND coalesce(calls.end_ns, 0) <= region.end_ns
           GROUP BY ALL""",
    )
    for row in rows:
        counts[row["file"], row["line"], row["function"].rpartition(".")[2]] += row["calls"]
    return counts


def json_file(folder: Path) -> list[str]:
    path = folder / "big.json"
    path.write_text(
        json.dumps(
            [{"name": f"item {i}", "values": list(range(i % 7)), "deep": {"a": [None, True]}} for i in range(400)]
        )
    )
    return ["json.tool", str(path), str(folder / "pretty.json")]


def compile_folder(folder: Path, interpreter: Interpreter) -> list[str]:
    source = Path(
        subprocess.run(
            [interpreter.path, "-c", "import json; print(json.__path__[0])"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    copy = folder / "sources"
    copy.mkdir()
    for file in source.glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    return ["compileall", "-f", "-q", str(copy)]


def tokenize_file(folder: Path, interpreter: Interpreter) -> list[str]:
    source = subprocess.run(
        [interpreter.path, "-c", "import textwrap; print(textwrap.__file__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return ["tokenize", source.stdout.strip()]


PROGRAMS = ("unittest", "json.tool", "compileall", "tokenize")
SAMPLE = {(minor, "unittest") for minor in ONE_OF_EACH_WAY} | set(zip(ONE_OF_EACH_WAY, PROGRAMS[1:], strict=True))
"""For `make test`: the suite, with every way to leave a call, and one program of many calls, for each way in."""
CASES = [
    pytest.param(python, program, id=f"{python.minor}-{program}")
    for python in found()
    for program in PROGRAMS
    if SOAK or (python.minor, program) in SAMPLE
]


@pytest.mark.soak
@pytest.mark.parametrize(("python", "program"), CASES)
def test_calls_equal_what_cprofile_counts(
    python: Interpreter, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "suite_of_cases.py").write_text(SUITE)
    words = {
        "json.tool": lambda: json_file(tmp_path),
        "compileall": lambda: compile_folder(tmp_path, python),
        "tokenize": lambda: tokenize_file(tmp_path, python),
        "unittest": lambda: ["suite_of_cases"],
    }[program]()
    expected = counted_by_cprofile(python, tmp_path, words)
    shutil.rmtree(tmp_path / "sources" / "__pycache__", ignore_errors=True)  # else the second run finds work done
    counted = counted_by_scope(python, tmp_path, words)
    differences = {key: (counted[key], expected[key]) for key in expected | counted if counted[key] != expected[key]}
    assert sum(expected.values()) > 100
    assert differences == {}, "function: (recorded, cProfile)"

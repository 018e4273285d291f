"""What the tree promises: where things may sit, what may import what, what must never be committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interpreters import ROOT, Interpreter

PACKAGES = ("capture", "dags", "views", "scope_gui")
TOP_FOLDERS = (*PACKAGES, "resources", "tests", "packaging")
MAX_LINES = 600
# Character classes keep this file from matching itself.
FORBIDDEN = {
    "a package registry's host": re.compile(
        r"py[p]i\.org|python[h]osted\.org|deb\.de[b]ian\.org|security\.de[b]ian\.org|registry\.np[m]js|np[m]js\.org/"
    ),
    "a path of one machine": re.compile(r"/w[o]rk/(main|steering|\.)|/f[a]rm/|/r[o]ot/\.|/h[o]me/[a-z]+/"),
}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Files git knows, or skips naming git when this is no checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("git is missing or this is no checkout: tracked files are unknown")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def imported_modules(source: Path) -> Iterator[str]:
    """Top names of everything a file imports, at any depth of the code."""
    for node in ast.walk(ast.parse(source.read_text(), source.name)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0] if not node.level else f"relative import in {source.name}"


def agent_files() -> list[Path]:
    return sorted((ROOT / "capture" / "agent").glob("*.py"))


@pytest.mark.parametrize("source", agent_files(), ids=lambda path: path.name)
def test_what_enters_a_target_imports_the_standard_library_only(source: Path) -> None:
    assert source.name.startswith("_scope_")
    foreign = {name for name in imported_modules(source) if not name.startswith("_scope_")} - sys.stdlib_module_names
    assert not foreign


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_what_enters_a_target(package: str) -> None:
    sources = [path for path in (ROOT / package).rglob("*.py") if path not in agent_files()]
    assert sources
    assert not [path for path in sources if any(name.startswith("_scope_") for name in imported_modules(path))]


def test_what_runs_in_targets_compiles_on_every_interpreter(interpreter: Interpreter) -> None:
    sources = [*agent_files(), *sorted((ROOT / "resources" / "demo" / "orders").glob("*.py"))]
    check = "import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, 'exec')"
    done = subprocess.run(
        [interpreter.path, "-c", check, *sources], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_source_file_asks_two_questions(tracked: list[Path]) -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for path in tracked
        if path.suffix in {".py", ".c", ".h"}
    }
    assert lengths
    assert not {str(path): lines for path, lines in lengths.items() if lines > MAX_LINES}


@pytest.mark.parametrize("folder", TOP_FOLDERS)
def test_every_top_folder_says_what_it_is_for(folder: str) -> None:
    assert len((ROOT / folder / "README.md").read_text().splitlines()) >= 5


def test_packaging_is_not_a_package() -> None:
    assert not list((ROOT / "packaging").rglob("__init__.py"))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_of_one_machine_is_committed(tracked: list[Path], what: str) -> None:
    found = []
    for path in tracked:
        text = path.read_bytes()
        if b"\0" in text[:4096]:
            continue
        if FORBIDDEN[what].search(text.decode(errors="replace")):
            found.append(str(path.relative_to(ROOT)))
    assert not found, f"{what} is in {found}"


def test_make_help_lists_every_task() -> None:
    tasks = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"^  make ([a-z]+)", listed.stdout, re.MULTILINE)) == tasks
    assert {"help", "setup", "demo", "test", "check", "bench", "soak", "bundle", "clean"} <= tasks


def test_every_pin_has_a_hash_and_no_address() -> None:
    text = (ROOT / "packaging" / "constraints.txt").read_text()
    marker = r"(?: ; python_version (?:<|>=) '3\.[0-9]+')?"
    pins = re.findall(
        rf"^([a-z0-9-]+==\S+){marker} \\\n((?:    --hash=sha256:[0-9a-f]{{64}}(?: \\)?\n)+)", text, re.MULTILINE
    )
    versions = [version for version, _ in pins]
    assert len(versions) == len(set(versions)) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    names = [version.partition("==")[0] for version in versions]
    assert {name for name in names if names.count(name) > 1} <= {"pyside6-addons", "pyside6-essentials", "shiboken6"}
    assert {"msgspec", "psutil", "numpy", "pyarrow", "duckdb", "networkx", "xxhash", "setuptools"} <= set(names)
    assert "://" not in text


def test_every_library_that_is_asked_for_is_used() -> None:
    called = {"pillow": "PIL", "PySide6-Essentials": "PySide6", "PySide6-Addons": "PySide6"}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", one)[0] for one in asked}  # type: ignore[index]
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    imported = {name for path in sources for name in imported_modules(path)}
    assert len(names) > 5
    assert not {name for name in names if called.get(name, name) not in imported}

"""The tables of files in the READMEs are the tree: what they name exists, and no module is left out.

A table of files is one whose head begins with "file" or "folder", or names a folder. A bare word in backticks is a
module of the folder that its row is about. A row that names a module of a folder names all of them, unless that folder
has such a table itself; tests need not be named, nor `conftest`, `__init__` and `__main__`.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interpreters import ROOT

SUFFIXES = (".py", ".c", ".h", ".sh", ".txt", ".md")
SOURCES = (".py", ".c", ".h", ".sh")
MADE = (".tools/", "build/", "dist/", "out/")  # by make
MIRRORED = ("capture", "dags", "views", "scope_gui", "resources", "packaging")


@dataclass(frozen=True)
class Row:
    """One row; `folders` are those whose modules its bare words are."""

    folders: tuple[Path, ...]
    first: tuple[str, ...]
    others: tuple[str, ...]
    lists_files: bool


def tracked() -> list[Path]:
    """Files git knows, those included that are new and not ignored."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("git is missing or this is no checkout: tracked files are unknown", allow_module_level=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def words(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def rows_of(readme: Path) -> Iterator[Row]:
    """The rows of a README's tables of files."""
    for table in re.findall(r"(?:^\|.*\n)+", readme.read_text(), re.MULTILINE):
        head, _, *body = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines())
        about = tuple(folder for word in words(head[0]) for folder in folders_named(word, readme.parent))
        if not about and not head[0].startswith(("file", "folder")):
            continue
        before: tuple[Path, ...] = (readme.parent,)
        for first, *others in body:
            names = tuple(name for word in words(first) for name in word.split())
            named = tuple(folder for name in names for folder in folders_named(name, readme.parent))
            before = about or named or (before if not first else (readme.parent,))
            told = tuple(word for cell in others for word in words(cell))
            yield Row(before, names, told, lists_files="its files" in head)


def folders_named(name: str, near: Path) -> list[Path]:
    """The folder that a word like `hooks/` means: one there, else the only one of the tree that is called so."""
    if not name.endswith("/"):
        return []
    if (near / name).is_dir():
        return [near / name]
    top = ROOT / near.relative_to(ROOT).parts[0]
    return [path for path in top.rglob(name.rstrip("/")) if path.is_dir()][:2]


def found(name: str, row: Row, readme: Path) -> list[Path]:
    """The files or folders that a word of a row names."""
    if "." in name or "/" in name:
        near = [*row.folders, readme.parent, ROOT]
        return [(folder / name).resolve() for folder in near if (folder / name).exists()][:1]
    return [path for folder in row.folders for end in SOURCES if (path := folder / f"{name}{end}").is_file()]


READMES = sorted(path for path in ROOT.glob("**/README.md") if path in set(tracked()) and any(rows_of(path)))


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_readme_names_exists(readme: Path) -> None:
    gone = []
    for row in rows_of(readme):
        names = [*row.first, *(word for word in row.others if _must_exist(word, row))]
        gone += [name for name in names if not found(name, row, readme)]
    assert not gone


def _must_exist(word: str, row: Row) -> bool:
    if (
        " " in word
        or word.startswith(MADE)
        or re.search(r"[A-Z*]{2}", word.replace("README", "").replace("FORMAT", ""))
    ):
        return False  # a command, or a pattern such as NAME.py
    return word.endswith(("/", *SUFFIXES)) or (row.lists_files and re.fullmatch(r"[a-z_]+", word) is not None)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_left_out_of_a_table(readme: Path) -> None:
    named: set[Path] = set()
    about: set[Path] = set()
    for row in rows_of(readme):
        here = {path for word in (*row.first, *row.others) for path in found(word, row, readme)}
        named |= here
        about |= {folder.resolve() for folder in row.folders if any(path.parent == folder.resolve() for path in here)}
    elsewhere = {other.parent for other in READMES} - {readme.parent}
    missing = {
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.parent in about - elsewhere and _is_module(path) and not _is_named(path, named)
    }
    assert not sorted(missing)


def _is_module(path: Path) -> bool:
    plain = not path.stem.startswith(("test_", "__", "conftest"))
    return path.suffix in SOURCES and plain


def _is_named(path: Path, named: set[Path]) -> bool:
    """A header goes with the C file of its name."""
    return path in named or (path.suffix == ".h" and path.with_suffix(".c") in named)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_folder_is_left_out_of_a_table(readme: Path) -> None:
    rows = list(rows_of(readme))
    named = {path for row in rows for word in (*row.first, *row.others) for path in found(word, row, readme)}
    if not any(path.is_dir() and path.parent == readme.parent for path in named):
        return
    folders = {
        readme.parent / path.relative_to(readme.parent).parts[0]
        for path in tracked()
        if path.is_relative_to(readme.parent) and path.parent != readme.parent
    }
    told = {readme.parent / path.relative_to(readme.parent).parts[0] for path in named if _below(path, readme.parent)}
    assert not {str(folder.relative_to(ROOT)) for folder in folders - told}


def _below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and path != folder


def test_tests_mirror_the_tree() -> None:
    """A folder of tests is called as the folder that it tests; each of its modules says what it holds."""
    modules = [
        path
        for path in tracked()
        if path.relative_to(ROOT).parts[0] == "tests"
        and path.name.startswith("test_")
        and path.relative_to(ROOT).parts[1] in MIRRORED
    ]
    assert modules
    folders = {path.parent.relative_to(ROOT / "tests") for path in modules}
    assert not {str(folder) for folder in folders if not (ROOT / folder).is_dir()}
    assert not {str(path.relative_to(ROOT)) for path in modules if not ast.get_docstring(ast.parse(path.read_text()))}

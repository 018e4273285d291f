"""The examples in docstrings run, and give what they say: those of every module that has one."""

from __future__ import annotations

import ast
import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.interpreters import ROOT

FOLDERS = ("capture", "dags", "views", "scope_gui", "packaging")


def has_examples(source: Path) -> bool:
    """Whether a docstring of the module has an example: seen without importing it."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(source.read_text()))
    return any(">>>" in (ast.get_docstring(node) or "") for node in nodes if isinstance(node, documented))


def loaded(source: Path) -> ModuleType:
    """The module of that file; a folder that is no package is where it looks for others."""
    name = source.relative_to(ROOT).with_suffix("")
    if (source.parent / "__init__.py").exists():
        return import_module(".".join(name.parts))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(source.parent)
        return import_module(name.name)


WITH_EXAMPLES = [
    source for folder in FOLDERS for source in sorted((ROOT / folder).rglob("*.py")) if has_examples(source)
]


@pytest.mark.parametrize("source", WITH_EXAMPLES, ids=lambda source: str(source.relative_to(ROOT)))
def test_the_examples_of_a_module_hold(source: Path) -> None:
    said: list[str] = []
    module, runner = loaded(source), doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(module, module.__name__):
        runner.run(test, out=said.append)
    assert not said, "".join(said)
    assert runner.tries, "none of them was found: is the function that has it wrapped?"


def test_modules_with_examples_are_found() -> None:
    found = {str(source.relative_to(ROOT)) for source in WITH_EXAMPLES}
    assert {"capture/flags.py", "dags/columns.py", "views/words/timespec.py", "packaging/pin.py"} <= found

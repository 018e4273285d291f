"""Qualified names for targets older than 3.11, whose code objects carry only the short name.

Read from the source file, at recording time only: a session that is opened later never leads to a file.
"""

from __future__ import annotations

import ast
import functools
import warnings

from capture.foreign_files import read_start

MAX_SOURCE_BYTES = 4 << 20

_COMPREHENSIONS = {ast.ListComp: "<listcomp>", ast.SetComp: "<setcomp>", ast.DictComp: "<dictcomp>"}


def qualified_name(file: str, short_name: str, line: int) -> str:
    """The qualified name of the code that starts at that line, or the short name when the source does not tell."""
    if short_name == "<module>" or not file.endswith(".py"):
        return short_name
    return _names(file).get((line, short_name), short_name)


@functools.lru_cache(maxsize=64)
def _names(file: str) -> dict[tuple[int, str], str]:
    try:
        source = read_start(file, MAX_SOURCE_BYTES + 1)
        if len(source) > MAX_SOURCE_BYTES:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    names: dict[tuple[int, str], str] = {}
    pending: list[tuple[ast.AST, str]] = [(tree, "")]
    while pending:
        node, prefix = pending.pop()
        short = _short_name(node)
        if short:
            names.setdefault((_first_line(node), short), prefix + short)
            prefix += f"{short}." if isinstance(node, ast.ClassDef) else f"{short}.<locals>."
        pending.extend((child, prefix) for child in reversed(list(ast.iter_child_nodes(node))))
    return names


def _short_name(node: ast.AST) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Lambda():
            return "<lambda>"
        case ast.GeneratorExp():
            return "<genexpr>"
        case _:
            return _COMPREHENSIONS.get(type(node), "")


def _first_line(node: ast.AST) -> int:
    """The line that `co_firstlineno` names: the first decorator's, if any."""
    decorators = getattr(node, "decorator_list", None)
    return int(decorators[0].lineno if decorators else getattr(node, "lineno", 0))

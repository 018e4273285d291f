"""What C files define and use, read from their text: names of ours begin with `scope_`, and definitions at the margin.

No compiler takes part, so it takes milliseconds and is the same whatever was built last. What an inline function of a
header uses counts as used by every file that uses the function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
_NAME = re.compile(r"\bscope_\w+\b")
_MARGIN = r"^(?!static\b|typedef\b|extern\b|return\b|#)"
_ATTRIBUTES = r"(?:__attribute__\(\(.*?\)\)\s*)*"
_FUNCTION = re.compile(_MARGIN + _ATTRIBUTES + r"[A-Za-z_][\w \*]*?[ \*](scope_\w+)\([^;{}]*\)\s*\{", re.MULTILINE)
_VARIABLE = re.compile(
    _MARGIN + r"[A-Za-z_][\w \*]*?[ \*](scope_\w+)\s*" + _ATTRIBUTES + r"(?:\[[^\]]*\])?\s*[=;]", re.MULTILINE
)
_INLINE = re.compile(r"^static inline [^;{}]*?(scope_\w+)\([^;{}]*\)\s*\{.*?^\}", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(
    r"^(?!static\b|typedef\b|#)[A-Za-z_][\w \*]*?[ \*](scope_\w+)(?:\([^;{}]*\)|\s*" + _ATTRIBUTES + r");",
    re.MULTILINE,
)


class CFiles:
    """C files and headers below a folder, by their path from there."""

    def __init__(self, folder: Path) -> None:
        paths = sorted([*folder.rglob("*.c"), *folder.rglob("*.h")])
        self.raw = {str(path.relative_to(folder)): path.read_text() for path in paths}
        self.texts = {name: _NOISE.sub(" ", text) for name, text in self.raw.items()}
        self.files = [name for name in self.texts if name.endswith(".c")]
        self.headers = [name for name in self.texts if name.endswith(".h")]
        self.defined_in = {
            defined: name
            for name in self.files
            for pattern in (_FUNCTION, _VARIABLE)
            for defined in pattern.findall(self.texts[name])
        }
        self._inlines = {
            found[1]: frozenset(_NAME.findall(found[0]))
            for name in self.headers
            for found in _INLINE.finditer(self.texts[name])
        }

    def includes(self, name: str) -> list[str]:
        """What a file includes by its path, of ours or beside this folder."""
        return re.findall(r'^#include "([^"]+)"', self.raw[name], re.MULTILINE)

    def declared(self) -> Iterator[str]:
        """What headers say is defined in some file."""
        for name in self.headers:
            yield from _DECLARED.findall(self.texts[name])

    def uses(self, name: str) -> dict[str, str]:
        """What a file uses of others: the name, and the file that defines it."""
        seen: set[str] = set()
        left = set(_NAME.findall(self.texts[name]))
        while left:
            used = left.pop()
            seen.add(used)
            left |= self._inlines.get(used, frozenset()) - seen
        return {used: other for used in seen if (other := self.defined_in.get(used, name)) != name}

    def graph(self) -> dict[str, set[str]]:
        """Which file uses which."""
        return {name: set(self.uses(name).values()) for name in self.files}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of files each of which needs all of its group: those that can reach themselves, by whom they reach."""
    reached = {name: _reach(graph, name) for name in graph}
    groups = {
        frozenset(other for other in reached[name] if name in reached[other]) for name in graph if name in reached[name]
    }
    return sorted(map(sorted, groups))


def _reach(graph: Mapping[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    left = set(graph[start])
    while left:
        name = left.pop()
        reached.add(name)
        left |= graph[name] - reached
    return reached

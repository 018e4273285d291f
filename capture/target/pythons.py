"""The CPython versions that Scope records and runs on: the one table that everything else derives from.

Doctor and launcher judge by it, the tests and `make interpreters` run over it; README, pyproject.toml and packaging/
are compared with it by tests/test_interpreters.py.
"""

from __future__ import annotations

from typing import Final

Minor = tuple[int, int]

TARGETS: Final[tuple[Minor, ...]] = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15))
"""What a recorded program may run, oldest first and without a hole."""

HOSTS: Final[tuple[Minor, ...]] = ((3, 11), (3, 12), (3, 13), (3, 14))
"""What Scope itself runs on: those for which all pinned libraries have wheels."""

OLDEST, NEWEST = TARGETS[0], TARGETS[-1]


def minor_text(minor: Minor) -> str:
    """'3.15'."""
    return f"{minor[0]}.{minor[1]}"

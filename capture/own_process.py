"""How Scope starts another process of its own: the same interpreter, shielded from the folder and the environment.

PYTHONPATH, PYTHONHOME, a `usercustomize` or a project with a `capture` package of its own are meant for the programs
that a person records. So every process of ours is isolated (-I), and `own_start` finds our modules.
"""

from __future__ import annotations

import sys
from pathlib import Path

LAUNCHER = "scope-gui"
_START = Path(__file__).with_name("own_start.py")


def own_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-I", str(_START), module, *arguments]


def bundle_launcher() -> Path | None:
    """What starts the bundle that this Scope is, None when it is none: the bundle's Python has nobody's libraries."""
    launcher = Path(sys.prefix).parent / LAUNCHER
    return launcher if Path(sys.prefix).name == "python" and launcher.is_file() else None

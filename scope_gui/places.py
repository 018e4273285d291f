"""Where Scope lies: the command that starts it, and the files that come with it and are no code.

A checkout has those files in `resources/`. An installation has them in PREFIX/share/scope-gui and not beside the code:
what lies in site-packages counts as a library, and a demo that nothing is recorded of would be no demo.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from capture.errors import TargetProblem
from capture.own_process import LAUNCHER, bundle_launcher, own_command

PROGRAM = LAUNCHER
SHARE = Path("share", "scope-gui")


def resource_path(name: str = "") -> Path:
    """A file or folder of `resources/` (`"demo"`, `"icons/scope-gui.svg"`), in whatever way Scope was installed.

    Raises: TargetProblem when it is not there.
    """
    found = _resources(Path(__file__)) / name
    if not found.exists():
        raise TargetProblem(f"{found} is missing from this installation of Scope.", "Install Scope again.")
    return found


def is_checkout() -> bool:
    """Whether this Scope runs from its source tree."""
    return _tree(Path(__file__)) is not None


def own_program() -> list[str]:
    """The command that starts this Scope from anywhere: what the desktop's menu has to run.

    The bundle's launcher, else the script this was started as, else the one beside the interpreter, else the
    interpreter with the module.
    """
    started_as = Path(sys.argv[0]).absolute()
    for path in (bundle_launcher(), started_as, Path(sys.executable).with_name(PROGRAM)):
        if path is not None and path.name == PROGRAM and path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
    return own_command("scope_gui")


def _resources(module: Path) -> Path:
    """The folder that belongs to the scope_gui package in which this module lies."""
    tree = _tree(module)
    if tree is not None:
        return tree / "resources"
    packages = module.parents[1]
    beside = packages / SHARE  # pip install --target
    if beside.is_dir() or len(packages.parents) < 3:
        return beside
    return packages.parents[2] / SHARE  # PREFIX/lib/python3.11/site-packages


def _tree(module: Path) -> Path | None:
    tree = module.parents[1]
    return tree if (tree / "pyproject.toml").is_file() and (tree / "resources").is_dir() else None

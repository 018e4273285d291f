"""Where the files lie that come with Scope and are no code: icons, the demo, what the desktop needs.

A checkout has them in `resources/`. An installation has them in PREFIX/share/scope-gui and not beside the code: what
lies in site-packages counts as a library, and a demo that nothing is recorded of would be no demo.
"""

from __future__ import annotations

from pathlib import Path

from capture.errors import TargetProblem

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

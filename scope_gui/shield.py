"""Keeps out of our own processes what a person's environment and folder are for: the programs that they run.

A PYTHONPATH with a `capture.py` on it, a PYTHONWARNINGS=error, a `usercustomize` or a folder with an `argparse.py`
change what a Python program imports and does. They are meant for the program that is recorded, which gets them
untouched. So this comes before any other import of ours, and imports nothing that is not loaded already.

With such a variable set, or a user's own site-packages in use, the interpreter is replaced by an isolated one (`exec`:
the same process, about 15 ms); else what could lead elsewhere is taken off the module path. What lies on PYTHONPATH by
the name of `sitecustomize` has run by then, before any script can say no; no process that Scope starts runs it again.
"""

# ruff: noqa: PTH100, PTH109, PTH118, PTH120, SIM105 - see above: neither pathlib nor contextlib

import os
import sys

_HARMLESS = frozenset(
    (
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONIOENCODING",
        "PYTHONNOUSERSITE",
        "PYTHONPYCACHEPREFIX",
        "PYTHONSAFEPATH",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
        "PYTHON_HISTORY",
        "PYTHON_COLORS",
    )
)
_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def raise_shield() -> None:
    """Returns in a process that imports and does only what is ours."""
    if sys.flags.isolated:
        return
    users = getattr(sys.modules.get("site"), "USER_SITE", None)
    meddles = any(name.startswith("PYTHON") and name not in _HARMLESS for name in os.environ)
    if sys.executable and (meddles or users in sys.path):
        start = os.path.join(_PACKAGES, "capture", "own_start.py")
        try:
            os.execv(sys.executable, [sys.executable, "-I", start, "scope_gui", *sys.argv[1:]])
        except OSError:
            pass  # then without: better a Scope that may be disturbed than none
    here = os.path.dirname(os.path.abspath(sys.argv[0])) if sys.argv[0] else ""
    unwanted = {"", _current_folder(), here} - {_PACKAGES}
    sys.path[:] = [path for path in sys.path if path not in unwanted]


def _current_folder() -> str:
    """'' for one that has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""

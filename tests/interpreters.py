"""The CPython interpreters on this machine that Scope must be able to record, found anew in every run.

Looked at: every `python3.X` on PATH, pyenv's versions, /usr/bin and /usr/local/bin, and .tools/ (what
`make interpreters` fetched). One per minor version, the newest patch; only those that really start (a pyenv shim may
not).
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capture.target.pythons import TARGETS, minor_text

ROOT = Path(__file__).resolve().parent.parent
MINORS = tuple(minor_text(minor) for minor in TARGETS)
ONE_OF_EACH_WAY = ("3.11", "3.12", "3.14")
"""Stand for all where the way in and the hook matter: the profile hook, the first monitoring, asked to let us in."""
HALVES = (("3.10", "3.12", "3.14"), ("3.11", "3.13", "3.15"))
"""In each, one of every way in and hook: a test marked `sampled` runs on one of them, on all in `make soak`."""

_ASK = """
import json, platform, sys, sysconfig
print(json.dumps([platform.python_implementation(), list(sys.version_info[:3]), sys._base_executable,
                  bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))
"""


@dataclass(frozen=True, order=True)
class Interpreter:
    """One CPython that starts; ordered by version."""

    version: tuple[int, int, int]
    path: Path
    free_threaded: bool = False

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return ".".join(map(str, self.version)) + ("t" if self.free_threaded else "")


FOUND = "SCOPE_TEST_INTERPRETERS"
"""The variable in which the workers of a run get what its main process has found: each has to be started for that."""


@functools.cache
def found() -> list[Interpreter]:
    """Interpreters of `MINORS` that start, oldest first, one per minor."""
    if told := os.environ.get(FOUND):
        return [Interpreter((*version,), Path(path)) for version, path in json.loads(told)]
    newest: dict[str, Interpreter] = {}
    for path in dict.fromkeys(_candidates()):
        answer = _examine(path)
        if answer and not answer.free_threaded and answer.minor in MINORS:
            known = newest.get(answer.minor)
            if known is None or answer.version > known.version:
                newest[answer.minor] = answer
    return sorted(newest.values())


def tell_workers() -> None:
    """What was found here need not be looked for in processes that this one starts."""
    os.environ[FOUND] = json.dumps([(one.version, str(one.path)) for one in found()])


def missing() -> list[str]:
    """Minors of `MINORS` that this machine lacks."""
    here = {interpreter.minor for interpreter in found()}
    return [minor for minor in MINORS if minor not in here]


def everybody_can_reach(*files: Path) -> bool:
    """Whether a program of any user can load them: not what lies below a home of root's own."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for file in files for folder in file.parents)


def _candidates() -> Iterator[Path]:
    names = [f"python{minor}" for minor in MINORS]
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    folders += [str(path) for path in _pyenv_versions()]
    folders += [str(path) for path in sorted((ROOT / ".tools").glob("python3.*/usr/bin"))]
    for folder in dict.fromkeys(filter(None, folders)):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and os.access(path, os.X_OK):
                yield path


def _pyenv_versions() -> list[Path]:
    try:
        done = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    else:
        root = Path(done.stdout.strip())
    try:
        return sorted(root.glob("versions/3.*/bin"))
    except OSError:  # another user's folder
        return []


def _examine(path: Path) -> Interpreter | None:
    try:
        done = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, check=True, timeout=20)
        implementation, version, executable, free_threaded = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if implementation != "CPython":
        return None
    major, minor, patch = version
    return Interpreter((major, minor, patch), Path(executable), free_threaded)


def main(words: list[str]) -> None:
    """Lists them; with `--missing` only the minors that this machine lacks, on one line."""
    if words == ["--missing"]:
        print(*missing())
        return
    for interpreter in found():
        print(f"{interpreter!s:10} {interpreter.path}")
    for absent in missing():
        print(f"{absent:10} missing")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Third-party libraries for the programs that the tests record: gevent, Django, celery and the like, per interpreter.

`packages(interpreter, "gevent")` is a folder for the PYTHONPATH of a target; it is called `site-packages`, so what lies
in it counts as installed and not as the user's code. One folder per interpreter holds all of packaging/thirdparty.txt,
at its versions and with its hashes. `make interpreters` (`python -m tests.thirdparty`) fills the folders ahead; a test
that comes first fills its own. A folder is complete or not there: it is made under another name and renamed, and of
several that ask at once one works and the others wait.

What cannot be had is a skip that names it: a library without a wheel for that version, an index that does not answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import interpreters
from tests.interpreters import ROOT, Interpreter

PINS = ROOT / "packaging" / "thirdparty.txt"
FOLDER = ROOT / ".tools" / "packages"
INSTALL_TIMEOUT_S = 400
AT_ONCE = 3
"""Of pip, which waits for the index as long as it unpacks."""


class NotThere(Exception):
    """A library that cannot be had here, in one sentence."""


def packages(interpreter: Interpreter, *names: str) -> Path:
    """The folder for PYTHONPATH in which a program of this interpreter finds the libraries named.

    Raises: pytest's Skipped, naming what is missing and why.
    """
    try:
        folder = installed(interpreter)
    except NotThere as problem:
        pytest.skip(f"no {', '.join(names)} for CPython {interpreter.minor}: {problem}")
    here = {path.name.partition("-")[0].lower() for path in folder.glob("*.dist-info")}
    if missing := [name for name in names if name.lower().replace("-", "_") not in here]:
        pytest.skip(f"{', '.join(missing)}: no wheel for CPython {interpreter.minor}")
    return folder


@functools.cache
def installed(interpreter: Interpreter) -> Path:
    """The folder with every library that has a wheel for this interpreter; made now unless it is there.

    Raises: NotThere with pip's last words.
    """
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    home = FOLDER / interpreter.minor / digest / "site-packages"
    if not home.is_dir():
        with _alone(FOLDER / f"{interpreter.minor}.lock"):
            if not home.is_dir():
                _install(interpreter, home)
    return home


def _install(interpreter: Interpreter, home: Path) -> None:
    """pip runs inside the target's interpreter (`--python`): only so it reads markers and tags of the right version."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        command += ["--python", str(interpreter.path), "install", "--quiet", "--only-binary=:all:", "--no-compile"]
        command += ["--no-deps", "--require-hashes", f"--requirement={PINS}", f"--target={scratch}/site-packages"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as problem:
            raise NotThere(f"pip did not end within {INSTALL_TIMEOUT_S} s") from problem
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no message"]
            raise NotThere(f"pip failed: {words[-1].removeprefix('ERROR: ')}")
        Path(scratch, "site-packages").rename(home)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one process at a time is inside; the lock goes with the process, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Fills the folders of all interpreters found here, some at once, and says what could not be had."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for words in pool.map(_filled, interpreters.found()):
            print(words, flush=True)


def _filled(interpreter: Interpreter) -> str:
    try:
        folder = installed(interpreter)
    except NotThere as problem:
        return f"third-party libraries for {interpreter.minor}: none, their tests are skipped ({problem})"
    count = sum(1 for _ in folder.glob("*.dist-info"))
    return f"third-party libraries for {interpreter.minor}: {count} in {folder.parent.relative_to(ROOT)}"


if __name__ == "__main__":
    main()

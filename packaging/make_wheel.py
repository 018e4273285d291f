#!/usr/bin/env python3
"""Builds the wheel: `.venv/bin/python packaging/make_wheel.py FOLDER [--reuse]`; its path on standard output.

With `--reuse` the native parts are those that `make setup` has built, unless a source is newer: the tests need no
second compilation of the same files with the same flags.

Everything on the way goes to a temporary folder. `pip wheel .` builds in the tree instead, where files that were
deleted since the last build are still lying in build/lib and would be packed again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_wheel(folder: Path, *, reuse: bool = False) -> Path:
    """The new wheel in `folder`; `reuse`: with the native parts that lie in the tree, where they are up to date.

    Raises: subprocess.CalledProcessError when it cannot be built; the compiler's words are on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="scope-wheel-") as scratch:
        words = ["--quiet", "egg_info", "--egg-base", scratch, "build", "--build-base", f"{scratch}/build"]
        words += ["bdist_wheel", "--bdist-dir", f"{scratch}/tree", "--dist-dir", f"{scratch}/wheel"]
        if reuse:
            _hand_in_native_parts(Path(scratch, "build"))
        command = [sys.executable, "-W", "ignore", "setup.py", *words]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        (made,) = Path(scratch, "wheel").glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / made.name
        wheel.write_bytes(made.read_bytes())
    return wheel


def _hand_in_native_parts(build: Path) -> None:
    """Puts them where setuptools will build them; it compares their times with those of the sources, as always."""
    library = build / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for package in ("capture", "dags"):
        for path in (ROOT / package).rglob("*.abi3.so"):
            place = library / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)


if __name__ == "__main__":
    print(make_wheel(Path(sys.argv[1]).absolute(), reuse="--reuse" in sys.argv[2:]))

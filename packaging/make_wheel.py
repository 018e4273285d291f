#!/usr/bin/env python3
"""Builds the wheel: `.venv/bin/python packaging/make_wheel.py FOLDER`; its path on standard output.

Everything on the way goes to a temporary folder. `pip wheel .` builds in the tree instead, where files that were
deleted since the last build are still lying in build/lib and would be packed again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_wheel(folder: Path) -> Path:
    """The new wheel in `folder`.

    Raises: subprocess.CalledProcessError when it cannot be built; the compiler's words are on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="scope-wheel-") as scratch:
        words = ["--quiet", "egg_info", "--egg-base", scratch, "build", "--build-base", f"{scratch}/build"]
        words += ["bdist_wheel", "--bdist-dir", f"{scratch}/tree", "--dist-dir", f"{scratch}/wheel"]
        command = [sys.executable, "-W", "ignore", "setup.py", *words]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        (made,) = Path(scratch, "wheel").glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / made.name
        wheel.write_bytes(made.read_bytes())
    return wheel


if __name__ == "__main__":
    print(make_wheel(Path(sys.argv[1]).absolute()))

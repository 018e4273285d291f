"""A display for the pictures: one of its own with software OpenGL, so that they are the same wherever they are made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.interpreters import ROOT


@contextmanager
def display_of_its_own(scale: int = 1) -> Iterator[bool]:
    """A virtual display, and whether it has OpenGL; without Xvfb windows are painted without any screen."""
    if shutil.which("Xvfb") is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield False
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{1700 * scale}x{1000 * scale}x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as ready:
        number = ready.readline().strip()
    os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    try:
        yield _has_gl()
    finally:
        server.terminate()
        server.wait()


def _has_gl() -> bool:
    probe = [sys.executable, "-m", "views.building.gl_probe"]
    return subprocess.run(probe, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode == 0

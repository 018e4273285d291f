"""A display for the pictures: one of its own with software OpenGL, so that they are the same wherever they are made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.interpreters import ROOT
from tests.virtual_display import XVFB_IS_HERE, virtual_display

SIZE = "2660x1540"
"""As much as the largest window of the gallery, and a frame around it."""


@contextmanager
def display_of_its_own() -> Iterator[bool]:
    """A virtual display, and whether it has OpenGL; without Xvfb windows are painted without any screen."""
    if not XVFB_IS_HERE:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield False
        return
    with virtual_display(SIZE) as variables:
        os.environ |= variables
        yield _has_gl()


def _has_gl() -> bool:
    probe = [sys.executable, "-m", "views.building.gl_probe"]
    return subprocess.run(probe, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode == 0

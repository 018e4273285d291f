"""A display that nobody sees, for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

XVFB_IS_HERE = shutil.which("Xvfb") is not None


@contextlib.contextmanager
def virtual_display(size: str = "1600x900") -> Iterator[dict[str, str]]:
    """The variables that a program needs to open windows on a fresh display; the display ends with the block."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    try:
        if not number:
            raise AssertionError("Xvfb did not start")
        yield {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        server.terminate()
        server.wait(10)

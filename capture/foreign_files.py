"""Files that somebody else has chosen: a target's program and libraries, and what /proc tells of it.

What is there under a path may be a FIFO, which is waited for, or a device, which does something when it is opened; and
what /proc tells is as long as the program wants it to be. So a path is looked at before it is opened, by a descriptor,
and nothing is read without a bound.
"""

import os
import stat
from pathlib import Path

MOST_TOLD = 8 << 20
"""Bytes of one file of /proc; the kernel gives a new program 6 MiB for words and variables at most."""


def open_regular(path: Path | str) -> int:
    """The descriptor of a regular file, for reading. Raises: OSError, also when it is anything else."""
    seen = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(seen).st_mode):
            raise OSError(f"{path} is no regular file")
        return os.open(f"/proc/self/fd/{seen}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(seen)


def read_start(path: Path | str, most: int = MOST_TOLD) -> bytes:
    """A file's first bytes, `most` of them at most. Raises: OSError."""
    fd = open_regular(path)
    with os.fdopen(fd, "rb") as file:
        return file.read(most)

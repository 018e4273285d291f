"""The log's file: lines that are appended by any number of processes, and a second one, of what came before."""

from __future__ import annotations

import os

from capture.disk import write_whole
from scope_gui.logs import own_files

NAME = "scope-gui.log"
MOST_BYTES = 1 << 20
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def append(line: str) -> None:
    """Appends a line with one write to a file that is opened for it: processes need not know of each other.

    Raises: OSError.
    """
    with own_files.opened_folder(make=True) as folder:
        fd = own_files.open_file(folder, NAME, _APPEND)
        try:
            if os.fstat(fd).st_size > MOST_BYTES:
                os.rename(NAME, f"{NAME}.1", src_dir_fd=folder, dst_dir_fd=folder)
                os.close(fd)
                fd = own_files.open_file(folder, NAME, _APPEND)
            write_whole(fd, memoryview(f"{line}\n".encode("utf-8", "replace")))
        finally:
            os.close(fd)


def last_lines(count: int, pid: int) -> list[str]:
    """The newest lines that a process of this number has logged. Raises: OSError."""
    with own_files.opened_folder() as folder:
        lines = own_files.read_text(folder, NAME, 64 << 10, last=True).splitlines()
    return [line for line in lines if f" [{pid}] " in line][-count:]

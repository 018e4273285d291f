"""What a process has mapped into its memory, as /proc/PID/maps tells it."""

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from capture.foreign_files import read_start

_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)", re.DOTALL)
_DELETED = " (deleted)"
_MOST_MAPS = 64 << 20  # a kernel lets a process have 65 530 mappings unless it was told otherwise


class Mapping(NamedTuple):
    """Addresses [start, end) and what is there; `path` is '' for anonymous memory, '[vdso]' etc. for the kernel's."""

    start: int
    end: int
    permissions: str
    offset: int
    device: int
    inode: int
    path: str
    is_deleted: bool

    @property
    def is_code(self) -> bool:
        return "x" in self.permissions

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def read_maps(pid: int) -> list[Mapping]:
    """All mappings of `pid`, by address.

    Raises: OSError if the process is gone or may not be looked into.
    """
    mappings = []
    told = read_start(f"/proc/{pid}/maps", _MOST_MAPS)
    if len(told) == _MOST_MAPS:
        raise OSError(f"process {pid} has more in its memory than any program")
    for line in told.split(b"\n"):  # a name may hold \r
        if found := _LINE.fullmatch(line):
            start, end, permissions, offset, major, minor, inode, raw_path = found.groups()
            path = os.fsdecode(raw_path.replace(b"\\012", b"\n"))  # the one escape that the kernel makes
            deleted = path.endswith(_DELETED)
            mappings.append(
                Mapping(
                    int(start, 16),
                    int(end, 16),
                    permissions.decode(),
                    int(offset, 16),
                    os.makedev(int(major, 16), int(minor, 16)),
                    int(inode),
                    path.removesuffix(_DELETED),
                    deleted,
                )
            )
    return mappings


def processes_with(name: str) -> dict[int, list[int]]:
    """The processes that have a file of this name mapped, by its inode, as far as we may look; our own is left out."""
    found: dict[int, list[int]] = {}
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):  # noqa: PTH208  hundreds of names
        with contextlib.suppress(OSError):
            if pid != os.getpid() and f"/{name}".encode() in read_start(f"/proc/{pid}/maps", _MOST_MAPS):
                for inode in {mapping.inode for mapping in read_maps(pid) if mapping.name == name}:
                    found.setdefault(inode, []).append(pid)
    return found


def file_of(pid: int, mapping: Mapping) -> Path:
    """The mapped file itself, also if it was replaced on disk or lies in another mount namespace.

    What the kernel has mapped comes first, for a path can lead elsewhere by the time that it is opened; it takes root.
    """
    mapped = Path(f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}")
    with contextlib.suppress(OSError):
        mapped.stat()
        return mapped
    through_root = Path(f"/proc/{pid}/root{mapping.path}")
    with contextlib.suppress(OSError):
        if through_root.stat().st_ino == mapping.inode:  # the device differs on btrfs and overlays
            return through_root
    return mapped

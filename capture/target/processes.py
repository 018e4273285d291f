"""The processes on this machine, to choose one from: quick, names and a guess. `targets.describe` looks closer."""

import contextlib
import os
import re
from pathlib import Path

import msgspec
import psutil

from capture.foreign_files import read_start
from capture.names import command_line, command_words, kernel_name
from capture.target.python_build import PROGRAM_NAME, is_interpreter

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MOST_REMEMBERED = 4096
_known: dict[tuple[int, int, int], bool] = {}


class ListedProcess(msgspec.Struct, frozen=True):
    """One line of a list to choose from; `python` is a guess: '3.13', 'yes' (no name tells which), '' (not Python).

    Units: create_time in s since the epoch; cpu_s is what all its threads have used so far.
    """

    pid: int
    parent_pid: int
    create_time: float
    uid: int
    name: str
    command: str
    python: str
    cpu_s: float = 0.0
    rss_bytes: int = 0


def list_processes() -> list[ListedProcess]:
    """The processes one could attach to, those that can be seen; kernel threads are left out.

    Some 40 us per process: no symbol table is read, Python is recognised by the names of what is mapped.
    """
    booted = psutil.boot_time()
    rows = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, ValueError, IndexError):
            command = read_start(f"/proc/{pid}/cmdline")
            if command:
                rows.append(_row(pid, command, booted))
    return rows


def _row(pid: int, command: bytes, booted: float) -> ListedProcess:
    before, _, after = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")
    fields = after.split()
    return ListedProcess(
        pid=pid,
        parent_pid=int(fields[1]),
        create_time=booted + int(fields[19]) / _TICKS_PER_S,
        uid=Path(f"/proc/{pid}").stat().st_uid,
        name=kernel_name(before.partition(b"(")[2], command),
        command=command_line(command_words(command)),
        python=_guess_python(pid, command),
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        rss_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def _guess_python(pid: int, command: bytes) -> str:
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
        if found := PROGRAM_NAME.match(program):
            return f"{found[1]}.{found[2]}{found[3]}" if found[2] else "yes"
        mapped = re.search(rb"libpython(\d\.\d+t?)", read_start(f"/proc/{pid}/maps"))
        if mapped:
            return mapped[1].decode()
        status = Path(f"/proc/{pid}/exe").stat()
        return (
            "yes" if _runs_python(Path(f"/proc/{pid}/exe"), (status.st_dev, status.st_ino, status.st_mtime_ns)) else ""
        )
    except OSError:  # not ours: its first word is all we know
        found = PROGRAM_NAME.match(command.partition(b"\0")[0].decode(errors="replace").rpartition("/")[2])
        return (f"{found[1]}.{found[2]}" if found[2] else "yes") if found else ""


def _runs_python(executable: Path, identity: tuple[int, int, int]) -> bool:
    """Whether this program is an interpreter by another name; looked up once per file, some ms."""
    if identity not in _known:
        if len(_known) > _MOST_REMEMBERED:
            _known.clear()
        _known[identity] = is_interpreter(executable)
    return _known[identity]

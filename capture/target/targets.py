"""Everything about one process that decides how Scope can record it.

Every fact here has a rule in capture/rules_*.py; all are gathered without privileges and without touching the process.
What cannot be seen is None.
"""

import contextlib
import ctypes
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from capture.errors import TargetProblem
from capture.foreign_files import read_start
from capture.names import command_line, command_words, kernel_name, readable
from capture.target.elf import ElfError, ElfFile
from capture.target.maps import Mapping, file_of, read_maps
from capture.target.python_build import (
    LIBRARY_NAME,
    PythonBuild,
    is_closed_python,
    python_in_file,
)
from capture.target.python_command import x_options
from capture.target.room import Room, room_of

_POOL_MAGIC = bytes(byte ^ 0xFF for byte in (0xAC, 0xBC, 0xB0, 0xAF, 0xBA, 0xAF, 0xB3, 0xFE))
_POOL_STATE_AT = 128
_POOL_STOPPED = 2
_SIGSEGV_BIT = 1 << 10
_DELETED = " (deleted)"
_NEEDED_LIBRARIES = ("libpython", "libc.so.", "libc-2.", "libdl")
_STUCK_LOOKS, _STUCK_PAUSE_S = 6, 0.03
_KCMP = {"x86_64": 312, "aarch64": 272}
_KCMP_VM = 1
_DISABLE_VARIABLE = b"PYTHON_DISABLE_REMOTE_DEBUG"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One process and what decides how it can be recorded. None: could not be seen.

    `is_closed`: its Python exports nothing. `lost_file`: a library that it runs, which is gone from the disk and which
    we may not read in its memory. `is_stuck`: every thread of it waits inside the kernel and cannot be interrupted.

    Units: create_time in s since the epoch, as psutil. `uids`: real, effective, saved, file system.
    """

    pid: int
    create_time: float
    name: str
    command: tuple[str, ...]
    state: str
    uids: tuple[int, ...]
    gid: int
    tracer_pid: int
    capabilities: int
    has_shadow_stack: bool
    ignores_segv: bool
    is_dumpable: bool
    executable: str | None = None
    python: PythonBuild | None = None
    libpython: str | None = None
    machine: str | None = None
    is_static: bool | None = None
    is_musl: bool | None = None
    same_mount_namespace: bool | None = None
    same_pid_namespace: bool | None = None
    remote_debug_disabled_by: str | None = None
    pool: str | None = None
    is_closed: bool = False
    lost_file: str | None = None
    shares_memory_with: int | None = None
    is_stuck: bool = False
    threads: int = 1
    same_user_namespace: bool | None = None
    clock_ahead_s: int = 0
    room: Room = Room()

    @property
    def uid(self) -> int:
        """The user that files made for this process must belong to."""
        return self.uids[1]

    @property
    def command_line(self) -> str:
        return command_line(self.command) or self.name


def describe(pid: int) -> Target:
    """What can be seen of `pid`.

    Raises: TargetProblem if there is no such process, or none any more before all has been looked at.
    """
    try:
        return _seen(pid)
    except OSError:
        if Path(f"/proc/{pid}").exists():
            raise
        raise TargetProblem(f"There is no process {pid}.") from None


def _seen(pid: int) -> Target:
    try:
        create_time = psutil.Process(pid).create_time()
        status = _status_fields(pid)
        raw_command = read_start(f"/proc/{pid}/cmdline")
        comm = Path(f"/proc/{pid}/comm").read_bytes().removesuffix(b"\n")
        is_dumpable = Path(f"/proc/{pid}").stat().st_uid == int(status["Uid"].split()[1])
    except (psutil.NoSuchProcess, ValueError, OverflowError, OSError):
        raise TargetProblem(f"There is no process {pid}.") from None
    command = command_words(raw_command)
    return Target(
        pid=pid,
        create_time=create_time,
        name=kernel_name(comm, raw_command),
        command=command,
        state=status["State"][:1],
        uids=tuple(int(uid) for uid in status["Uid"].split()),
        gid=int(status["Gid"].split()[1]),
        tracer_pid=int(status["TracerPid"]),
        capabilities=int(status.get("CapPrm", "0"), 16),
        has_shadow_stack="shstk" in status.get("x86_Thread_features", ""),
        ignores_segv=bool(int(status["SigIgn"], 16) & _SIGSEGV_BIT),
        is_dumpable=is_dumpable,
        remote_debug_disabled_by=_disabled_by(pid, command),
        same_mount_namespace=_same_namespace(pid, "mnt"),
        same_pid_namespace=_same_namespace(pid, "pid"),
        same_user_namespace=_same_namespace(pid, "user"),
        clock_ahead_s=_clock_ahead_s(pid),
        threads=int(status.get("Threads", "1")),
        is_stuck=_is_stuck(pid),
        shares_memory_with=_shares_memory_with(pid, int(status["PPid"])),
        room=room_of(pid, status),
        **_what_it_runs(pid),
    )


def _what_it_runs(pid: int) -> dict[str, Any]:
    """The facts that need a look at the process's files: its executable, its libraries, a pool it records into."""
    facts: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        facts["executable"] = str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(_DELETED)
    try:
        mappings = read_maps(pid)
    except OSError:
        return facts
    executable = Path(f"/proc/{pid}/exe")
    facts["is_musl"] = any(mapping.name.startswith("ld-musl") for mapping in mappings)
    with contextlib.suppress(OSError, ElfError), ElfFile(executable) as file:
        facts["machine"] = file.machine
        facts["is_static"] = file.interpreter is None
    library = next((m for m in mappings if m.inode and LIBRARY_NAME.match(m.name)), None)
    if library:
        facts["libpython"] = library.path
        facts["python"] = python_in_file(file_of(pid, library), library.name)
    else:
        facts["python"] = python_in_file(executable, facts.get("executable", "").rpartition("/")[2])
        facts["is_closed"] = facts["python"] is None and is_closed_python(executable)
    facts["lost_file"] = next((readable(m.path) for m in mappings if m.is_deleted and _is_lost(pid, m)), None)
    facts["pool"] = next((m.path for m in mappings if m.name == "pool.bin" and _is_recording(pid, m)), None)
    return facts


def _is_recording(pid: int, mapping: Mapping) -> bool:
    """Whether the mapped file is a pool whose agent has not stopped."""
    try:
        header = read_start(file_of(pid, mapping), _POOL_STATE_AT + 4)
    except OSError:
        return False
    return header[:8] == _POOL_MAGIC and int.from_bytes(header[_POOL_STATE_AT:], "little") != _POOL_STOPPED


def _status_fields(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").split("\n")  # a name may hold other line ends
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _is_lost(pid: int, mapping: Mapping) -> bool:
    """Whether this is a library that getting in must read, and cannot."""
    if not mapping.name.startswith(_NEEDED_LIBRARIES):
        return False
    try:
        read_start(file_of(pid, mapping), 1)
    except OSError:
        return True
    return False


def _is_stuck(pid: int) -> bool:
    """Whether all threads stay in an uninterruptible wait: a dead network disk, or a vfork. A moment of it is usual."""
    for _ in range(_STUCK_LOOKS):
        for folder in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                if (folder / "stat").read_bytes().rpartition(b")")[2].split()[0] != b"D":
                    return False
        time.sleep(_STUCK_PAUSE_S)
    return True


def _shares_memory_with(pid: int, parent_pid: int) -> int | None:
    """The parent, where the process still runs in the parent's memory (vfork): what is put in there is put in both."""
    number = _KCMP.get(os.uname().machine)
    if number is None or parent_pid == 0:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return parent_pid if libc.syscall(number, pid, parent_pid, _KCMP_VM, 0, 0) == 0 else None


def _same_namespace(pid: int, kind: str) -> bool | None:
    try:
        return Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
    except OSError:
        return None


def _clock_ahead_s(pid: int) -> int:
    """How far the process's monotonic clock is ahead of ours: not 0 only in another time namespace."""
    if _same_namespace(pid, "time") is not False:
        return 0
    try:
        theirs, ours = (read_start(f"/proc/{who}/timens_offsets").split()[1] for who in (pid, "self"))
        return int(theirs) - int(ours)
    except (OSError, IndexError, ValueError):
        return 0


def _disabled_by(pid: int, command: tuple[str, ...]) -> str | None:
    """What the owner said to keep debuggers out, the way Python 3.14 understands it."""
    with contextlib.suppress(OSError):
        for variable in read_start(f"/proc/{pid}/environ").split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == _DISABLE_VARIABLE and value:
                return f"the environment variable {name.decode()}"
    for option in x_options(command[1:]):
        if option.replace("_", "-") == "disable-remote-debug":
            return f"the option -X {option}"
    return None

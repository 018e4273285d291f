"""The processes on this machine, and everything about one that decides how Scope can record it.

`list_processes` is for choosing: quick, names and a guess. `describe` is for judging: every fact that capture/doctor.py
has a rule about, gathered without privileges and without touching the process. What cannot be seen is None.
"""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import psutil

from capture.elf import ElfError, ElfFile
from capture.errors import TargetProblem
from capture.maps import Mapping, file_of, read_maps
from capture.python_build import LIBRARY_NAME, PROGRAM_NAME, PythonBuild, python_in_file
from capture.python_command import x_options

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POOL_MAGIC = bytes(byte ^ 0xFF for byte in (0xAC, 0xBC, 0xB0, 0xAF, 0xBA, 0xAF, 0xB3, 0xFE))
_POOL_STATE_AT = 128
_POOL_STOPPED = 2
_SIGSEGV_BIT = 1 << 10
_DISABLE_VARIABLE = b"PYTHON_DISABLE_REMOTE_DEBUG"


class ProcessRow(msgspec.Struct, frozen=True):
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


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One process and what decides how it can be recorded. None: could not be seen.

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
    seccomp: int
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

    @property
    def uid(self) -> int:
        """The user that files made for this process must belong to."""
        return self.uids[1]

    @property
    def command_line(self) -> str:
        return " ".join(self.command) or self.name


def describe(pid: int) -> Target:
    """What can be seen of `pid`.

    Raises: TargetProblem if there is no such process.
    """
    try:
        create_time = psutil.Process(pid).create_time()
        status = _status_fields(pid)
        command = tuple(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
        is_dumpable = Path(f"/proc/{pid}").stat().st_uid == int(status["Uid"].split()[1])
    except (psutil.NoSuchProcess, ValueError, OverflowError, OSError):
        raise TargetProblem(f"There is no process {pid}.") from None
    return Target(
        pid=pid,
        create_time=create_time,
        name=status["Name"],
        command=command,
        state=status["State"][:1],
        uids=tuple(int(uid) for uid in status["Uid"].split()),
        gid=int(status["Gid"].split()[1]),
        tracer_pid=int(status["TracerPid"]),
        seccomp=int(status.get("Seccomp", "0")),
        capabilities=int(status.get("CapPrm", "0"), 16),
        has_shadow_stack="shstk" in status.get("x86_Thread_features", ""),
        ignores_segv=bool(int(status["SigIgn"], 16) & _SIGSEGV_BIT),
        is_dumpable=is_dumpable,
        remote_debug_disabled_by=_disabled_by(pid, command),
        same_mount_namespace=_same_namespace(pid, "mnt"),
        same_pid_namespace=_same_namespace(pid, "pid"),
        **_what_it_runs(pid),
    )


def _what_it_runs(pid: int) -> dict[str, Any]:
    """The facts that need a look at the process's files: its executable, its libraries, a pool it records into."""
    facts: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        facts["executable"] = str(Path(f"/proc/{pid}/exe").readlink())
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
    facts["pool"] = next((m.path for m in mappings if m.name == "pool.bin" and _is_recording(pid, m)), None)
    return facts


def _is_recording(pid: int, mapping: Mapping) -> bool:
    """Whether the mapped file is a pool whose agent has not stopped."""
    try:
        with file_of(pid, mapping).open("rb") as file:
            header = file.read(_POOL_STATE_AT + 4)
    except OSError:
        return False
    return header[:8] == _POOL_MAGIC and int.from_bytes(header[_POOL_STATE_AT:], "little") != _POOL_STOPPED


def _status_fields(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _same_namespace(pid: int, kind: str) -> bool | None:
    try:
        return Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
    except OSError:
        return None


def _disabled_by(pid: int, command: tuple[str, ...]) -> str | None:
    """What the owner said to keep debuggers out, the way Python 3.14 understands it."""
    with contextlib.suppress(OSError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == _DISABLE_VARIABLE and value:
                return f"the environment variable {name.decode()}"
    for option in x_options(command[1:]):
        if option.replace("_", "-") == "disable-remote-debug":
            return f"the option -X {option}"
    return None


def list_processes() -> list[ProcessRow]:
    """The processes one could attach to, those that can be seen; kernel threads are left out.

    Some 40 us per process: no symbol table is read, Python is recognised by the names of what is mapped.
    """
    booted = psutil.boot_time()
    rows = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, ValueError, IndexError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if command:
                rows.append(_row(pid, command, booted))
    return rows


def _row(pid: int, command: bytes, booted: float) -> ProcessRow:
    before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    fields = after.split()
    return ProcessRow(
        pid=pid,
        parent_pid=int(fields[1]),
        create_time=booted + int(fields[19]) / _TICKS_PER_S,
        uid=Path(f"/proc/{pid}").stat().st_uid,
        name=before.partition("(")[2],
        command=command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace"),
        python=_guess_python(pid, command),
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        rss_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def _guess_python(pid: int, command: bytes) -> str:
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
        if found := PROGRAM_NAME.match(program):
            return f"{found[1]}.{found[2]}{found[3]}" if found[2] else "yes"
        mapped = re.search(rb"libpython(\d\.\d+t?)", Path(f"/proc/{pid}/maps").read_bytes())
        return mapped[1].decode() if mapped else ""
    except OSError:  # not ours: its first word is all we know
        found = PROGRAM_NAME.match(command.partition(b"\0")[0].decode(errors="replace").rpartition("/")[2])
        return (f"{found[1]}.{found[2]}" if found[2] else "yes") if found else ""

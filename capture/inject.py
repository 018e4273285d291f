"""Loading a library into a running process that knows nothing of it, and calling one function there.

Files tell where things are: the target's mappings say which libraries it has and where, their symbol tables where
`dlopen` is. `native/host/inject*.c` does the rest in one call: it stops one thread of the target at a point where the
call cannot freeze it (inject_safe.c says what that is), calls in, and puts the thread back as it was.
"""

import ctypes
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from capture.elf import ElfError, ElfFile
from capture.errors import ScopeBug, TargetProblem
from capture.hostlib import host_library
from capture.maps import Mapping, file_of, read_maps

HUNT_MS = 3000
CALL_MS = 2000
ENTRY = "scope_inject_start"
_SIGRETURN = bytes.fromhex("48c7c00f0000000f05")
"""`mov $15,%rax; syscall`: what libc gives the kernel as the return address of its signal handlers."""
_PF_EXITING = 0x4
_LIBC_NAMES = ("libc.so.", "libc-2.")
_LOADER_NAMES = ("ld-linux", "ld-2.", "ld.so")
_LIBC_PIECES = ("libpthread", "libdl.", "libdl-")
_ALLOCATOR_NAMES = ("malloc", "tbbmalloc", "libasan", "libtsan", "libmsan")


class _CodeRange(ctypes.Structure):
    _fields_ = (("start", ctypes.c_uint64), ("end", ctypes.c_uint64))


class _Plan(ctypes.Structure):
    """struct scope_inject_plan of native/host/inject.h."""

    _fields_ = (
        ("pid", ctypes.c_int32),
        ("unsafe_count", ctypes.c_uint32),
        ("unsafe", ctypes.POINTER(_CodeRange)),
        ("loader_count", ctypes.c_uint32),
        ("hunt_ms", ctypes.c_uint32),
        ("loader", ctypes.POINTER(_CodeRange)),
        ("call_ms", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
        ("mmap_address", ctypes.c_uint64),
        ("munmap_address", ctypes.c_uint64),
        ("errno_address", ctypes.c_uint64),
        ("dlopen_address", ctypes.c_uint64),
        ("dlerror_address", ctypes.c_uint64),
        ("sigreturn_address", ctypes.c_uint64),
        ("library_base", ctypes.c_uint64),
        ("entry_offset", ctypes.c_uint64),
        ("library", ctypes.c_char_p),
        ("argument", ctypes.c_char_p),
    )


class _Result(ctypes.Structure):
    """struct scope_inject_result of native/host/inject.h."""

    _fields_ = (
        ("status", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("tid", ctypes.c_int32),
        ("syscall_nr", ctypes.c_int32),
        ("attempts", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
        ("stopped_ns", ctypes.c_uint64),
        ("hunt_ns", ctypes.c_uint64),
        ("library_base", ctypes.c_uint64),
        ("value", ctypes.c_int64),
        ("message", ctypes.c_char * 240),
    )


class Injection(NamedTuple):
    """How it went: the thread used, the system call it was blocked in (-1: it was running), stops made, times."""

    tid: int
    syscall_nr: int
    attempts: int
    hunt_ns: int
    stopped_ns: int


def inject(
    pid: int, library: Path, argument: str, *, entry: str = ENTRY, hunt_ms: int = HUNT_MS, call_ms: int = CALL_MS
) -> Injection:
    """Have `pid` call `int entry(const char *argument)` of `library`, loaded into it first if it is not there yet.

    `library` is a path that means the same file to the target. Returns once the function returned 0.
    Raises: TargetProblem with the reason; the target then runs on as before.
    """
    plan = _plan(pid, library, argument, entry)
    plan.hunt_ms, plan.call_ms = hunt_ms, call_ms
    return _run(pid, plan)


def _run(pid: int, plan: _Plan) -> Injection:
    result = _Result()
    host_library().scope_inject(ctypes.byref(plan), ctypes.byref(result))
    if result.status != 0:
        text = bytes(result.message).decode(errors="replace")
        if result.status == 2 and has_ended(pid):  # what the kernel answers about a process on its way out
            raise _problem(pid, 1)
        raise _problem(pid, result.status, text or os.strerror(result.error), int(result.value))
    return Injection(result.tid, result.syscall_nr, result.attempts, result.hunt_ns, result.stopped_ns)


_SENTENCES: dict[int, tuple[str, str | None]] = {
    1: ("Process {pid} ended while Scope was attaching to it.", None),
    2: ("The kernel does not let Scope enter process {pid}: {why}.", "`scope-gui doctor {pid}` says what is missing."),
    3: ("Process {pid} is stopped and can let nobody in.", "Continue it (`kill -CONT {pid}`) and attach again."),
    4: ("No thread of process {pid} came to a point where it can be entered safely.", "Attach again in a moment."),
    5: ("Process {pid} cannot load Scope's recorder: {why}.", None),
    6: ("Scope's recorder could not start a thread in process {pid} (error {value}).", None),
    7: ("Process {pid} is busy loading a library and did not finish; Scope let it go.", "Attach again later."),
    8: ("Loading Scope's recorder into process {pid} ended in a fault ({why}).", None),
    9: ("Process {pid} cannot be entered: {why}.", None),
}
"""By enum scope_inject_status: what the user reads."""


def _problem(pid: int, status: int, why: str = "", value: int = 0) -> Exception:
    if status not in _SENTENCES:
        return ScopeBug(f"scope_inject: status {status}, {why}")
    sentence, remedy = _SENTENCES[status]
    return TargetProblem(sentence.format(pid=pid, why=why, value=value), remedy and remedy.format(pid=pid))


def has_ended(pid: int) -> bool:
    """Whether the process is gone, on its way out, or only waits for its parent to look at it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0] in "ZX" or bool(int(fields[6]) & _PF_EXITING)
    except (OSError, IndexError):
        return True


def _plan(pid: int, library: Path, argument: str, entry: str) -> _Plan:
    try:
        mappings = read_maps(pid)
    except PermissionError:
        raise _problem(pid, 2, "its memory is not ours to see") from None
    except OSError:
        raise _problem(pid, 1) from None
    plan = _Plan(pid=pid, library=os.fsencode(_spelling(mappings, library)), argument=os.fsencode(argument))
    functions = _libc_functions(pid, mappings)
    plan.mmap_address, plan.munmap_address = functions["mmap"], functions["munmap"]
    plan.errno_address, plan.dlopen_address = functions["__errno_location"], functions["dlopen"]
    plan.dlerror_address, plan.sigreturn_address = functions.get("dlerror", 0), functions.get("sigreturn", 0)
    plan.library_base, plan.entry_offset = _library(mappings, library, entry)
    loaders = [mapping for mapping in mappings if mapping.is_code and mapping.name.startswith(_LOADER_NAMES)]
    unsafe = [mapping for mapping in mappings if mapping.is_code and _may_hold_locks(pid, mapping)]
    plan.loader, plan.loader_count = _ranges(loaders), len(loaders)
    plan.unsafe, plan.unsafe_count = _ranges(unsafe), len(unsafe)
    return plan


def _ranges(mappings: Iterable[Mapping]) -> "ctypes.Array[_CodeRange]":
    ranges = [_CodeRange(mapping.start, mapping.end) for mapping in mappings]
    return (_CodeRange * len(ranges))(*ranges)


def _libc_functions(pid: int, mappings: list[Mapping]) -> dict[str, int]:
    """Addresses in the target of what is called there."""
    found: dict[str, int] = {}
    for mapping in _first_of_each(mappings):
        is_libc = mapping.name.startswith(_LIBC_NAMES)
        if not is_libc and not mapping.name.startswith("libdl"):
            continue
        names = ["dlopen", "dlerror"]
        if is_libc:
            names += ["mmap", "munmap", "__errno_location", "__libc_dlopen_mode"]
        offsets = _offsets(file_of(pid, mapping), mapping.inode, tuple(names), is_libc)
        bias = mapping.start - offsets.get("start", 0)
        found |= {name: bias + offset for name, offset in offsets.items() if name != "start"}
    if "dlopen" not in found and "__libc_dlopen_mode" in found:
        found["dlopen"] = found["__libc_dlopen_mode"]
    if not {"mmap", "munmap", "__errno_location", "dlopen"} <= found.keys():
        raise TargetProblem(f"Process {pid} has no GNU C library that Scope could ask to load its recorder.")
    return found


@lru_cache(maxsize=64)
def _offsets(path: Path, inode: int, names: tuple[str, ...], with_sigreturn: bool) -> dict[str, int]:
    """Addresses of `names` in a file, and of its first byte under 'start'."""
    try:
        with ElfFile(path) as file:
            offsets = {name: symbol.address for name in names if (symbol := file.symbol(name)) and symbol.is_function}
            offsets["start"] = -(file.bias(0, 0) or 0)
            if with_sigreturn and (address := file.find_code(_SIGRETURN)) is not None:
                offsets["sigreturn"] = address
            return offsets
    except (OSError, ElfError):
        return {}


def loadable_path(pid: int, library: Path) -> str:
    """How to name `library` to the loader of `pid`, so that it cannot take it for an older file of that name.

    The loader goes by the name's spelling before it looks at the file. After Scope was updated, a process that
    was attached to before would get its old copy again; one more slash makes the name another one.
    """
    try:
        return _spelling(read_maps(pid), library)
    except OSError:
        return str(library)


def _spelling(mappings: list[Mapping], library: Path) -> str:
    inode = library.stat().st_ino
    older = {mapping.inode for mapping in mappings if mapping.path == str(library) and mapping.inode != inode}
    return f"{library.parent}/{'/' * len(older)}{library.name}"


def _library(mappings: list[Mapping], library: Path, entry: str) -> tuple[int, int]:
    """Where the library lies in the target (0: not loaded yet), and where `entry` is in it."""
    with ElfFile(library) as file:
        symbol = file.symbol(entry)
        if symbol is None:
            raise ScopeBug(f"{library} does not export {entry}")
        inode = library.stat().st_ino
        for mapping in mappings:
            if mapping.inode == inode and mapping.name == library.name and not mapping.is_deleted:
                return file.bias(mapping.start, mapping.offset) or 0, symbol.address
        return 0, symbol.address


def _may_hold_locks(pid: int, mapping: Mapping) -> bool:
    """Whether code of this mapping may run with a lock of malloc's or the loader's taken."""
    name = mapping.name
    if name.startswith("[v") or name.startswith(_LIBC_NAMES + _LOADER_NAMES + _LIBC_PIECES):
        return True
    if any(part in name for part in _ALLOCATOR_NAMES):
        return True
    return bool(mapping.inode) and _defines_malloc(file_of(pid, mapping), mapping.inode)


@lru_cache(maxsize=1024)
def _defines_malloc(path: Path, inode: int) -> bool:
    try:
        with ElfFile(path) as file:
            return file.symbol("malloc") is not None
    except (OSError, ElfError):
        return False


def _first_of_each(mappings: list[Mapping]) -> list[Mapping]:
    """The first mapping of every file."""
    first: dict[tuple[int, int], Mapping] = {}
    for mapping in mappings:
        if mapping.inode:
            first.setdefault((mapping.device, mapping.inode), mapping)
    return list(first.values())

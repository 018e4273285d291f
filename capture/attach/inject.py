"""Loading a library into a running process that knows nothing of it, and calling one function there.

Files tell where things are: the target's mappings say which libraries it has and where, their symbol tables where
`dlopen` is. `native/host/inject*.c` does the rest in one call: it stops one thread of the target at a point where the
call cannot freeze it (inject_safe.c says what that is), calls in, and puts the thread back as it was.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from capture.attach.rights import Rights, refuse_if_changed
from capture.attach.target_code import TargetCode
from capture.errors import ScopeBug, TargetProblem
from capture.hostlib import host_library
from capture.target.maps import Mapping

HUNT_MS = 3000
CALL_MS = 2000
ENTRY = "scope_inject_start"
_PF_EXITING = 0x4


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
        ("memory", ctypes.c_int32),
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
    pid: int,
    library: Path,
    argument: str,
    *,
    entry: str = ENTRY,
    hunt_ms: int = HUNT_MS,
    call_ms: int = CALL_MS,
    rights: Rights | None = None,
) -> Injection:
    """Have `pid` call `int entry(const char *argument)` of `library`, loaded into it first if it is not there yet.

    `library` is a path that means the same file to the target. `rights`: those that the argument is meant for; what
    becomes another program, perhaps another user's, is not entered. Returns once the function returned 0.
    Raises: TargetProblem with the reason; the target then runs on as before.
    """
    plan = _plan(pid, library, argument, entry, rights)
    plan.hunt_ms, plan.call_ms = hunt_ms, call_ms
    return _run(pid, plan)


def _run(pid: int, plan: _Plan) -> Injection:
    result = _Result()
    try:
        host_library().scope_inject(ctypes.byref(plan), ctypes.byref(result))
    finally:
        os.close(plan.memory)
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


def _plan(pid: int, library: Path, argument: str, entry: str, rights: Rights | None = None) -> _Plan:
    with contextlib.ExitStack() as undone:
        try:
            # Of the program that runs now: once it has become another one, this reads nothing and no thread is entered.
            memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
            undone.callback(os.close, memory)
            if rights is not None:
                refuse_if_changed(pid, rights)
            code = TargetCode(pid)
            functions = code.libc_functions()
            base, offset = code.library_entry(library, entry)
        except PermissionError:
            raise _problem(pid, 2, "its memory is not ours to see") from None
        except OSError:
            raise _problem(pid, 1) from None
        loaders, unsafe = code.loader_code(), code.code_under_locks()
        undone.pop_all()  # it is closed with the plan
    return _Plan(
        pid=pid,
        memory=memory,
        unsafe=_ranges(unsafe),
        unsafe_count=len(unsafe),
        loader=_ranges(loaders),
        loader_count=len(loaders),
        mmap_address=functions["mmap"],
        munmap_address=functions["munmap"],
        errno_address=functions["__errno_location"],
        dlopen_address=functions["dlopen"],
        dlerror_address=functions.get("dlerror", 0),
        sigreturn_address=functions.get("sigreturn", 0),
        library_base=base,
        entry_offset=offset,
        library=os.fsencode(code.loadable_path(library)),
        argument=os.fsencode(argument),
    )


def _ranges(mappings: Iterable[Mapping]) -> "ctypes.Array[_CodeRange]":
    ranges = [_CodeRange(mapping.start, mapping.end) for mapping in mappings]
    return (_CodeRange * len(ranges))(*ranges)

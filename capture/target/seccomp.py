"""Whether a process that filters its system calls would survive being recorded.

A filter (seccomp, as sandboxes, systemd and containers install it) may answer a call with an error, or end the process
for it. What it does can be read only by an administrator; then every call that Scope makes inside a target is run
through it here, with the arguments that are known, along every path that the unknown ones leave open. A user who may
not read it can still know it where Scope lives under the very same filter: a process of Scope's own tries the calls.

Nothing is guessed: what is neither proved nor tried is `unknown`.
Source: seccomp(2), bpf(4) classic; the calls: `strace -ff` of recorded programs on 3.10, 3.12 and 3.15, glibc 2.36.
"""

import ctypes
import errno
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from capture.hostlib import host_library
from capture.target.bpf import Instruction, answers

UNKNOWN = "?"
STRICT, FILTERED = 1, 2
_X86_64 = 0xC000003E
_ALLOW, _LOG, _ERRNO = 0x7FFF0000, 0x7FFC0000, 0x00050000
_MOST_INSTRUCTIONS = 64 * 4096
_MOST_FILTERS = 64
_MOST_THREADS = 256
_INSTRUCTION = struct.Struct("<HBBI")


class Call(NamedTuple):
    """A system call that Scope makes in a target. `arguments`: those that are known, by position.

    `is_optional`: ENOSYS makes the C library take another way; any error at all is fine for `madvise`.
    """

    name: str
    number: int
    arguments: tuple[int | None, ...] = ()
    is_optional: bool = False


_THREAD_FLAGS = 0x3D0F00
CALLS: tuple[Call, ...] = (
    *(Call(name, number) for name, number in (
        ("read", 0), ("write", 1), ("close", 3), ("fstat", 5), ("poll", 7), ("lseek", 8), ("mmap", 9), ("mprotect", 10),
        ("munmap", 11), ("brk", 12), ("rt_sigprocmask", 14), ("rt_sigreturn", 15), ("pread64", 17), ("access", 21),
        ("getpid", 39), ("connect", 42), ("sendto", 44), ("recvfrom", 45), ("getsockopt", 55), ("exit", 60),
        ("fcntl", 72), ("ftruncate", 77), ("getcwd", 79), ("rename", 82), ("unlink", 87), ("readlink", 89),
        ("geteuid", 107), ("gettid", 186),
        ("futex", 202), ("restart_syscall", 219), ("clock_gettime", 228), ("clock_nanosleep", 230), ("openat", 257),
        ("newfstatat", 262), ("pipe2", 293),
    )),
    Call("socket", 41, (1,)),
    Call("clone", 56, (_THREAD_FLAGS,)),
    Call("clone3", 435, is_optional=True),
    Call("madvise", 28, is_optional=True),
    Call("mremap", 25),
    Call("set_robust_list", 273, is_optional=True),
    Call("rseq", 334, is_optional=True),
)  # fmt: skip


class Confinement(msgspec.Struct, frozen=True):
    """What seccomp does to a process: its strictest mode, and the first call of ours that it refuses.

    `refuses`: '' for none, UNKNOWN where that could not be found out.
    """

    mode: int = 0
    refuses: str = ""


def confinement(pid: int) -> Confinement:
    """How far seccomp stands in the way of recording `pid`. Reading a filter stops each thread for some 50 us."""
    modes = dict(_modes(pid))
    mode = STRICT if STRICT in [mode for mode, _ in modes.values()] else max((m for m, _ in modes.values()), default=0)
    if mode != FILTERED:
        return Confinement(mode, "" if mode == 0 else "open")
    confined = [tid for tid, (own, _) in modes.items() if own]
    if len(confined) > _MOST_THREADS or sys.platform != "linux":
        return Confinement(mode, UNKNOWN)
    try:
        refused = (refused_by(programs_of(tid)) for tid in confined)
        return Confinement(mode, next(filter(None, refused), ""))
    except OSError:
        filters = {count for own, count in modes.values() if own}
        return Confinement(mode, _tried_here() if _is_our_own(filters) else UNKNOWN)


def programs_of(tid: int) -> list[list[Instruction]]:
    """The filters of a thread: their instructions (code, jump if true, jump if false, constant).

    Raises: OSError if they may not be read.
    """
    buffer = ctypes.create_string_buffer(_MOST_INSTRUCTIONS * _INSTRUCTION.size)
    lengths = (ctypes.c_uint32 * _MOST_FILTERS)()
    count = host_library().scope_seccomp_filters(tid, buffer, _MOST_INSTRUCTIONS, lengths, _MOST_FILTERS)
    if count < 0:
        raise OSError(-count, "the seccomp filters cannot be read")
    data, programs, at = memoryview(buffer).cast("B"), [], 0
    for length in lengths[:count]:
        size = length * _INSTRUCTION.size
        programs.append(list(_INSTRUCTION.iter_unpack(data[at : at + size])))
        at += size
    return programs


def refused_by(programs: Sequence[Sequence[Instruction]]) -> str:
    """The first call of ours that one of these filters may refuse, '' if they let all pass."""
    for call in CALLS:
        for program in programs:
            if not all(_passes(action, call) for action in answers(program, partial(_field, call))):
                return call.name
    return ""


def _passes(action: int | None, call: Call) -> bool:
    if action is None:
        return False
    if action & 0xFFFF0000 in (_ALLOW, _LOG):
        return True
    return call.is_optional and action & 0xFFFF0000 == _ERRNO and (
        action & 0xFFFF == errno.ENOSYS or call.name == "madvise"
    )  # fmt: skip


def _field(call: Call, offset: int) -> int | None:
    """A word of struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits."""
    if offset == 0:
        return call.number
    if offset == 4:
        return _X86_64
    position, upper = divmod(offset - 16, 8)
    known = call.arguments[position] if 0 <= position < len(call.arguments) else None
    return None if known is None or upper not in (0, 4) else known >> (8 * upper) & 0xFFFFFFFF


def _modes(pid: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """(thread, (mode, number of filters)) of every thread that can be seen."""
    for folder in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield int(folder.name), _mode_in((folder / "status").read_bytes())
        except OSError:
            continue


def _mode_in(status: bytes) -> tuple[int, int]:
    fields = {}
    for line in status.splitlines():
        if line.startswith(b"Seccomp"):
            name, _, value = line.partition(b":")
            fields[name] = int(value)
    return fields.get(b"Seccomp", 0), fields.get(b"Seccomp_filters", -1)


def _is_our_own(filters: set[int]) -> bool:
    """Whether the filters are those that Scope and the first process of this container live under, and no more.

    Filters are inherited and only ever added: the same number below the same first process is the same filters.
    """
    try:
        here = {_mode_in(Path(f"/proc/{pid}/status").read_bytes()) for pid in ("self", "1")}
    except OSError:
        return False
    return len(filters) == 1 and here == {(FILTERED, *filters)} and min(filters) > 0


_TRY = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
calls = {calls!r}
for name, number, arguments, optional in calls:
    given = [-1 if value is None else value for value in arguments] + [-1] * (6 - len(arguments))
    print(name, flush=True)
    if libc.syscall(number, *map(ctypes.c_long, given)) < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
        if not optional:
            raise SystemExit(1)
print("", flush=True)
"""
_CLONE_REFUSED_BY_THE_KERNEL = 0x800
"""CLONE_SIGHAND alone: the filter sees a plain clone, the kernel answers EINVAL."""
_NOT_TRIED = {"rt_sigreturn", "exit", "futex", "restart_syscall"}


def _tried_here() -> str:
    """The first call that a process of ours is refused; arguments are such that an allowed one does nothing."""
    calls = [
        tuple(call._replace(arguments=(_CLONE_REFUSED_BY_THE_KERNEL,)) if call.name == "clone" else call)
        for call in CALLS
        if call.name not in _NOT_TRIED
    ]
    try:
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _TRY.format(calls=calls)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return tried.stdout.splitlines()[-1] if tried.stdout else UNKNOWN

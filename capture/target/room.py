"""How much of what the kernel rations a process has left: files, memory, threads. Scope needs some of each inside it.

What the kernel refuses to us it may also refuse, by a signal, to the program itself: a file that grows beyond
RLIMIT_FSIZE brings SIGXFSZ to whichever of the program's threads made it grow.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

_CAP_IPC_LOCK, _CAP_SYS_ADMIN, _CAP_SYS_RESOURCE = 1 << 14, 1 << 21, 1 << 24
_LIMITS = {
    "Max file size": "file",
    "Max data size": "data",
    "Max stack size": "stack",
    "Max processes": "threads",
    "Max open files": "files",
    "Max locked memory": "locked",
    "Max address space": "address",
}
_UNLIMITED_STACK_BYTES = 2 << 20
"""What glibc gives a thread where the limit is none."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is left; None: unlimited, or not to be seen. `file_bytes`: how large a file may become.

    `stack_bytes` is what a new thread takes; `locked_bytes` counts only in a process that keeps memory locked.
    `group_bytes` is what the process and those in its control groups may use together, caches of files left out.
    """

    files: int | None = None
    file_bytes: int | None = None
    address_bytes: int | None = None
    data_bytes: int | None = None
    locked_bytes: int | None = None
    group_bytes: int | None = None
    threads: int | None = None
    stack_bytes: int = 8 << 20


def room_of(pid: int, status: Mapping[str, str]) -> Room:
    """What `pid` has left. `status`: its /proc/PID/status by field."""
    limits = _limits(pid)
    capabilities = int(status.get("CapEff", "0"), 16)
    locked = _kib(status, "VmLck")
    return Room(
        files=_left(limits.get("files"), _open_files(pid)),
        file_bytes=limits.get("file"),
        address_bytes=_left(limits.get("address"), _kib(status, "VmSize")),
        data_bytes=_left(limits.get("data"), _kib(status, "VmData")),
        locked_bytes=_left(limits.get("locked"), locked) if locked and not capabilities & _CAP_IPC_LOCK else None,
        group_bytes=_least(_memory_left(group) for group in _groups(pid, "memory")),
        threads=_threads_left(pid, int(status["Uid"].split()[0]), capabilities, limits.get("threads")),
        stack_bytes=limits.get("stack") or _UNLIMITED_STACK_BYTES,
    )


def _left(limit: int | None, used: int | None) -> int | None:
    return None if limit is None or used is None else max(0, limit - used)


def _kib(status: Mapping[str, str], field: str) -> int:
    return int(status.get(field, "0 kB").split()[0]) << 10


def _limits(pid: int) -> dict[str, int]:
    """The limits that are set, by our names for them."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            name = _LIMITS.get(line[:26].strip())
            soft = line[26:].split()[:1]
            if name and soft and soft[0].isdecimal():
                found[name] = int(soft[0])
    return found


def _open_files(pid: int) -> int | None:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None


def _threads_left(pid: int, uid: int, capabilities: int, limit: int | None) -> int | None:
    """By the user's limit, which does not bind administrators, and by the control group's."""
    left = [_threads_left_in(group) for group in _groups(pid, "pids")]
    if limit is not None and uid != 0 and not capabilities & (_CAP_SYS_ADMIN | _CAP_SYS_RESOURCE):
        left.append(max(0, limit - _threads_of_user(uid)))
    return _least(left)


def _threads_of_user(uid: int) -> int:
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == uid:
                count += len(list((folder / "task").iterdir()))
    return count


def _groups(pid: int, controller: str) -> Iterator[Path]:
    """The control groups that ration this to the process: its own and those above it, of both hierarchies."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", controller):
                root = Path("/sys/fs/cgroup") / controllers
                folder = root / path.lstrip("/")
                yield from (group for group in (folder, *folder.parents) if group.is_relative_to(root))


def _threads_left_in(group: Path) -> int | None:
    return _left(_number(group / "pids.max"), _number(group / "pids.current"))


def _memory_left(group: Path) -> int | None:
    """What the group may still take before a process in it is killed, or held up (memory.high)."""
    limits = [_number(group / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes")]
    used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes")
    if used is None:
        return None
    caches = 0
    with contextlib.suppress(OSError, ValueError, KeyError):
        rows = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        total = "total_" if "total_cache" in rows else ""  # of the first hierarchy: with the groups below
        caches = int(rows[f"{total}inactive_file"]) + int(rows[f"{total}active_file"])
    return _left(_least(limits), used - caches)


def _number(path: Path) -> int | None:
    """What a file of a control group says; None where there is none, or no limit ("max")."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)

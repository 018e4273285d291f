"""How much of what the kernel rations a process has left: files, memory, threads. Scope needs some of each inside it.

What the kernel refuses to us it may also refuse, by a signal, to the program itself: a file that grows beyond
RLIMIT_FSIZE brings SIGXFSZ to whichever of the program's threads made it grow.
"""

import contextlib
from collections.abc import Mapping
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
    """

    files: int | None = None
    file_bytes: int | None = None
    address_bytes: int | None = None
    data_bytes: int | None = None
    locked_bytes: int | None = None
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
    left = [_group_left(pid)]
    if limit is not None and uid != 0 and not capabilities & (_CAP_SYS_ADMIN | _CAP_SYS_RESOURCE):
        left.append(max(0, limit - _threads_of_user(uid)))
    return min((number for number in left if number is not None), default=None)


def _threads_of_user(uid: int) -> int:
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == uid:
                count += len(list((folder / "task").iterdir()))
    return count


def _group_left(pid: int) -> int | None:
    """The least that the process's control group and those above it allow."""
    left = []
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "pids"):
                continue
            root = Path("/sys/fs/cgroup") / controllers
            folder = root / path.lstrip("/")
            for group in (folder, *folder.parents):
                with contextlib.suppress(OSError, ValueError):
                    most = int((group / "pids.max").read_text())
                    left.append(max(0, most - int((group / "pids.current").read_text())))
                if group == root:
                    break
    return min(left, default=None)

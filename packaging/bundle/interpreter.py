"""The bundle's Python: the interpreter behind .venv with its standard library, made to run wherever it lies."""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path

from linking import strip_debug

MINOR = f"python{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = (
    *("test", "tests", "idlelib", "tkinter", "turtle.py", "turtledemo", "lib2to3", "ensurepip", "config-*"),
    *("pydoc_data", "site-packages", "dist-packages", "__pycache__", "EXTERNALLY-MANAGED"),
    # These link libraries under the GPL, which would then count for the whole bundle.
    *("readline.*", "_gdbm.*"),
    *("_tkinter.*", "_dbm.*", "_crypt.*", "nis.*", "_test*", "_ctypes_test*", "_xx*", "xxlimited*"),
)
# Debian's site module looks for packages in other folders than everybody else's.
_SITE = """\
import site, sys
site.addsitedir(f"{sys.prefix}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages")
"""


def copy(home: Path) -> Path:
    """Copies it to `home`; the folder for packages."""
    library = home / "lib" / MINOR
    source = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        source, library, ignore=lambda _, names: left_out(names), symlinks=False, ignore_dangling_symlinks=True
    )
    (home / "bin").mkdir()
    program = home / "bin" / MINOR
    shutil.copy2(os.path.realpath(sys._base_executable), program)  # type: ignore[attr-defined]
    (home / "bin" / "python3").symlink_to(MINOR)
    (home / "bin" / "python").symlink_to(MINOR)
    shared = _shared_library()
    if shared is not None:
        shutil.copy2(shared, home / "lib" / shared.name)
    for path in (program, *home.glob("lib/*.so*"), *library.glob("lib-dynload/*.so")):
        strip_debug(path)
    _forget_where_it_was_built(library)
    packages = library / "site-packages"
    packages.mkdir()
    (library / "sitecustomize.py").write_text(_SITE)
    return packages


def left_out(names: list[str]) -> set[str]:
    """Those of a folder's names that do not come along."""
    return {name for name in names if any(fnmatch(name, pattern) for pattern in LEFT_OUT)}


def compile_all(home: Path) -> None:
    """Byte code beside every module, valid whatever happens to the files' times: the folder may be read-only.

    The names in it are relative; the interpreter puts in where a file really lies.
    """
    compileall.compile_dir(
        str(home / "lib"),
        quiet=2,
        workers=0,
        stripdir=str(home),
        prependdir="",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _shared_library() -> Path | None:
    """libpython, when this interpreter has its code there and not in its program."""
    maps = Path("/proc/self/maps").read_text()
    found = re.search(rf"(/\S*/lib{re.escape(MINOR)}\.so\.\S+)", maps)
    return Path(found[1]) if found else None


def _forget_where_it_was_built(library: Path) -> None:
    """Takes this machine's folders out of the build's record; at run time the interpreter knows its own."""
    for path in library.glob("_sysconfigdata*.py"):
        path.write_text(path.read_text().replace(sys.base_prefix, "/usr/local"))

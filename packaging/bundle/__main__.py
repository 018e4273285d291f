#!/usr/bin/env python3
"""Makes dist/scope-gui-VERSION-linux-ARCH.tar.gz: Scope with a Python of its own, to be unpacked anywhere and run.

    .venv/bin/python packaging/bundle            what `make bundle` runs

    scope-gui-0.1.0-linux-x86_64/
      scope-gui        the launcher
      README.txt  LICENSE  THIRD-PARTY.txt  licences/
      python/          the interpreter and standard library of .venv, the pinned libraries, Scope from its wheel

A real interpreter and not a frozen program: Scope starts modules of its own (`sys.executable -m`), runs a person's
scripts where there is no other Python, and hands agent files and a native recorder to targets, all of which a
frozen program would need special cases for. Qt's libraries stay files that can be exchanged, as the LGPL asks.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import contents
import interpreter
import linking
import notices
import smoke

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = """\
#!/bin/sh
# Starts Scope with the Python beside this file. -I: PYTHONPATH, PYTHONHOME and the like are for the programs that you
# record; they reach those programs and not Scope.
here=$(dirname "$(readlink -f "$0")")
exec "$here/python/bin/python3" -I -m scope_gui "$@"
"""
README = """\
Scope {version}: a time-travel debugger for Python. Nothing has to be installed; this folder may lie anywhere.
After moving it, tell the desktop again where it is.

    ./scope-gui                       the window
    ./scope-gui run -- python app.py  record a program
    ./scope-gui --install-desktop     the desktop's menu, and .scope files open with a double click
    ./scope-gui --help                everything else

It needs Linux on {machine} with glibc {glibc} or newer; its window also needs a desktop
(X11 or Wayland, OpenGL, fontconfig).
Scope's licence is in LICENSE, those of the parts it is made of in THIRD-PARTY.txt and licences/.
"""


def main() -> int:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"scope-gui-{version}-linux-{platform.machine()}"
    with tempfile.TemporaryDirectory(prefix="scope-bundle-") as scratch:
        folder = Path(scratch, name)
        home = folder / "python"
        print("Copying the interpreter and the libraries", flush=True)
        packages = interpreter.copy(home)
        distributions = contents.copy(packages)
        _install_wheel(home, packages, Path(scratch))
        contents.drop_unused_qt(packages)
        system = linking.complete(home, packages)
        interpreter.compile_all(home)
        notices.write(folder, distributions, system)
        (folder / "scope-gui").write_text(LAUNCHER)
        (folder / "scope-gui").chmod(0o755)
        glibc = linking.glibc_needed(home)
        (folder / "README.txt").write_text(README.format(version=version, machine=platform.machine(), glibc=glibc))
        archive = _archive(folder)
        unpacked = contents.size(folder) / 2**20
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 2**20:.0f} MiB, unpacked {unpacked:.0f} MiB")
    print("Trying it in an empty folder", flush=True)
    smoke.run(archive, version)
    return 0


def _install_wheel(home: Path, packages: Path, scratch: Path) -> None:
    """Unpacks our wheel: its files are where pip would put them, its scripts are replaced by the launcher."""
    command = [sys.executable, str(ROOT / "packaging" / "make_wheel.py"), str(scratch / "wheel")]
    wheel = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (data,) = packages.glob("scope_gui-*.data")
    shutil.copytree(data / "data", home, dirs_exist_ok=True)
    shutil.rmtree(data)


def _archive(folder: Path) -> Path:
    """The folder as one file; owner and times are nobody's, so that the same contents give the same names."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    archive = ROOT / "dist" / f"{folder.name}.tar.gz"
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        tar.add(folder, folder.name, filter=plain)
    return archive


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (linking.BundleProblem, subprocess.CalledProcessError) as problem:
        print(f"the bundle was not made: {problem}", file=sys.stderr)
        sys.exit(1)

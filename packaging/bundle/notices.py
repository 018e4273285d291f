"""Whose work the bundle is made of, and under which terms."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution
from pathlib import Path

UNKNOWN = "see its dist-info"
ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
What this bundle is made of. Python's libraries carry their licences in python/lib/python*/site-packages/NAME.dist-info;
those of the system's libraries are in licences/. Qt and PySide6 are used under the LGPL 3: their libraries are the
files python/lib/python*/site-packages/PySide6/Qt/lib/*, and may be exchanged for others.

"""


def write(folder: Path, distributions: list[Distribution], system: list[Path]) -> None:
    """LICENSE, THIRD-PARTY.txt and licences/."""
    shutil.copy2(ROOT / "LICENSE", folder / "LICENSE")
    licences = folder / "licences"
    licences.mkdir()
    lines = [f"Python {sys.version.split()[0]}: PSF-2.0"]
    for place in (Path(sysconfig.get_path("stdlib"), "LICENSE.txt"), Path("/usr/share/doc/python3/copyright")):
        if place.is_file():
            shutil.copy2(place, licences / "python.txt")
            break
    for distribution in distributions:
        lines.append(f"{distribution.name} {distribution.version}: {licence_of(distribution)}")
    for package, names in sorted(_packages_of(system).items()):
        lines.append(f"{package or 'of this system'}: {', '.join(names)}")
        text = Path("/usr/share/doc", package, "copyright")
        if package and text.is_file():
            shutil.copy2(text, licences / f"{package}.txt")
    (folder / "THIRD-PARTY.txt").write_text(HEAD + "\n".join(lines) + "\n")


def licence_of(distribution: Distribution) -> str:
    """What a distribution says of itself, in the three places where that may be."""
    told = distribution.metadata
    named = [line for field in ("License-Expression", "License") for line in told.get_all(field) or []]
    short = named[0].partition("\n")[0] if named else ""
    kinds = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or [] if line.startswith("License")]
    return short or ", ".join(kinds) or UNKNOWN


def _packages_of(files: list[Path]) -> dict[str, list[str]]:
    """Names of files by the Debian package they belong to, '' where there is no dpkg."""
    found: dict[str, list[str]] = {}
    for path in files:
        package = ""
        for name in {path, path.resolve(), Path("/usr" + str(path.resolve())), Path(str(path).removeprefix("/usr"))}:
            if shutil.which("dpkg-query") and not package:
                told = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
                package = told.stdout.partition(":")[0] if told.returncode == 0 else ""
        found.setdefault(package, []).append(path.name)
    return found

#!/usr/bin/env python3
"""Writes packaging/constraints.txt: every library at one exact version, with the hashes of its wheels.

    python3.11 packaging/pin.py            newest versions that pyproject.toml allows
    python3.11 packaging/pin.py --keep     same versions as now, hashes only (a new Python was added)
    .venv/bin/python packaging/pin.py --thirdparty    packaging/thirdparty.txt instead

Those libraries (the group `thirdparty` of pyproject.toml) are what programs under test import, not ours: pip resolves
them once in each interpreter found here, each may take another version, and one that has none for an interpreter is
left out there, so that the tests which want it are skipped by name.

pip resolves the runtime and the `dev` requirements once per Python of PYTHONS, oldest first; a later Python may not
choose another version than an earlier one, so that all of them run the same code; only the packages of SPLIT may, and
get a marker. Only pip's JSON report is read, and only name, version and sha256 are written: no download address ends
up in the repository. Run it with the oldest Python of the list, because pip evaluates the markers of other packages
with the interpreter it runs in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "packaging" / "constraints.txt"
THIRDPARTY = ROOT / "packaging" / "thirdparty.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "manylinux_2_34_x86_64",
    "manylinux_2_31_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_26_x86_64",
    "manylinux2014_x86_64",
)
THIRDPARTY_HEADER = """\
# What programs under test import (tests/thirdparty.py), with the hashes of the wheels: CPython {pythons}, x86-64 Linux.
# Written by `packaging/pin.py --thirdparty` from the group of that name in pyproject.toml; do not edit.
"""
HEADER = """\
# Exact versions with the hashes of their wheels: CPython {pythons} on x86-64 Linux (glibc 2.34 or newer).
# Written by packaging/pin.py from pyproject.toml; do not edit. Installed with `pip install --require-hashes`.
"""

SPLIT = ("pyside6-addons", "pyside6-essentials", "shiboken6")
"""What pyproject.toml asks for in another version on newer Pythons, with what that brings along."""

Pins = dict[str, str]
Hashes = dict[tuple[str, str], set[str]]
Found = dict[str, list[tuple[str, str]]]
"""By name: (Python, version), oldest Python first."""


def requirements(python: str) -> list[str]:
    """The runtime requirements of pyproject.toml for one Python, followed by its `dev` group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return [text.partition(";")[0] for text in texts if applies(text, python)]


def applies(requirement: str, python: str) -> bool:
    """Whether the marker of a requirement is true for a Python."""
    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"python_version": python, "python_full_version": f"{python}.0"})


def pins_of(text: str, python: str) -> Pins:
    """Versions in an existing constraints file for one Python, by name."""
    lines = [line.rstrip(" \\") for line in text.splitlines() if "==" in line and not line.startswith("#")]
    words = (line.partition(";")[0].strip() for line in lines if applies(line, python))
    return {name: version for name, _, version in (word.partition("==") for word in words)}


def resolve(python: str, wanted: list[str], pins: Pins) -> list[tuple[str, str, str]]:
    """(name, version, sha256) of every wheel one Python needs.

    Raises: SystemExit when pip finds no solution; its own words are on stderr by then.
    """
    with tempfile.TemporaryDirectory() as folder:
        fixed = Path(folder, "fixed.txt")
        fixed.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        words = [f"--python-version={python}", *(f"--platform={name}" for name in PLATFORMS), f"--constraint={fixed}"]
        found = report([], [*words, *wanted])
    if found is None:
        raise SystemExit(f"pip found no set of versions for Python {python}")
    return found


def report(before: list[str], words: list[str]) -> list[tuple[str, str, str]] | None:
    """(name, version, sha256) of what `pip BEFORE install WORDS` would install, None when it finds no solution."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", *before, "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--only-binary=:all:", f"--target={folder}/never-written", f"--report={answer}"]
        if subprocess.run([*command, *words], check=False, env=plain_pip()).returncode:
            return None
        entries = json.loads(answer.read_text())["install"]
    return [
        (canonical(item["metadata"]["name"]), item["metadata"]["version"], sha256_of(item["download_info"]))
        for item in entries
    ]


def plain_pip() -> dict[str, str]:
    """An environment in which pip asks its default index only: a local wheel's hash would fit nobody else."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_FIND", "PIP_EXTRA"))}
    return {**own, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def sha256_of(download: dict[str, dict[str, dict[str, str]]]) -> str:
    return download["archive_info"]["hashes"]["sha256"]


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def render(found: Found, hashes: Hashes, header: str, pythons: Sequence[str], *, bounded: bool = False) -> str:
    """The constraints file; packages and hashes sorted so that a regenerated file differs only where it must.

    bounded: what the newest Pythons do not use is marked as not for them.
    """
    blocks = []
    for name in sorted(found):
        newest = found[name][-1][0]
        for version, marker in marked_versions(found[name], newest if newest != pythons[-1] and bounded else ""):
            values = sorted(hashes[name, version])
            lines = [f"{name}=={version}{marker}", *(f"    --hash=sha256:{value}" for value in values)]
            blocks.append(" \\\n".join(lines) + "\n")
    return header.format(pythons=f"{pythons[0]} to {pythons[-1]}") + "".join(blocks)


def marked_versions(choices: list[tuple[str, str]], last: str = "") -> list[tuple[str, str]]:
    """The versions with the markers that tell them apart, none for a single one; no Python after `last` is meant.

    >>> marked_versions([("3.11", "6.11.3"), ("3.12", "6.12.0"), ("3.13", "6.12.0")])
    [('6.11.3', " ; python_version < '3.12'"), ('6.12.0', " ; python_version >= '3.12'")]
    >>> marked_versions([("3.10", "1"), ("3.11", "2"), ("3.12", "3")])[1]
    ('2', " ; python_version >= '3.11' and python_version < '3.12'")
    >>> marked_versions([("3.10", "1")], "3.10")
    [('1', " ; python_version <= '3.10'")]
    """
    versions = list(dict.fromkeys(version for _, version in choices))
    firsts = [next(python for python, version in choices if version == wanted) for wanted in versions]
    ends = [f"python_version < '{first}'" for first in firsts[1:]] + ([f"python_version <= '{last}'"] if last else [])
    marked = []
    for index, version in enumerate(versions):
        words = ([f"python_version >= '{firsts[index]}'"] if index else []) + ends[index : index + 1]
        marked.append((version, f" ; {' and '.join(words)}" if words else ""))
    return marked


def pin_thirdparty() -> None:
    """Writes the versions of the group `thirdparty` for every interpreter found here."""
    sys.path.insert(0, str(ROOT))
    from tests import interpreters  # noqa: PLC0415 (needed for this alone)

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["thirdparty"]
    hashes: Hashes = defaultdict(set)
    found: Found = defaultdict(list)
    for interpreter in interpreters.found():
        before = ["--python", str(interpreter.path)]
        here = [name for name in wanted if report(before, [name]) is not None]
        if left_out := set(wanted) - set(here):
            print(f"Python {interpreter.minor} has no wheel of {', '.join(sorted(left_out))}", file=sys.stderr)
        for name, version, sha256 in report(before, here) or []:
            found[name].append((interpreter.minor, version))
            hashes[name, version].add(sha256)
    minors = [interpreter.minor for interpreter in interpreters.found()]
    THIRDPARTY.write_text(render(found, hashes, THIRDPARTY_HEADER, minors, bounded=True))
    print(f"{THIRDPARTY.relative_to(ROOT)}: {len(found)} packages for Python {', '.join(minors)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--keep", action="store_true", help="keep the versions that the file names now")
    parser.add_argument("--thirdparty", action="store_true", help="pin what programs under test import")
    flags = parser.parse_args()
    if flags.thirdparty:
        pin_thirdparty()
        return
    if not sys.version.startswith(PYTHONS[0]):
        print(f"note: markers are evaluated for Python {sys.version.split()[0]}, not {PYTHONS[0]}", file=sys.stderr)
    hashes: Hashes = defaultdict(set)
    found: Found = defaultdict(list)
    pins: Pins = {}
    for python in PYTHONS:
        known = pins_of(OUTPUT.read_text(), python) if flags.keep else {}
        for name, version, sha256 in resolve(python, requirements(python), known | pins):
            if name not in SPLIT:
                pins.setdefault(name, version)
            found[name].append((python, version))
            hashes[name, version].add(sha256)
    OUTPUT.write_text(render(found, hashes, HEADER, PYTHONS))
    print(f"{OUTPUT.relative_to(ROOT)}: {len(found)} packages for Python {', '.join(PYTHONS)}")


if __name__ == "__main__":
    main()

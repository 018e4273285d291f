#!/usr/bin/env python3
"""Writes packaging/constraints.txt: every library at one exact version, with the hashes of its wheels.

    python3.11 packaging/pin.py            newest versions that pyproject.toml allows
    python3.11 packaging/pin.py --keep     same versions as now, hashes only (a new Python was added)

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
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "packaging" / "constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "manylinux_2_34_x86_64",
    "manylinux_2_31_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_26_x86_64",
    "manylinux2014_x86_64",
)
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
        fixed, report = Path(folder, "fixed.txt"), Path(folder, "report.json")
        fixed.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--only-binary=:all:", f"--target={folder}/never-written", f"--report={report}"]
        command += [f"--python-version={python}", *(f"--platform={name}" for name in PLATFORMS)]
        done = subprocess.run([*command, f"--constraint={fixed}", *wanted], check=False, env=plain_pip())
        if done.returncode:
            raise SystemExit(f"pip found no set of versions for Python {python}")
        entries = json.loads(report.read_text())["install"]
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


def render(found: Found, hashes: Hashes) -> str:
    """The constraints file; packages and hashes sorted so that a regenerated file differs only where it must."""
    blocks = []
    for name in sorted(found):
        for version, marker in marked_versions(found[name]):
            values = sorted(hashes[name, version])
            lines = [f"{name}=={version}{marker}", *(f"    --hash=sha256:{value}" for value in values)]
            blocks.append(" \\\n".join(lines) + "\n")
    return HEADER.format(pythons=f"{PYTHONS[0]} to {PYTHONS[-1]}") + "".join(blocks)


def marked_versions(choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The versions with the markers that tell them apart, none for a single one.

    >>> marked_versions([("3.11", "6.11.3"), ("3.12", "6.12.0"), ("3.13", "6.12.0")])
    [('6.11.3', " ; python_version < '3.12'"), ('6.12.0', " ; python_version >= '3.12'")]
    """
    versions = list(dict.fromkeys(version for _, version in choices))
    if len(versions) == 1:
        return [(versions[0], "")]
    old, new = versions
    first = next(python for python, version in choices if version == new)
    return [(old, f" ; python_version < '{first}'"), (new, f" ; python_version >= '{first}'")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--keep", action="store_true", help="keep the versions that the file names now")
    keep = parser.parse_args().keep
    if not sys.version.startswith(PYTHONS[0]):
        print(f"note: markers are evaluated for Python {sys.version.split()[0]}, not {PYTHONS[0]}", file=sys.stderr)
    hashes: Hashes = defaultdict(set)
    found: Found = defaultdict(list)
    pins: Pins = {}
    for python in PYTHONS:
        known = pins_of(OUTPUT.read_text(), python) if keep else {}
        for name, version, sha256 in resolve(python, requirements(python), known | pins):
            if name not in SPLIT:
                pins.setdefault(name, version)
            found[name].append((python, version))
            hashes[name, version].add(sha256)
    OUTPUT.write_text(render(found, hashes))
    print(f"{OUTPUT.relative_to(ROOT)}: {len(found)} packages for Python {', '.join(PYTHONS)}")


if __name__ == "__main__":
    main()

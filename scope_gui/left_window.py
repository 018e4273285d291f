"""How the window was left: sessions opened lately, layout, what it remembers by itself. What a person settles is in
`scope_gui.settings`. Losing it loses nothing recorded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from capture.disk import replace_file
from capture.errors import ScopeError
from capture.typed import converted, from_json
from views.loop.state import Assigns
from views.loop.view_states import from_kept, to_keep

MAX_RECENT = 12
_FILE = "window.json"


class LeftWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered beside the state: `geometry` as Qt hands it out, `layout` and `layouts` as
    `scope_gui.window.layouts` does.
    """

    geometry: str = ""
    layout: str = ""
    layouts: dict[str, str] = {}
    crash_seen: str = ""  # the newest crash report that the window has told of


def window_file() -> Path:
    """The file of this user: $XDG_CONFIG_HOME/scope-gui/window.json."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "scope-gui" / _FILE


def load_left_window() -> tuple[LeftWindow, Assigns]:
    """What was remembered, with the state to begin with; the defaults when it is not there or cannot be understood."""
    try:
        kept = from_json(window_file().read_bytes(), dict[str, Any])
        return converted(kept, LeftWindow), from_kept(kept)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return LeftWindow(), Assigns()


def save_left_window(left: LeftWindow, assigns: Assigns) -> None:
    """Remembers it, and the marked fields of the state; or not: a full disk is no reason to bother anyone here."""
    try:
        window_file().parent.mkdir(parents=True, exist_ok=True)
        kept = msgspec.to_builtins(left) | to_keep(assigns)
        replace_file(window_file(), msgspec.json.encode(kept))
    except (OSError, ScopeError):
        return


def with_recent(recent: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The list with this path in front, once."""
    return (path, *(other for other in recent if other != path))[:MAX_RECENT]

"""What changes in the list of sessions opened lately: one is taken off it, and put back where it was. Pure, no Qt."""

from __future__ import annotations

from pathlib import PurePath

from msgspec.structs import replace

from views.loop.state import Assigns, Forgotten, Notice
from views.words.plain_text import plain


def taken_off(assigns: Assigns, path: str) -> Assigns:
    """Without that session, which stays where it is on the disk; it can be put back until a session is opened."""
    if path not in assigns.recent:
        return assigns
    gone = Forgotten(at=assigns.recent.index(path), path=path)
    return replace(
        assigns,
        recent=tuple(known for known in assigns.recent if known != path),
        forgotten=(*assigns.forgotten, gone),
        notice=Notice(f"{_name(path)} is off the list; the session itself stays.", hint="{Undo} puts it back."),
    )


def put_back(assigns: Assigns) -> Assigns:
    """With the session that was taken off last, in its place."""
    if not assigns.forgotten:
        return replace(assigns, notice=Notice("There is nothing to undo."))
    last = assigns.forgotten[-1]
    others = tuple(known for known in assigns.recent if known != last.path)
    return replace(
        assigns,
        recent=(*others[: last.at], last.path, *others[last.at :]),
        forgotten=assigns.forgotten[:-1],
        notice=Notice(f"{_name(last.path)} is on the list again."),
    )


def _name(path: str) -> str:
    return plain(PurePath(path).name, 100)

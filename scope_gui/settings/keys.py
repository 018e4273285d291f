"""Keys as a person gives them to commands: how they are written, and which are taken. No Qt.

shift+ctrl+k   is   Ctrl+Shift+K          Ctrl++   is the plus with Ctrl
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from capture.errors import WrongUsage

SPEED_DIGITS = "123456789"
"""Typed one after the other they are a speed; a 0 after one of them counts too."""

_MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
_NAMED = {
    name.casefold(): name
    for name in (
        *("Space", "Return", "Enter", "Escape", "Tab", "Backspace", "Delete", "Insert", "Pause", "Print", "Menu"),
        *("Left", "Right", "Up", "Down", "Home", "End", "PgUp", "PgDown"),
    )
} | {"esc": "Escape", "del": "Delete", "ins": "Insert", "pageup": "PgUp", "pagedown": "PgDown"}
_FUNCTION = re.compile(r"f([1-9]|[12][0-9]|3[0-5])")


def keys_written(key: str) -> str:
    """The key as it is always written.

    >>> [keys_written(key) for key in ("shift+ctrl+k", "ctrl++", "esc", "x", "+")]
    ['Ctrl+Shift+K', 'Ctrl++', 'Escape', 'X', '+']

    Raises: WrongUsage with one sentence for what is no key.
    """
    text = key.strip()
    before, plus, last = text[:-1].rpartition("+")
    last = f"{last}{text[-1:]}"
    parts = [part.strip().capitalize() for part in before.split("+")] if plus else []
    name = _NAMED.get(last.casefold()) or (last.upper() if _FUNCTION.fullmatch(last.casefold()) else "")
    if len(last) == 1 and last.isprintable() and not last.isspace():
        name = last.upper()
    if not name or len(set(parts)) < len(parts) or not set(parts) <= set(_MODIFIERS):
        raise WrongUsage(f"{key!r} is no key; keys are written like X, F3, Space, Shift+P or Ctrl+Alt+Left.")
    return "+".join([*(modifier for modifier in _MODIFIERS if modifier in parts), name])


def refused(given: Mapping[str, Sequence[str]], at_first: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Those of the keys given to commands that cannot be theirs: the commands, each with why.

    The first to ask has a key. `at_first`: the keys of all commands while nothing is settled; commands go by title.

    >>> refused({"Undo": ["X"], "Redo": ["Y"]}, {"Undo": ["Ctrl+Z"], "Redo": ["Ctrl+Y"], "Next exception": ["X"]})
    {'Undo': 'X is the key of “Next exception”.'}
    """
    owners = {key: title for title, keys in at_first.items() if title not in given for key in keys}
    found: dict[str, str] = {}
    for title, keys in given.items():
        said = next((why for key in keys if (why := _taken(key, owners))), "")
        if said:
            found[title] = said
        else:
            owners.update(dict.fromkeys(keys, title))
    return found


def _taken(key: str, owners: Mapping[str, str]) -> str:
    if key in SPEED_DIGITS:
        return f"{key} is typed for the speed of playing."
    return f"{key} is the key of “{owners[key]}”." if key in owners else ""

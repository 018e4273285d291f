"""Secrets in texts that do not come from a recorder: command lines of processes, and what was asked to be recorded.

The table of names and looks is capture/native/redaction.h, which the recorder inside the target uses for values.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from capture.hostlib import host_library

REDACTED = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}redacted\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def hide_names(names: Iterable[str]) -> None:
    """Has `redacted` hide the values of these names too, and no longer those of an earlier call."""
    hide = host_library().scope_hide_name
    hide.argtypes = (ctypes.c_char_p,)
    hide(None)
    for name in names:
        hide(name.encode("utf-8", "backslashreplace"))


def redacted(text: str) -> str:
    """The text with its secrets hidden.

    >>> redacted("app.py --token=abc --db postgres://bob:hunter2@db/orders").replace(REDACTED, "***")
    'app.py --token=*** --db postgres://bob:***@db/orders'
    """
    raw, pieces, at = text.encode("utf-8", "backslashreplace"), list[bytes](), 0
    start, end = ctypes.c_size_t(), ctypes.c_size_t()
    find = host_library().scope_find_secret
    find.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    while find(raw, len(raw), at, ctypes.byref(start), ctypes.byref(end)):
        pieces += [raw[at : start.value], REDACTED.encode()]
        at = end.value
    return b"".join([*pieces, raw[at:]]).decode("utf-8", "replace")

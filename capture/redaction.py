"""Secrets in texts that do not come from a recorder: command lines of processes, and what was asked to be recorded.

The table of names and looks is capture/native/redaction.h, which the recorder inside the target uses for values.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Sequence

from capture.hostlib import host_library

REDACTED = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}redacted\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_NAME = re.compile(r"[\w.-]+", re.ASCII)


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


def redacted_words(words: Sequence[str]) -> list[str]:
    """The words of a command line with their secrets hidden; the whole of a word is one's, with its spaces and quotes.

    >>> [word.replace(REDACTED, "***") for word in redacted_words(["--password", "a b", "--token=c d", "-v", "x"])]
    ['--password', '***', '--token=***', '-v', 'x']
    """
    if REDACTED not in redacted(" ".join(words)):  # as of most processes: one look for all of their words
        return list(words)
    told, is_value = list[str](), False
    for word in words:
        name, sign, _ = word.partition("=")
        if is_value and not word.startswith("-"):
            told.append(REDACTED)
        elif sign and _is_secret(name):
            told.append(f"{name}={REDACTED}")
        else:
            told.append(redacted(word))
        is_value = word.startswith("-") and not sign and _is_secret(word)
    return told


def _is_secret(name: str) -> bool:
    """Whether what is held under a name is one."""
    return _NAME.fullmatch(name) is not None and REDACTED in redacted(f"{name}=0")

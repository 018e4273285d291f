"""C's side of the kinds: `capture/native/scope_kinds.h`, which `setup.py` writes before it compiles.

Its names are made of the table's words: SCOPE_STATE, SCOPE_STATE_DELETED, SCOPE_GAP_POOL_FULL. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from capture.events.kinds import KINDS, PAYLOAD_FLAG, Coded, Depth

HEADER = Path(__file__).parent.parent / "native" / "scope_kinds.h"
_BEGIN = """\
/* What the records of a pool are: made by setup.py from capture/events/kinds.py, which says more. */
#ifndef SCOPE_KINDS_H
#define SCOPE_KINDS_H
"""
_DEPTH = """\
/* No GIL; does not allocate. What an event of a kind does to the stack of its track. */
static inline enum scope_depth_effect scope_depth(unsigned char kind) {
    switch (kind) {
"""


def header() -> str:
    """The file's text, formatted as `make check` wants it."""
    lines = [_BEGIN, "enum scope_kind {"]
    lines += _aligned((f"    SCOPE_{kind.name} = {int(kind)},", f"a = {kind.row.a}") for kind in KINDS)
    lines += ["};", "", f"#define SCOPE_PAYLOAD {PAYLOAD_FLAG}u /* a bit of every kind: b bytes follow */", ""]
    for prefix, codes in _codes():
        lines += _aligned((f"#define SCOPE_{prefix}_{code.name} {int(code)}u", code.says) for code in codes)
        lines.append("")
    lines.append("enum scope_depth_effect {")
    lines += [f"    SCOPE_DEPTH_{depth.name} = {int(depth)}," for depth in Depth]
    lines += ["};", "", _DEPTH.rstrip("\n")]
    for kind in (kind for kind in KINDS if kind.row.depth):
        lines += [f"    case SCOPE_{kind.name}:", f"        return SCOPE_DEPTH_{kind.row.depth.name};"]
    lines += ["    default:", f"        return SCOPE_DEPTH_{Depth.STAYS.name};", "    }", "}", "", "#endif"]
    return "\n".join(lines) + "\n"


def write_header() -> None:
    """Brings the file up to date; one that is stays as it is, so that nothing is compiled anew."""
    text = header()
    if HEADER.exists() and HEADER.read_text() == text:
        return
    fresh = HEADER.with_suffix(f".{os.getpid()}")
    fresh.write_text(text)
    fresh.rename(HEADER)


def _codes() -> Iterator[tuple[str, Iterable[Coded]]]:
    """(what their names begin with, the codes) of each kind that has flags or reasons."""
    for kind in KINDS:
        for codes in (kind.row.flags, kind.row.reasons):
            if codes is not None:
                yield kind.name, codes


def _aligned(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Lines with their comments below one another."""
    found = list(rows)
    width = max(len(code) for code, _ in found)
    return [f"{code.ljust(width)} /* {comment} */" for code, comment in found]

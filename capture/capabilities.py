"""What a recording can see, by how it was made; an empty answer is explained with what is missing here."""

from __future__ import annotations

from collections.abc import Sequence

from capture.flags import mode_named


def capabilities(modes: Sequence[str], tier: str, *, waits: bool = False, lines: bool = False) -> list[str]:
    """The kinds of facts in a recording that had these modes; a program that is no Python is only observed.

    `waits`: the system let us look at its threads. `lines`: it tells which lines ran.
    """
    known = map(mode_named, modes if tier == "python" else ["observe"])
    sees = dict.fromkeys(word for mode in known if mode is not None for word in mode.sees)
    return [*sees, *(["waits"] if sees and waits else []), *(["never_run"] if sees and lines else [])]

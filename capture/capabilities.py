"""What a recording can see, by how it was made; an empty answer is explained with what is missing here."""

from __future__ import annotations

from capture.flags import mode_named


def capabilities(mode: str, tier: str, *, waits: bool = False) -> list[str]:
    """The kinds of facts in a recording of that mode; a program that is no Python is only observed.

    `waits`: the system let us look at its threads.
    """
    known = mode_named(mode if tier == "python" else "observe")
    sees = known.sees if known is not None else ()
    return [*sees, "waits"] if sees and waits else list(sees)

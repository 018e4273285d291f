"""What a recording can see, by how it was made; an empty answer is explained with what is missing here."""

from __future__ import annotations

SEES = {
    "full": ("calls", "exceptions", "threads", "states", "metrics"),
    "performance": ("calls", "exceptions", "threads", "metrics"),
    "state": ("states", "threads", "metrics"),
    "minimal": ("exceptions", "threads", "metrics"),
    "observe": ("metrics", "threads"),
}


def capabilities(mode: str, tier: str, *, waits: bool = False) -> list[str]:
    """The kinds of facts in a recording of that mode; a program that is no Python is only observed.

    `waits`: the system let us look at its threads.
    """
    sees = SEES.get(mode if tier == "python" else "observe", ())
    return [*sees, "waits"] if sees and waits else list(sees)

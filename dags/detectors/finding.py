"""One thing that looks wrong, with the events that prove it."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector has found.

    `kind` is the detector's name, `sentence` says what happened, and nothing that is not in the recording. `score` is
    between 0 and 1, the worst first. `function`, `file` and `line` say where to look, empty where nobody can tell;
    `event_ids` are the first of the events that prove it, in order: none where figures do.
    """

    kind: str
    sentence: str
    score: float
    function: str
    file: str
    line: int
    event_ids: list[int]

"""What to record: the choices a user makes before a recording begins, checked once, here.

The same struct travels from the command line to the agent inside the target, as part of its bootstrap file.
"""

from typing import Literal, Self

import msgspec

from capture.errors import WrongUsage
from capture.names import json_bytes
from capture.typed import converted

Mode = Literal["full", "state", "performance", "minimal", "observe"]
WhenFull = Literal["drop", "block"]

DEFAULT_CHUNKS = 512
"""Blocks of 64 KiB in a target's pool: SCOPE_DEFAULT_BLOCKS of native/scope_pool.h, 32 MiB at most."""

MAX_CHUNKS = 65536
"""4 GiB of pool: more than a burst can need, and a bound for a mistyped number."""

MOST_HIDDEN, LONGEST_HIDDEN = 16, 63
"""Names of --redact, and bytes of one: SCOPE_MOST_OWN_NAMES of native/redaction.h. Each is searched in every value."""


MOST_PATTERNS, LONGEST_PATTERN = 4096, 1 << 16
"""Of --include, --exclude and --state each, and characters of one: what a manifest may hold (format.py)."""

MOST_BYTES = 3 << 20
"""Of all settings as JSON, where a control character is six: with a command line they are one block of a journal."""


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The capture flags of one recording.

    Shape: `include`, `exclude` are patterns on modules ('orders', 'orders.*', '*'), empty include = user code;
    `state` are patterns 'module' or 'module.Class' whose attributes are watched; `redact` are parts of names whose
    values are hidden, besides those that always are (native/redaction.h); `chunk_count` is the pool's size
    in blocks of 64 KiB; `when_full` says what a full pool does to the target: lose events (counted) or wait.
    """

    mode: Mode = "full"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    when_full: WhenFull = "drop"
    chunk_count: int = DEFAULT_CHUNKS

    @classmethod
    def checked(cls, **fields: object) -> Self:
        """The settings made of `fields`.

        Raises: WrongUsage with one sentence if a value is not allowed.
        """
        try:
            settings = converted(fields, cls)
        except msgspec.ValidationError as error:
            raise WrongUsage(f"The capture settings are not valid: {error}.") from None
        if not 1 <= settings.chunk_count <= MAX_CHUNKS:
            raise WrongUsage(f"The pool needs 1 to {MAX_CHUNKS} chunks, not {settings.chunk_count}.")
        if any(not pattern or "\0" in pattern for pattern in (*settings.include, *settings.exclude, *settings.state)):
            raise WrongUsage("A capture pattern is empty.")
        for patterns in (settings.include, settings.exclude, settings.state):
            if len(patterns) > MOST_PATTERNS or any(len(pattern) > LONGEST_PATTERN for pattern in patterns):
                raise WrongUsage(f"There may be {MOST_PATTERNS} capture patterns of {LONGEST_PATTERN} characters each.")
        if len(json_bytes(settings)) > MOST_BYTES:
            raise WrongUsage(f"The capture patterns are too long: in all they may have {MOST_BYTES >> 20} MiB.")
        if len(settings.redact) > MOST_HIDDEN or any(not name for name in settings.redact):
            raise WrongUsage(f"--redact takes up to {MOST_HIDDEN} names.")
        if any(
            "\0" in name or len(name.encode("utf-8", "backslashreplace")) > LONGEST_HIDDEN for name in settings.redact
        ):
            raise WrongUsage(f"A name for --redact has at most {LONGEST_HIDDEN} bytes.")
        return settings

"""What was recorded when: the settings that a recording began with, and each change of them while it ran.

The recorder tells a change in a `configured` fact, the manifest keeps the rows, and whoever shows a moment asks
`recorded_at` which settings held: so an empty stretch is explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import msgspec

from capture.flags import FLAGS, mode_named

MOST_ROWS = 256
MOST_BYTES = 4 << 20
_BIG = 1 << 62
_Text = Annotated[str, msgspec.Meta(max_length=1 << 16)]
_Texts = Annotated[list[_Text], msgspec.Meta(max_length=4096)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=_BIG)]
Flags = Annotated[dict[_Text, _Text | _Count | _Texts], msgspec.Meta(max_length=4096)]


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """The capture flags that a process is recorded by from `time_ns` on (session clock); those not named stay.

    `left_out`: so many changes before this one are not listed, because there were too many.
    """

    time_ns: Annotated[int, msgspec.Meta(ge=-_BIG, le=_BIG)]
    process_id: _Count
    flags: Flags
    left_out: _Count = 0


def with_change(rows: Sequence[SettingsChange], change: SettingsChange) -> list[SettingsChange]:
    """The rows and one more; of too many the earliest go, and the first that stays says how many.

    >>> one = SettingsChange(time_ns=1, process_id=1, flags={"mode": "state"})
    >>> [row.left_out for row in with_change([one] * MOST_ROWS, one)][:2]
    [1, 0]
    """
    kept = [*rows, change]
    while len(kept) > MOST_ROWS or (len(kept) > 1 and len(msgspec.json.encode(kept)) > MOST_BYTES):
        gone = kept.pop(0)
        kept[0] = msgspec.structs.replace(kept[0], left_out=kept[0].left_out + gone.left_out + 1)
    return kept


def recorded_at(
    began_with: Mapping[str, object], rows: Iterable[SettingsChange], time_ns: int, process_id: int = 0
) -> tuple[dict[str, object], int | None]:
    """The capture flags that held at that moment, and since when; None: since the recording began. Of one process, or
    of whichever was told last.

    >>> recorded_at({"mode": "full"}, [SettingsChange(time_ns=5, process_id=1, flags={"mode": "state"})], 7)
    ({'mode': 'state'}, 5)
    """
    held, since_ns = dict(began_with), None
    for row in rows:
        if row.time_ns <= time_ns and process_id in (0, row.process_id):
            held |= {name: value for name, value in row.flags.items() if type(value) is type(held.get(name, value))}
            since_ns = row.time_ns
    return held, since_ns


def modes_of(rows: Iterable[SettingsChange]) -> Iterator[str]:
    """The modes that were changed to, in order."""
    return (mode for row in rows if isinstance(mode := row.flags.get("mode"), str))


def told_flags(flags: Mapping[str, object]) -> str:
    """Capture flags in words: what is recorded, and of what.

    >>> told_flags({"mode": "performance", "include": ["orders.*"], "exclude": [], "state": [], "when_full": "drop"})
    'Calls and exceptions, no state; --include orders.*'
    """
    mode = mode_named(flags.get("mode"))
    words = [mode.words if mode is not None else f"mode {flags.get('mode')}"]
    features = mode.features if mode is not None else ""
    for flag in FLAGS:
        value = flags.get(flag.name, flag.default)
        if flag.kind == "texts" and isinstance(value, list | tuple):
            texts = [] if tuple(value) == flag.default else value or [flag.none][: "a" in features]
            words += [f"{flag.option} {text}" for text in texts if text]
        elif flag.name not in {"mode", "chunk_count"} and value != flag.default and isinstance(value, str | int):
            words.append(" ".join(flag.words(value)))
    return "; ".join(words)

"""What a recording has lost on its way into the session: one ledger, for everything that no event can tell.

Drops are counted by the program's recorder, and damage to the files of a session is found by whoever reads them. What
is in between has no other place: a pool that was overwritten, a block of the journal that nobody can read, a fact that
makes no sense. Whoever meets it notes a code, how many, and what it is about; the manifest keeps the rows, and each is
a problem of the session, so `info`, `verify`, the header and `complete` all know. A new code is one row here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

MOST_ROWS = 256
MOST_CHARACTERS = 200
RESUME_LOST, NEWER_LOST, SESSION_FULL = "resume-lost", "newer-left-out", "session-full"
KEEPS_JOURNAL = (RESUME_LOST, SESSION_FULL)  # what lies in it and in no segment may be wanted yet
_BIG = 1 << 62


class LossKind(msgspec.Struct, frozen=True):
    """One way to lose something; in `sentence`, {count} is how many and {detail} what it is about."""

    code: str
    sentence: str


LOSSES: tuple[LossKind, ...] = (
    LossKind("records-refused", "Events are lost: {count} blocks of them cannot be understood ({detail})."),
    LossKind("definitions-refused", "Names are lost: {count} blocks of them cannot be understood ({detail})."),
    LossKind("facts-refused", "{count} facts about the recording are lost: they cannot be understood ({detail})."),
    LossKind("journal-damaged", "{count} bytes of the journal are damaged; what was recorded in them is lost."),
    LossKind(
        "journal-missing", "{count} blocks or files of the journal are missing; what was recorded in them is lost."
    ),
    LossKind(
        "pool-damaged",
        "What a program had recorded last is lost: the memory that it shared with its recorder is damaged ({detail}).",
    ),
    LossKind(
        "pool-gone",
        "What {detail} had recorded last is lost: the memory that it shared with its recorder was gone.",
    ),
    LossKind(RESUME_LOST, "What was recorded last is not shown: the note of where sealing had come to is damaged."),
    LossKind(
        NEWER_LOST,
        "{count} blocks of the journal hold what only the newer Scope that wrote them knows ({detail}): left out.",
    ),
    LossKind(SESSION_FULL, "What was recorded last is not shown: the session lists as much as a session can."),
    LossKind("more", "More was lost than is listed here ({count} times)."),
)
BY_CODE = {kind.code: kind for kind in LOSSES}


class LossRow(msgspec.Struct, frozen=True):
    """What the manifest keeps. `until` is the last place in the journal that is counted: it may be read twice."""

    code: Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)]
    count: Annotated[int, msgspec.Meta(ge=0, le=_BIG)] = 1
    detail: Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)] = ""
    time_ns: Annotated[int, msgspec.Meta(ge=-_BIG, le=_BIG)] = 0
    until: Annotated[int, msgspec.Meta(ge=0, le=_BIG)] = 0


def with_loss(
    rows: list[LossRow], code: str, detail: str, time_ns: int, *, count: int = 1, at: int | None = None
) -> list[LossRow]:
    """`rows` and this. `at` is where in the journal: what lies before a place that is counted is not counted again.

    Without a place, the same code and detail are one thing that is told twice. `detail` is that of the first.

    >>> once = with_loss([], "records-refused", "block 7", 0, at=7)
    >>> with_loss(once, "records-refused", "block 9", 0, at=9)
    [LossRow(code='records-refused', count=2, detail='block 7', time_ns=0, until=9)]
    >>> with_loss(once, "records-refused", "block 7", 0, at=7) == once
    True
    """
    detail = detail[:MOST_CHARACTERS]
    for index, row in enumerate(rows):
        if row.code == code and (at is not None or row.detail == detail):
            if at is None or at <= row.until:
                return rows
            more = msgspec.structs.replace(row, count=min(row.count + count, _BIG), until=at)
            return [*rows[:index], more, *rows[index + 1 :]]
    if len(rows) < MOST_ROWS - 1:
        return [*rows, LossRow(code, count, detail, time_ns, at or 0)]
    listed, last = rows[: MOST_ROWS - 1], rows[MOST_ROWS - 1 :]
    return [*listed, LossRow("more", (last[0].count if last else 0) + 1, time_ns=time_ns)]


def told_losses(rows: Sequence[LossRow]) -> list[str]:
    """The rows in words; a code of a newer Scope is shown as it is."""
    return [_told(row) for row in rows]


def _told(row: LossRow) -> str:
    kind = BY_CODE.get(row.code)
    if kind is None:
        return f"Something is lost, {row.count} times: {row.code} {row.detail} (said by a newer Scope)."
    return kind.sentence.replace("{count}", str(row.count)).replace("{detail}", row.detail or "no reason is known")

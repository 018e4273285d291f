"""The events of a batch that tell of lines, in columns: which line of which call, and where what it changed stands.

Among them are the events after which nothing of a track's calls is known any more: events are missing, or others are
recorded from then on. Texts are not copied: a step of one event costs as much as that event, and a segment is read for
calls that are open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from capture.events.batch import EventBatch, Int64, UInt8, mask_of, of_kinds
from capture.events.kinds import Kind, LineFlag, SnapshotReason, kinds_of
from capture.events.text_column import NO_TEXTS, TextColumn
from capture.session.line_changes import LineChanges, changes_in
from dags.base import Context
from dags.code.dag import told_stack

TELLING = mask_of(kind for kind in kinds_of("line") if kind.row.payload == "locals")
_LOOKED_AT = TELLING | mask_of((Kind.GAP, Kind.SNAPSHOT))
MOST_LINE = (1 << 32) - 1
SMALL, MOST_PIECES = 1_024, 64
"""Beyond so many pieces, those of few events are joined: steps of one event each would leave thousands."""


class LineEvents(NamedTuple):
    """Some of them, in order.

    `call_id` 0: not known. `epoch`: how many before it say that nothing of its track is known any more. `place`: that
    of its changes in `texts`, -1: it has none. `forgets`: the rows after which nothing of the calls of their track is
    known.
    """

    event_id: Int64
    time_ns: Int64
    track_id: npt.NDArray[np.int32]
    call_id: Int64
    line: Int64
    kind: UInt8
    flags: UInt8
    epoch: Int64
    place: Int64
    texts: TextColumn
    forgets: Int64

    @classmethod
    def of(cls, batch: EventBatch, context: Context) -> LineEvents:
        """Those of a batch. Without `callers` in the context, the calls are unknown."""
        rows = np.flatnonzero(of_kinds(batch.kind, _LOOKED_AT))
        tells = TELLING[batch.kind[rows]]
        if not tells.all():
            keeps = tells | np.array([_forgets(batch, row) for row in rows[~tells].tolist()])[np.cumsum(~tells) - 1]
            rows, tells = rows[keeps], tells[keeps]
        if not len(rows):
            return NO_EVENTS
        at: Any = slice(None) if len(rows) == len(batch) else rows
        calls = np.zeros(len(rows), np.int64)
        if context.callers is not None:
            calls[tells] = context.callers.at(Kind.LINE, Kind.LOCALS)
        places = np.searchsorted(batch.value_rows, rows)
        inside = np.minimum(places, max(len(batch.value_rows) - 1, 0))
        is_told = batch.value_rows[inside] == rows if len(batch.value_rows) else np.zeros(len(rows), np.bool_)
        return cls(
            batch.first_event_id + rows, batch.time_ns[at], batch.track_id[at], calls,
            np.clip(batch.ref[at], 0, MOST_LINE), batch.kind[at], batch.flags[at],
            _epochs(batch.track_id[at], tells), np.where(is_told & tells, places, -1), batch.values,
            np.flatnonzero(~tells),
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Sequence[LineEvents]) -> LineEvents:
        """All of them, with texts of their own."""
        told = [part.place >= 0 for part in parts]
        is_told = np.concatenate(told)
        columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PLAIN}
        texts = [part.texts.taken(part.place[one]) for part, one in zip(parts, told, strict=True)]
        place = np.where(is_told, np.cumsum(is_told) - 1, -1)
        return cls(**columns, place=place, texts=TextColumn.joined(texts), forgets=_forgetting(columns["kind"]))

    def taken(self, rows: Int64) -> LineEvents:
        """Those of them."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in (*_PLAIN, "place")}
        return LineEvents(**columns, texts=self.texts, forgets=_forgetting(columns["kind"]))

    @property
    def is_line(self) -> npt.NDArray[np.bool_]:
        """Which say that a line is about to run; the others only what one did."""
        found: npt.NDArray[np.bool_] = self.kind == Kind.LINE
        return found

    @property
    def tells_before(self) -> npt.NDArray[np.bool_]:
        """Which tell what was so before the first line that is known."""
        found: npt.NDArray[np.bool_] = (self.flags & LineFlag.FIRST_KNOWN) != 0
        return found

    def changes(self) -> LineChanges:
        """What they changed; each change's `event` is the row here."""
        rows = np.flatnonzero(self.place >= 0)
        changes = changes_in(self.texts, self.place[rows])
        return changes._replace(event=rows[changes.event])


Pieces = tuple[LineEvents, ...]
_PLAIN = tuple(name for name in LineEvents._fields if name not in ("place", "texts", "forgets"))
NO_EVENTS = LineEvents(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64),
    np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64), NO_TEXTS,
    np.zeros(0, np.int64),
)  # fmt: skip


def _forgetting(kind: UInt8) -> Int64:
    return np.flatnonzero(~TELLING[kind])


def _forgets(batch: EventBatch, row: int) -> bool:
    """Whether a gap or a snapshot says that nothing is known any more; as rare as these."""
    if batch.kind[row] == Kind.GAP:
        return True
    told = told_stack(batch, row)
    return told is not None and told.reason == SnapshotReason.SETTINGS.word


def _epochs(track_id: npt.NDArray[np.int32], tells: npt.NDArray[np.bool_]) -> Int64:
    epoch = np.zeros(len(track_id), np.int64)
    for row in np.flatnonzero(~tells).tolist():
        epoch[row + 1 :] += track_id[row + 1 :] == track_id[row]
    return epoch


def with_events(pieces: Pieces, piece: LineEvents) -> Pieces:
    """One more piece; what came in small ones lately is joined when they are many."""
    if not len(piece.event_id):
        return pieces
    pieces = (*pieces, piece)
    if len(pieces) <= MOST_PIECES:
        return pieces
    large = max((at for at, one in enumerate(pieces, 1) if len(one.event_id) >= SMALL), default=0)
    return (*pieces[:large], LineEvents.joined(pieces[large:])) if large + 1 < len(pieces) else pieces

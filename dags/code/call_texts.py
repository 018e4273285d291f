"""What calls were given and what they gave: where in a batch each one's text stands, and the texts of open calls.

Ids of calls ascend in the order in which calls open, so the arguments of a batch are one piece, found by bisection. A
piece points into the batch that it came in. Texts are copied only of calls that are still open when a batch was fed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from capture.events.batch import EventBatch, Int64
from capture.events.kinds import Kind
from capture.events.text_column import NO_TEXTS, TextColumn
from capture.session.event_texts import arguments_shift
from capture.session.eventtable import sparse_texts
from capture.session.tables import ARGUMENTS_AT, RESULT_AT
from dags.columns import OUTCOMES, row_of
from dags.kernels import Array

SMALL, MOST_PIECES = 1_024, 64
"""Beyond so many pieces, those of few texts are joined: steps of one event each would leave thousands."""
FEW = 32
_LAST_WITH_RESULT = OUTCOMES.index("yield")


class Arguments(NamedTuple):
    """The arguments of some calls: ids, ascending, and the place of each one's text in `texts`."""

    call_ids: Int64
    places: Int64
    texts: TextColumn

    @classmethod
    def joined(cls, parts: Sequence[Arguments]) -> Arguments:
        """All of them, copied; their ids ascend from one to the next."""
        texts = TextColumn.joined([part.texts.taken(part.places) for part in parts])
        return cls(np.concatenate([part.call_ids for part in parts]), np.arange(len(texts)), texts)


Pieces = tuple[Arguments, ...]
NO_ARGUMENTS = Arguments(np.empty(0, np.int64), np.empty(0, np.int64), NO_TEXTS)


def call_places(batch: EventBatch) -> Int64:
    """Which of the batch's texts are arguments."""
    return np.flatnonzero(batch.kind[batch.value_rows] == Kind.CALL)


def arguments_of_batch(batch: EventBatch, places: Int64, opened: Int64) -> Arguments:
    """The arguments in a batch, of the calls that its events have opened (by row, 0 = none)."""
    call_ids = opened[batch.value_rows[places]]
    is_open = call_ids > 0  # what a limit keeps off the stack is no call
    return Arguments(call_ids[is_open], places[is_open], batch.values)


def with_piece(pieces: Pieces, piece: Arguments) -> Pieces:
    """One more piece; what came in small ones lately is joined when they are many."""
    if not len(piece.call_ids):
        return pieces
    pieces = (*pieces, piece)
    if len(pieces) <= MOST_PIECES:
        return pieces
    large = max((at for at, one in enumerate(pieces, 1) if len(one.call_ids) >= SMALL), default=0)
    return (*pieces[:large], Arguments.joined(pieces[large:])) if large + 1 < len(pieces) else pieces


def few_texts_of(pieces: Pieces, call_ids: Sequence[int]) -> list[str | None]:
    """As `texts_of`, in a loop: for a step, in which one or two calls open, that takes a tenth of the time."""
    found = list[str | None]()
    for call_id in call_ids:
        at = bisect_right(pieces, call_id, key=_first_id) - 1
        place = int(np.searchsorted(pieces[at].call_ids, call_id)) if at >= 0 else 0
        is_there = at >= 0 and place < len(pieces[at].call_ids) and int(pieces[at].call_ids[place]) == call_id
        found.append(pieces[at].texts[int(pieces[at].places[place])] if is_there else None)
    return found


def _first_id(piece: Arguments) -> int:
    return int(piece.call_ids[0])


def texts_of(pieces: Sequence[Arguments], call_ids: Int64) -> pa.Array:
    """The arguments of those calls, null where none are known."""
    places, found, held = np.full(len(call_ids), -1, np.int64), 0, list[pa.Array]()
    for piece in pieces:
        if not len(piece.call_ids):
            continue
        at = np.minimum(np.searchsorted(piece.call_ids, call_ids), len(piece.call_ids) - 1)
        hits = np.flatnonzero(piece.call_ids[at] == call_ids)
        if len(hits):
            held.append(piece.texts.taken(piece.places[at[hits]]).array)
            places[hits] = found + np.arange(len(hits))
            found += len(hits)
    if not held:
        return pa.nulls(len(call_ids), pa.large_string())
    return pa.concat_arrays(held).take(pa.array(places, mask=places < 0))


def still_open(pieces: Sequence[Arguments], open_ids: Int64) -> Pieces:
    """The arguments of the calls that are open, as one piece of its own."""
    call_ids = np.sort(open_ids)
    texts = texts_of(pieces, call_ids)
    call_ids = call_ids[texts.is_valid().to_numpy(zero_copy_only=False)]
    return (Arguments(call_ids, np.arange(len(call_ids)), TextColumn(texts.drop_null())),) if len(call_ids) else ()


def text_columns(calls: dict[str, Array], batch: EventBatch, here: Arguments, before: Pieces) -> dict[str, Any]:
    """Columns of `calls` for those that ended in a batch, as they are stored; without those that say nothing.

    `here`: arguments in this batch, whose events tell them; `before`: those of older calls, which stand in the row.
    """
    columns = dict[str, Any]()
    if len(here.call_ids):
        at = row_of(here.call_ids, calls["call_id"])
        events = batch.first_event_id + batch.value_rows[here.places]
        event_ids = np.where(at >= 0, events[at], 0)
        columns[ARGUMENTS_AT] = arguments_shift(event_ids, calls["call_id"], calls["depth"])
    if before:
        rows = np.flatnonzero(calls["call_id"] <= before[-1].call_ids[-1])
        texts = texts_of(before, calls["call_id"][rows])
        is_told = texts.is_valid().to_numpy(zero_copy_only=False)
        columns["arguments"] = sparse_texts(len(calls["call_id"]), rows[is_told], TextColumn(texts.drop_null()))
    kinds = batch.kind[batch.value_rows]
    told = batch.value_rows[(kinds == Kind.RETURN) | (kinds == Kind.YIELD)]
    if len(told):
        is_told = np.zeros(len(batch), np.bool_)
        is_told[told] = True
        ended_by = calls["end_event_id"]
        has_result = (calls["outcome"] <= _LAST_WITH_RESULT) & is_told[np.maximum(ended_by - batch.first_event_id, 0)]
        columns[RESULT_AT] = np.where(has_result, ended_by, 0)
    return columns

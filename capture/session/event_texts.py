"""Texts that stand in a segment's events and are shown in other tables: a file of those has the event's id instead.

What a call was called with is the `value` of its call event, what it returned that of its return event
(`Column.told_at`). Both are in the same segment as the row, but for a call that began in an earlier one: its row has
the text itself. Ids of events stay as they are when segments are merged, so rows are merged by laying them end to end.

Calls stand in the order in which they end, in which the events that began them jump to and fro: their ids took a byte a
call. But of each call that began earlier two events lie before that one, and of those that are still open one. So what
is stored is how many events there are beyond these. Of a thread that only calls it is the same for all calls, and takes
no room.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import Int64
from capture.session.eventtable import integers, one_array
from capture.session.format import MAX_DECODED_BYTES
from capture.session.stored_states import EventColumns
from capture.session.tables import ARGUMENTS_AT, COLUMNS

_BESIDE = ("call_id", "depth")


def arguments_shift(event_ids: Int64, call_ids: Int64, depths: np.ndarray) -> pa.Array:
    """What is stored for calls whose arguments are told by these events; 0 = by none.

    >>> arguments_shift(np.array([9, 0]), np.array([4, 5]), np.array([1, 0])).to_pylist()
    [2, None]
    """
    return pa.array(event_ids - 2 * call_ids + depths, pa.int64(), mask=event_ids == 0)


def event_ids_of(told_at: str, rows: pa.Table) -> Int64:
    """The events that a stored column of the rows leads to; 0 = none. Needs the columns that `places_of` names."""
    stored = one_array(rows[told_at])
    event_ids: Int64 = integers(stored)
    if told_at != ARGUMENTS_AT:
        return event_ids
    call_ids, depths = (integers(one_array(rows[name])) for name in _BESIDE)
    return np.where(stored.is_valid().to_numpy(zero_copy_only=False), event_ids + 2 * call_ids - depths, 0)


def places_of(table: str, names: Collection[str]) -> set[str]:
    """The stored columns that say where the texts of these columns stand."""
    places = {told_at for name in names if (told_at := COLUMNS[table][name].told_at)}
    return places.union(_BESIDE) if ARGUMENTS_AT in places else places


def with_event_texts(table: str, rows: pa.Table, names: Collection[str], events: EventColumns) -> pa.Table:
    """The rows with every text of these columns in its place. `events` reads columns of the segment's events.

    Where the events are damaged, which `events` reports, nothing is known of what they tell.

    Raises: FormatError when a row points to an event that is not there, or all texts are more than there may be.
    """
    pointing = {name: COLUMNS[table][name] for name in names if COLUMNS[table][name].told_at in rows.column_names}
    pointing = {name: column for name, column in pointing.items() if rows[column.told_at].null_count < len(rows)}
    if not pointing:
        return rows
    try:
        told = events({"event_id", *(source for column in pointing.values() for source in column.told_by)})
    except FormatError:
        return rows
    first = told["event_id"][0].as_py() if len(told) else 0
    for name, column in pointing.items():
        event_ids = event_ids_of(column.told_at, rows)
        own = one_array(rows[name]) if name in rows.column_names else pa.nulls(len(rows), column.type)
        texts = _placed(own, one_array(told[column.told_by[0]]), event_ids, first)
        at = rows.schema.get_field_index(name)
        rows = rows.append_column(name, texts) if at < 0 else rows.set_column(at, name, texts)
    return rows


def _placed(own: pa.Array, told: pa.Array, event_ids: np.ndarray, first_event_id: int) -> pa.Array:
    """The text of each row's event; where it names none, its own."""
    is_told = event_ids != 0
    if not is_told.any():
        return own
    places = event_ids[is_told] - first_event_id
    if int(places.min()) < 0 or int(places.max()) >= len(told):
        raise FormatError("A call points to an event that is not there.")
    ends = np.frombuffer(told.buffers()[1], np.int32)[told.offset : told.offset + len(told) + 1]
    if int(np.diff(ends)[places].sum(dtype=np.int64)) > MAX_DECODED_BYTES:
        raise FormatError(f"The texts of its events take more than {MAX_DECODED_BYTES >> 20} MiB.")
    if own.null_count == len(own):
        at = np.zeros(len(own), np.int64)
        at[is_told] = places
        return told.take(pa.array(at, mask=~is_told))
    at = len(told) + np.arange(len(own), dtype=np.int64)
    at[is_told] = places
    return pa.concat_arrays([told, own.cast(told.type)]).take(pa.array(at))

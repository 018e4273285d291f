"""Rows of `states` as they stand on the disk: without what stands there already. Readers show them whole.

- A segment's states are its state events, in order. Columns that the events tell exactly (`Column.told_by`) are not in
  the file, nor is `changes` where each row stands for one, nor what is null in all rows. The same holds for any table
  that names an `event_kind`, and of `locals`: its rows are the changes that the texts of events tell (`changes_of`).
- Most values that states replace stand in the same segment, as `new` of an earlier row. There `old` is null and
  OLD_ROWS_BACK says how many rows before; 0 means that `old` itself tells. Counted backwards, so that segments are
  merged by laying them end to end.

A million states took 1.7 s to seal when every row said it all, most of it for texts, 0.7 s with `old` alone left out.

>>> states = {"old": ["a", None, None], "new": ["b", "c", None], OLD_ROWS_BACK: [0, 1, 0]}
>>> with_old_values(pa.table(states))["old"].to_pylist()
['a', 'b', None]
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import Int64
from capture.events.kinds import StateFlag
from capture.events.text_column import TextColumn
from capture.session.eventtable import integers, kinds, one_array
from capture.session.line_changes import changes_in
from capture.session.rows import id_column
from capture.session.tables import COLUMNS, OLD_ROWS_BACK, SCHEMAS, TABLE

_OF_WRITERS = ("track_id", "flags", "object_id")
EventColumns = Callable[[Collection[str]], pa.Table]


def writers(track_id: np.ndarray, flags: np.ndarray, object_id: Int64) -> np.ndarray:
    """Who wrote each state: its track, 0 for what a look at a module has found."""
    was_found = ((flags & StateFlag.SAMPLED) != 0) | (((flags & StateFlag.FIRST_KNOWN) != 0) & (object_id == 0))
    return np.where(was_found, 0, track_id)


def columns_of_events(table: str, events: pa.Table, names: Collection[str]) -> dict[str, pa.Array]:
    """Those columns that the events tell, a row for each of the table's events, or of what these changed."""
    if TABLE[table].changes_of:
        return _columns_of_changes(table, events, names)
    is_state = kinds(events["kind"]) == TABLE[table].event_kind
    all_are = bool(is_state.all())
    rows = None if all_are else pa.array(np.flatnonzero(is_state))

    def column(name: str) -> pa.Array:
        whole = one_array(events[name])
        return whole if rows is None else whole.take(rows)

    told = dict[str, pa.Array]()
    for name in names:
        sources = COLUMNS[table][name].told_by
        if sources == _OF_WRITERS:
            told[name] = id_column(writers(*(integers(column(source)) for source in sources)), pa.int32())
        else:
            told[name] = column(sources[0])
    return told


def _columns_of_changes(table: str, events: pa.Table, names: Collection[str]) -> dict[str, pa.Array]:
    values = one_array(events["value"])
    is_told = np.isin(kinds(events["kind"]), TABLE[table].changes_of)
    places = np.flatnonzero(is_told & values.is_valid().to_numpy(zero_copy_only=False))
    texts = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    changes = changes_in(TextColumn.of(texts), places)
    said = {"name": changes.name.array, "new": changes.new}
    rows, told = pa.array(places[changes.event]), dict[str, pa.Array]()
    for name in names:
        column = COLUMNS[table][name]
        told[name] = said[name].cast(column.type) if name in said else one_array(events[column.told_by[0]]).take(rows)
    return told


def without_repeats(table: str, rows: pa.Table, events: pa.Table | None) -> pa.Table:
    """The rows of a segment without the columns that its other files, or their absence, tell exactly."""
    repeated = []
    for name, column in COLUMNS[table].items():
        # A column of nulls takes as long to write as one of numbers.
        is_null = column.mostly_null and rows[name].null_count == len(rows)
        absent = column.absent_is
        if is_null or (absent is not None and (integers(one_array(rows[name])) == absent).all()):
            repeated.append(name)
    if events is not None and TABLE[table].is_told:
        told = columns_of_events(table, events, _told_by_events(table))
        repeated += [name for name, column in told.items() if one_array(rows[name]).equals(column)]
    return rows.drop_columns(repeated)


def with_told(table: str, rows: pa.Table, names: Collection[str], events: EventColumns | None) -> pa.Table:
    """The rows and those columns, which are not in their file. `events` reads columns of the segment's events.

    Raises: FormatError when the events are damaged, or are not those of these rows.
    """
    columns = COLUMNS[table]
    for name in names:
        if (absent := columns[name].absent_is) is not None:
            rows = rows.append_column(name, pa.array(np.full(len(rows), absent), columns[name].type))
    wanted = [name for name in _told_by_events(table) if name in names]
    if not wanted or events is None:
        return rows
    needed = {
        "kind",
        *(["value"] if TABLE[table].changes_of else []),
        *(column for name in wanted for column in columns[name].told_by),
    }
    for name, column in columns_of_events(table, events(needed), wanted).items():
        if len(column) != len(rows):
            raise FormatError(f"The segment has {len(column)} events for {len(rows)} rows of {table}.")
        rows = rows.append_column(name, column)
    return rows


def _told_by_events(table: str) -> list[str]:
    return [name for name, column in COLUMNS[table].items() if column.told_by and not column.told_at]


def with_old_values(states: pa.Table) -> pa.Table:
    """The rows with every `old` in its place, and without the column that said where.

    Raises: FormatError when a row points before the first one.
    """
    at = states.schema.get_field_index(OLD_ROWS_BACK)
    if at < 0:
        return states
    back = np.asarray(states[OLD_ROWS_BACK].fill_null(0)).astype(np.int64)
    states = states.remove_column(at)
    rows = np.arange(len(back))
    if (back < 0).any() or (back > rows).any():
        raise FormatError("A row of states points to a value that is not there.")
    if not back.any():
        return states
    old, new = (states[name].combine_chunks() for name in ("old", "new"))
    places = np.where(back > 0, rows - back, len(rows) + rows)
    told = pa.concat_arrays([new, old.cast(new.type)]).take(pa.array(places))
    return states.set_column(states.schema.get_field_index("old"), "old", told)


def as_arrow_file(table: str, rows: pa.Table) -> pa.Buffer:
    """Whole rows, or some of their columns, as a file in memory: a copy, kept no longer than a query."""
    sink = pa.BufferOutputStream()
    schema = pa.schema([SCHEMAS[table].field(name) for name in rows.column_names])
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(rows.cast(schema), max_chunksize=1 << 16)
    return sink.getvalue()

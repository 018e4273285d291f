"""One table as the bytes of a Parquet file and back, distrusting the bytes.

Encodings, measured on 262 144 events of nested calls and their 131 072 call rows: times and dense ids as
DELTA_BINARY_PACKED (1.2 and 0.02 bytes per event, 1 ms), sites and kinds as dictionaries, parents of calls plain (zstd
finds their repetitions, deltas hide them). LZ4 saves no time worth its bytes, BYTE_STREAM_SPLIT on integers is unknown
to many readers. Statistics only where a reader skips by them. `make bench` prints the sizes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from capture.errors import FormatError, error_line
from capture.hostlib import host_library
from capture.session.event_texts import places_of, with_event_texts
from capture.session.format import MAX_DECODED_BYTES
from capture.session.stored_states import EventColumns, with_old_values, with_told
from capture.session.table_shape import WORDS, Table
from capture.session.tables import COLUMNS, OLD_ROWS_BACK, SCHEMAS, STORED_SCHEMAS, TABLE

_MAX_COLUMNS = 256
_ROW_GROUP_ROWS = 1 << 20
_SAMPLE_ROWS = 512
# What pyarrow raises for bytes that are not a Parquet file; all of it becomes a FormatError.
BAD_BYTES = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError)


def _options(table: Table) -> dict[str, Any]:
    """Readers skip rows by statistics, and whole columns by the knowledge that they hold nothing but null."""
    return {
        "version": "2.6",
        "compression": "zstd",
        "compression_level": 1,
        "column_encoding": {c.name: "DELTA_BINARY_PACKED" for c in table.columns if c.encoding == "delta"},
        "use_dictionary": [column.name for column in table.columns if column.encoding == "dictionary"],
        "write_statistics": [column.name for column in table.columns if column.skips],
        "write_page_checksum": True,
        "max_rows_per_page": _ROW_GROUP_ROWS,  # else a page, and a compressor set up for it, for each 20 000 rows
        "store_schema": False,  # it costs 1 KiB per file and says what the Parquet schema says already
    }


def encode(name: str, table: pa.Table) -> pa.Buffer:
    """The Parquet file of the named table."""
    sink, columns = pa.BufferOutputStream(), COLUMNS[name]
    there = set(table.column_names)  # a file of an older or newer version, or one whose events tell the rest
    options = {
        option: [c for c in value if c in there] if isinstance(value, list) else value
        for option, value in _options(TABLE[name]).items()
    }
    values = [column for column in table.column_names if column in columns and columns[column].encoding == "sampled"]
    # Plain where the texts differ: a dictionary of them doubles the time and is given up in the end.
    if repeating := [column for column in values if _repeats(table[column])]:
        options = {**options, "use_dictionary": [*options["use_dictionary"], *repeating]}
    if empty := [column for column in values if table[column].null_count == len(table)]:
        options = {**options, "write_statistics": [*options["write_statistics"], *empty]}
    # A column without nulls needs no level for each of its rows: a third of the time that numbers take.
    fields = [field.with_nullable(table[field.name].null_count > 0) for field in table.schema]
    table = pa.table(table.columns, schema=pa.schema(fields))
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
    return sink.getvalue()


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a few of its texts stand in most rows, judged by its middle."""
    sample = column.slice(max(0, (len(column) - _SAMPLE_ROWS) // 2), _SAMPLE_ROWS)
    return len(sample.unique()) <= max(8, len(sample) // 4)


def check(name: str, data: pa.Buffer, rows: int) -> pq.ParquetFile:
    """The file, opened, once its own claims are found possible; nothing is decoded yet.

    Raises: FormatError.
    """
    words = [field.name for field in SCHEMAS[name] if field.type == WORDS]
    shape = _shape(name, data)
    if shape.rows != rows:
        raise FormatError(f"The table {name} does not have the rows that the manifest lists.")
    if shape.decoded_bytes > MAX_DECODED_BYTES:
        raise FormatError(f"The table {name} holds more than {MAX_DECODED_BYTES >> 20} MiB of data.")
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=words, page_checksum_verification=False)
        _check_types(name, file.schema_arrow)
        columns = [file.schema.column(i).name for i in range(len(file.schema))]
        dense = [column for column in columns if column in SCHEMAS[name].names and column not in words]
        worst = sum(shape.worst_text[columns.index(column)] for column in dense)
        if worst > MAX_DECODED_BYTES and _text_bytes(data, dense) > MAX_DECODED_BYTES:
            raise FormatError(f"The texts of the table {name} take more than {MAX_DECODED_BYTES >> 20} MiB.")
    except BAD_BYTES as error:
        raise FormatError(f"The table {name} is not a readable Parquet file: {error_line(error)}.") from error
    return file


def columns_beyond(name: str, data: pa.Buffer, rows: int) -> pa.Table | None:
    """The first column and those that only a newer Scope knows; None when there are none.

    Raises: FormatError, also when nothing of the table is known.
    """
    if name not in SCHEMAS:
        raise FormatError(f"The table {name} is one of a newer Scope.")
    file = check(name, data, rows)
    more = [column for column in file.schema_arrow.names if column not in STORED_SCHEMAS[name].names]
    try:
        return file.read(columns=[SCHEMAS[name].names[0], *more], use_threads=False) if more else None
    except BAD_BYTES as error:
        raise FormatError(f"The table {name} cannot be decoded: {error_line(error)}.") from error


class _Shape(NamedTuple):
    rows: int
    decoded_bytes: int
    worst_text: Sequence[int]  # bytes by column, if each of its rows were its dictionary's longest text


def _shape(name: str, data: pa.Buffer) -> _Shape:
    """What a file is without Arrow, which dies of some footers and takes pages for what they claim to be.

    Raises: FormatError for a file that is no flat table.
    """
    totals, worst_text = (ctypes.c_int64 * 3)(), (ctypes.c_int64 * _MAX_COLUMNS)()
    look = host_library().scope_parquet_shape
    look.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    look.restype = ctypes.c_char_p
    wrong = look(data.address, data.size, totals, worst_text)
    if wrong is not None:
        raise FormatError(f"The table {name} is not a readable Parquet file: {wrong.decode()}.")
    rows, columns, decoded_bytes = totals
    return _Shape(rows, decoded_bytes, worst_text[:columns])


def _text_bytes(data: pa.Buffer, columns: list[str]) -> int:
    """How many bytes of text the columns hold, counted without making them."""
    import pyarrow.compute as pc  # noqa: PLC0415 - takes 70 ms to import, and is wanted for few files

    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=columns, page_checksum_verification=False)
    total = 0
    for column in columns:
        for chunk in file.read(columns=[column], use_threads=False).column(0).chunks:
            if pa.types.is_dictionary(chunk.type):
                total += pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
            else:
                total += chunk.nbytes
    return total


def decode(
    name: str,
    data: pa.Buffer,
    rows: int,
    columns: Iterable[str] | None = None,
    *,
    stored: bool = False,
    sparse: bool = False,
    events: EventColumns | None = None,
) -> pa.Table:
    """The columns asked for, in the order of the schema; columns the file lacks are null, unknown ones ignored.

    `stored`: with values that were replaced only by their places. `sparse`: without the columns that hold nothing but
    null or 0, for those who have a cheaper way to say so than memory full of it, and texts of which there are few as a
    dictionary. `events` reads columns of the segment's events, which tell what a file of states or calls need not say.

    Raises: FormatError, and whatever `events` raises.
    """
    schema = (STORED_SCHEMAS if stored else SCHEMAS)[name]
    wanted = schema.names if columns is None else [column for column in schema.names if column in set(columns)]
    file = check(name, data, rows)
    needed, untold = set(wanted), set[str]()
    try:
        filled = _filled_columns(file)
        if "old" in needed and not stored and OLD_ROWS_BACK in filled:
            needed |= {"old", "new", OLD_ROWS_BACK}
        if not stored:
            needed |= places_of(name, wanted) & filled
        present = [column for column in STORED_SCHEMAS[name].names if column in filled and column in needed]
        table = (_folding(file, name, data) if sparse else file).read(columns=present, use_threads=False)
        table.validate(full=any(not pa.types.is_primitive(field.type) for field in table.schema))
        if TABLE[name].is_shortened:
            untold = needed.difference(file.schema_arrow.names)
            if sparse:
                untold -= {column for column in untold if not COLUMNS[name][column].absent_is}
    except BAD_BYTES as error:
        raise FormatError(f"The table {name} cannot be decoded: {error_line(error)}.") from error
    if untold:
        table = with_told(name, table, untold, events)
    try:
        if OLD_ROWS_BACK in needed and not stored:
            missing = [pa.field(column, pa.string()) for column in ("old", "new") if column not in table.column_names]
            table = with_old_values(_with_nulls(table, missing))
        if events is not None and not stored:
            table = with_event_texts(name, table, wanted, events)
    except BAD_BYTES as error:
        raise FormatError(f"The table {name} cannot be decoded: {error_line(error)}.") from error
    if len(table) != rows:
        raise FormatError(f"The table {name} holds {len(table)} rows instead of {rows}.")
    if sparse:
        return table.select([column for column in wanted if column in table.column_names])
    return _with_nulls(table, [schema.field(c) for c in wanted if c not in table.column_names]).select(wanted)


def _folding(file: pq.ParquetFile, name: str, data: pa.Buffer) -> pq.ParquetFile:
    """The same file, read with texts as a dictionary where the column takes less than two bits for each of its rows:
    to put a null into each of 250 000 rows of strings takes as long as all numbers beside them.
    """
    groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
    columns = [group.column(at) for group in groups[:1] for at in range(group.num_columns)]
    texts = [column for column in columns if column.physical_type == "BYTE_ARRAY"]
    words = [column.path_in_schema for column in texts if column.total_uncompressed_size * 4 < groups[0].num_rows]
    if not words or len(groups) > 1:
        return file
    words += [field.name for field in SCHEMAS[name] if field.type == WORDS]
    return pq.ParquetFile(
        pa.BufferReader(data), metadata=file.metadata, read_dictionary=words, page_checksum_verification=False
    )


def _with_nulls(table: pa.Table, fields: Iterable[pa.Field]) -> pa.Table:
    """The table and columns of null; whether a file says of a column that it has no nulls is of no interest here."""
    for field in fields:
        table = table.append_column(field.name, pa.nulls(len(table), field.type))
    return pa.table(table.columns, names=table.column_names)


def _filled_columns(file: pq.ParquetFile) -> set[str]:
    """The columns that hold anything but null, as far as the file's statistics tell."""
    metadata = file.metadata
    filled = set()
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            found = column.statistics if column.is_stats_set else None
            if found is None or not found.has_null_count or found.null_count < metadata.row_group(group).num_rows:
                filled.add(column.path_in_schema)
    return filled


def _check_types(name: str, found: pa.Schema) -> None:
    for field in STORED_SCHEMAS[name]:
        at = found.get_all_field_indices(field.name)
        if len(at) > 1:
            raise FormatError(f"The table {name} has the column {field.name} twice.")
        if not at:
            continue
        kind = found.field(at[0]).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if kind != (pa.string() if field.type == WORDS else field.type):
            raise FormatError(f"The column {field.name} of the table {name} is of type {kind}, not {field.type}.")

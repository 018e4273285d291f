"""One table as the bytes of a Parquet file and back, distrusting the bytes.

Encodings, measured on 262 144 events of nested calls and their 131 072 call rows: times and dense ids as
DELTA_BINARY_PACKED (1.2 and 0.02 bytes per event, 1 ms), sites and kinds as dictionaries, parents of calls plain (zstd
finds their repetitions, deltas hide them). LZ4 saves no time worth its bytes, BYTE_STREAM_SPLIT on integers is unknown
to many readers. Statistics only where a reader skips by them. `make bench` prints the sizes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
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
_DICTIONARY_BYTES = 1 << 20  # one of more texts than that is given up: what pyarrow does if it is not told otherwise
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


def check(name: str, data: pa.Buffer, rows: int) -> tuple[pq.ParquetFile, Mapping[str, int]]:
    """(the file, opened, once its own claims are found possible; by column how many bytes of text it may say at most).

    Nothing is decoded yet. Raises: FormatError.
    """
    shape = _shape(name, data)
    if shape.rows != rows:
        raise FormatError(f"The table {name} does not have the rows that the manifest lists.")
    if shape.decoded_bytes > MAX_DECODED_BYTES:
        raise FormatError(f"The table {name} holds more than {MAX_DECODED_BYTES >> 20} MiB of data.")
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=_words(name), page_checksum_verification=False)
        _check_types(name, file.schema_arrow)
        columns = [file.schema.column(i).name for i in range(len(file.schema))]
    except BAD_BYTES as error:
        raise FormatError(f"The table {name} is not a readable Parquet file: {error_line(error)}.") from error
    return file, dict(zip(columns, shape.worst_text, strict=True))


def _words(name: str) -> list[str]:
    return [field.name for field in SCHEMAS[name] if field.type == WORDS]


def _check_texts(name: str, worst: Mapping[str, int], columns: list[str], count: Callable[[], int]) -> None:
    """Raises: FormatError where the texts of these columns, each made for its row, take too much together.

    They are counted only where they could: a file says no more than how long its longest text may be.
    """
    if sum(worst[column] for column in columns) > MAX_DECODED_BYTES and count() > MAX_DECODED_BYTES:
        raise FormatError(f"The texts of the table {name} take more than {MAX_DECODED_BYTES >> 20} MiB.")


def columns_beyond(name: str, data: pa.Buffer, rows: int) -> pa.Table | None:
    """The first column and those that only a newer Scope knows; None when there are none.

    Raises: FormatError, also when nothing of the table is known.
    """
    if name not in SCHEMAS:
        raise FormatError(f"The table {name} is one of a newer Scope.")
    file, _ = check(name, data, rows)
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
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=columns, page_checksum_verification=False)
    return sum(_told_bytes(column) for column in file.read(columns=columns, use_threads=False).columns)


def _told_bytes(column: pa.ChunkedArray) -> int:
    """How many bytes the texts of a column take at most when each is made for its row; of a dictionary, exactly where
    they could be too many.
    """
    total = 0
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            texts = chunk.dictionary
            ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
            lengths = np.diff(ends)
            most = len(chunk) * int(lengths.max(initial=0))
            rows = chunk.indices.drop_null() if most > MAX_DECODED_BYTES else None
            total += most if rows is None else int(lengths[rows.to_numpy()].sum(dtype=np.int64))
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
    file, worst = check(name, data, rows)
    needed, untold = set(wanted), set[str]()
    try:
        filled = _filled_columns(file)
        if "old" in needed and not stored and OLD_ROWS_BACK in filled:
            needed |= {"old", "new", OLD_ROWS_BACK}
        if not stored:
            needed |= places_of(name, wanted) & filled
        present = [column for column in STORED_SCHEMAS[name].names if column in filled and column in needed]
        folded = _folded(file, name) if sparse else []
        texts = [column for column in present if worst[column] and column not in {*_words(name), *folded}]
        _check_texts(name, worst, texts, lambda: _text_bytes(data, texts))
        table = (_folding(file, name, data, folded) if folded else file).read(columns=present, use_threads=False)
        kept = [column for column in folded if column in present]
        _check_texts(name, worst, kept, lambda: sum(_told_bytes(table[column]) for column in kept))
        table.validate()
        table.select([field.name for field in table.schema if not pa.types.is_primitive(field.type)]).validate(
            full=True
        )
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


def _folded(file: pq.ParquetFile, name: str) -> list[str]:
    """The text columns to read as a dictionary: those that are stored so, and those that take less than two bits for
    each of their rows. To put a null into each of 250 000 rows of strings takes as long as all numbers beside them, and
    a text into most of them twice that.
    """
    if file.metadata.num_row_groups != 1:
        return []
    group = file.metadata.row_group(0)
    columns = [group.column(at) for at in range(group.num_columns)]
    texts = [column for column in columns if column.physical_type == "BYTE_ARRAY"]
    folded = {column.path_in_schema for column in texts if _is_folded(column, group.num_rows)}
    return sorted(folded.difference(_words(name)))


def _folding(file: pq.ParquetFile, name: str, data: pa.Buffer, columns: list[str]) -> pq.ParquetFile:
    """The same file, read with these as a dictionary."""
    words = [*columns, *_words(name)]
    return pq.ParquetFile(
        pa.BufferReader(data), metadata=file.metadata, read_dictionary=words, page_checksum_verification=False
    )


def _is_folded(column: pq.ColumnChunkMetaData, rows: int) -> bool:
    """Whether all texts of a column are a dictionary's, or there are few: one whose dictionary has become too large
    goes on without it, and is larger than that.
    """
    size: int = column.total_uncompressed_size
    return size * 4 < rows or (column.has_dictionary_page and size < _DICTIONARY_BYTES)


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

"""The DAG of output: what was printed, logged and warned of, with the call that did. Nodes are event ids.

It holds nothing: every row is told by one event, and the call by the stacks.
"""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.events.batch import EventBatch, Int64, UInt8
from capture.events.kinds import Kind, OutputFlag
from capture.events.text_column import TextColumn
from capture.events.written import ESCAPED
from capture.session.eventtable import sparse_texts
from dags.base import Context, Dag, KeptNs, Ns, Rows, decoded, require_not_before

STREAMS = ("stdout", "stderr", "log", "warning")
_HEADING_END = ": "


class OutputKeyframe(msgspec.Struct, frozen=True):
    """When the last event was."""

    last_ns: KeptNs


class OutputDag(Dag):
    """Makes a row of each event that says something."""

    def __init__(self, last_ns: int = 0) -> None:
        self.last_ns = last_ns

    @classmethod
    def restored(cls, data: bytes) -> Self:
        """Raises: FormatError."""
        return cls(decoded(data, OutputKeyframe).last_ns)

    def keyframe(self) -> bytes:
        """When the last event was."""
        return msgspec.msgpack.encode(OutputKeyframe(self.last_ns))

    def copy(self) -> Self:
        """One of its own."""
        return type(self)(self.last_ns)

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `output`. Without `callers` in the context, calls are unknown."""
        self.advance(batch, context)
        rows = np.flatnonzero(batch.kind == Kind.OUTPUT)
        if not len(rows):
            return {"output": {}}
        flags = batch.flags[rows]
        level, logger = _headings(_texts(batch.messages, batch.message_rows, rows))
        calls = np.zeros(len(rows), np.int64) if context.callers is None else context.callers.at(Kind.OUTPUT)
        return {
            "output": {
                "event_id": batch.first_event_id + rows,
                "time_ns": batch.time_ns[rows],
                "track_id": batch.track_id[rows],
                "call_id": calls,
                "line": batch.ref[rows],
                "stream": pa.DictionaryArray.from_arrays(pa.array(_streams(flags)), pa.array(STREAMS)),
                "level": level,
                "logger": logger,
                "text": _texts(batch.values, batch.value_rows, rows),
                "form": pa.array(np.full(len(rows), ESCAPED), pa.string(), mask=flags & OutputFlag.ESCAPED == 0),
                "continues": (flags & OutputFlag.CONTINUES != 0).astype(np.uint8),
                "redirected": (flags & OutputFlag.REDIRECTED != 0).astype(np.uint8),
            }
        }

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events."""
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))

    def at(self, time_ns: Ns) -> None:
        """Nothing: what was said until then is in the table."""
        require_not_before(time_ns, self.last_ns)


def _streams(flags: UInt8) -> npt.NDArray[np.int8]:
    """Which of STREAMS each was written to."""
    streams: npt.NDArray[np.int8] = (flags & OutputFlag.STDERR != 0).astype(np.int8)
    streams[flags & OutputFlag.LOG != 0] = STREAMS.index("log")
    streams[flags & OutputFlag.WARNING != 0] = STREAMS.index("warning")
    return streams


def _texts(texts: TextColumn, text_rows: Int64, rows: npt.NDArray[np.intp]) -> pa.Array:
    """The texts of those rows of a batch, null where there is none."""
    if not len(text_rows):
        return pa.nulls(len(rows), pa.string())
    places = np.minimum(np.searchsorted(text_rows, rows), len(text_rows) - 1)
    with_one = text_rows[places] == rows
    return sparse_texts(len(rows), np.flatnonzero(with_one), texts.taken(places[with_one]))


def _headings(headings: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(level, logger) of each heading; null where it has none, or a row has no heading."""
    if headings.null_count == len(headings):
        return headings, headings
    words = headings.dictionary_encode()
    parts = [word.partition(_HEADING_END) for word in words.dictionary.to_pylist()]

    def column(part: int) -> pa.Array:
        texts = pa.array([one[part] or None for one in parts], pa.string())
        return texts.take(words.indices)

    return column(0), column(2)

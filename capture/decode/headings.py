"""The headings of what is logged and warned of, apart from what it says: "WARNING: orders.db", and the text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.decode.records import Payloads
from capture.events.text_column import TextColumn

END = "\0"
"""Stands between a heading and its text."""


def split_headings(payloads: Payloads, headed: npt.NDArray[np.bool_]) -> tuple[Payloads, Payloads]:
    """(the payloads without the headings of those that have one, the headings as payloads of the same rows).

    A text that lacks the end of its heading, which no target writes, is all heading.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - takes 70 ms to import, and most programs log nothing in a batch

    texts = payloads.texts.array
    ends = pc.find_substring(texts, END)
    length = pc.binary_length(texts).to_numpy().astype(np.int64)
    end = np.where(ends.to_numpy() < 0, length, ends.to_numpy()).astype(np.int64)
    begin = np.where(headed, np.minimum(end + len(END), length), 0)
    raw = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    offsets = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, texts.offset * 8)
    said = _cut(raw, offsets[:-1] + begin, offsets[1:])
    places = np.flatnonzero(headed)
    heading = _cut(raw, offsets[places], offsets[places] + end[places])
    of_headed = payloads.taken(headed)
    return replace(payloads, texts=said), replace(of_headed, texts=heading)


def joined_by_row(one: Payloads, other: Payloads) -> Payloads:
    """The payloads of both, ascending by row."""
    if not len(one.rows):
        return other
    order = np.argsort(np.concatenate([one.rows, other.rows]), kind="stable")
    return Payloads(
        np.concatenate([one.rows, other.rows])[order],
        np.concatenate([one.serials, other.serials])[order],
        np.concatenate([one.changes, other.changes])[order],
        TextColumn.joined([one.texts, other.texts]).taken(order),
    )


def _cut(raw: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> TextColumn:
    """The texts between each start and stop, copied one behind the other."""
    ends = np.concatenate([[0], np.cumsum(stops - starts)])
    places = np.repeat(starts - ends[:-1], stops - starts) + np.arange(int(ends[-1]))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(raw[places])]
    return TextColumn(pa.Array.from_buffers(pa.large_string(), len(starts), buffers))

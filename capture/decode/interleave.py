"""From the queues of the tracks to one batch: ticks to time, numbers to ids, tracks merged by time.

Everything that every event needs is done on whole columns; Python touches single events of the rare kinds only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.decode.catalog import Catalog, JournalProcess
from capture.decode.event_columns import (
    HAS_STATE_FLAGS,
    HAS_VALUES,
    SITE_BITS_OF,
    UNEXPLAINED,
    Columns,
    fill,
    site_ids_of,
)
from capture.decode.record_bytes import Records, kinds_and_sites
from capture.decode.records import (
    NO_PAYLOADS,
    RECENT_NS,
    DropTotal,
    Extra,
    Payloads,
    TrackQueue,
    end_to_end,
)
from capture.decode.timebase import MAX_NS
from capture.decode.value_texts import TrackWords, value_texts
from capture.events.batch import EventBatch, Int64, UInt8, make_batch
from capture.events.definitions import GapRow
from capture.events.kinds import (
    BLIND_REASONS,
    GAP_REASONS,
    PAYLOAD_FLAG,
    StateFlag,
)
from capture.events.text_column import TextColumn

LOST = "lost"


@dataclass(slots=True)
class _Taken:
    """What one queue gives: its first rows, with times, and what its rare events say beyond their heads."""

    queue: TrackQueue
    records: Records
    time_ns: Int64
    extras: list[tuple[int, Extra]]
    payloads: Payloads
    words: TrackWords


def take_columns(
    catalog: Catalog, target: JournalProcess, end_ns: int, gaps: list[GapRow], *, everything: bool
) -> list[Columns]:
    """The target's events up to end_ns, out of its queues, as at most one set of columns. Adds to `gaps`."""
    waiting: list[TrackQueue] = []
    for queue in sorted(target.busy.values(), key=lambda queue: queue.track_id):
        while (ticks := queue.blocked_ticks) is not None:
            behind_ns = target.timebase.ns_of_one(ticks)
            if not everything and behind_ns > end_ns:
                break
            queue.give_up_hole()
        if len(queue):
            waiting.append(queue)
    parts: list[_Taken] = []
    if waiting:  # all at once: of thousands of threads each has a few records only
        records = end_to_end([piece.records for queue in waiting for piece in queue.pending()])
        time_ns = target.timebase.ns_of(np.ascontiguousarray(records["ticks"]))
        stop = 0
        for queue in waiting:
            start, stop = stop, stop + len(queue)
            taken = _take_queue(queue, records[start:stop], time_ns[start:stop], end_ns, gaps, everything=everything)
            if len(taken.records):
                if queue.taken == len(taken.records):
                    _note_start(catalog, queue, int(taken.time_ns[0]))
                parts.append(taken)
    _forget_values(target, end_ns)
    target.busy = {serial: queue for serial, queue in target.busy.items() if queue.oldest_block is not None}
    target.timebase.prune(_oldest_ticks(target))
    if not parts:
        return []
    heads = end_to_end([part.records for part in parts])
    lengths = [len(part.records) for part in parts]
    plain = kinds_and_sites(heads, SITE_BITS_OF, target.sites, HAS_VALUES)
    columns = Columns(
        _one([part.time_ns for part in parts]),
        plain.kind,
        np.repeat(np.array([part.queue.track_id for part in parts], np.int32), lengths),
        plain.site if plain.all_known else site_ids_of(catalog, target, heads),
        ref=plain.line,
    )
    starts = np.cumsum([0, *lengths])
    extras = [
        (int(start) + row, extra) for start, part in zip(starts, parts, strict=False) for row, extra in part.extras
    ]
    words = value_texts(heads, [part.words for part in parts], target.names) if plain.value_flags else None
    payloads = _joined([part.payloads for part in parts], starts.tolist())
    has_flags = plain.value_flags & ~PAYLOAD_FLAG != 0
    fill(catalog, target, heads, columns, extras=extras, payloads=payloads, words=words, has_flags=has_flags)
    return [columns]


def _forget_values(target: JournalProcess, end_ns: int) -> None:
    """Lets go of values to which what comes cannot refer: all that is left is later than `end_ns`.

    Not before the events up to there are taken: after a delay they may be seconds older.
    """
    latest_ns = max((queue.last_ns for queue in target.busy.values()), default=0) if end_ns == MAX_NS else end_ns
    for queue in target.busy.values():
        queue.forget(latest_ns - RECENT_NS)


def _take_queue(
    queue: TrackQueue, records: Records, time_ns: Int64, end_ns: int, gaps: list[GapRow], *, everything: bool
) -> _Taken:
    """What goes out of a queue; `records` and `time_ns` are all that it holds, the times may be written to."""
    starts = [0, *accumulate(len(piece) for piece in queue.pending())]
    extras = [
        (start + row, extra)
        for start, piece in zip(starts, queue.pending(), strict=False)
        for row, extra in piece.extras
    ]
    payloads = _joined([piece.payloads for piece in queue.pending()], starts)
    gap_rows = [row for row, extra in extras if isinstance(extra, DropTotal)]
    broke_off = {row: int(time_ns[row]) for row in gap_rows}
    for row in reversed(gap_rows):
        time_ns[row] = time_ns[min(row + 1, len(time_ns) - 1)]
    if time_ns[0] < queue.last_ns:
        np.maximum(time_ns, queue.last_ns, out=time_ns)
    if (time_ns[1:] < time_ns[:-1]).any():
        np.maximum.accumulate(time_ns, out=time_ns)
    rows = len(records) if time_ns[-1] <= end_ns else int(np.searchsorted(time_ns, end_ns, side="right"))
    if rows == len(records) and gap_rows and gap_rows[-1] == rows - 1 and not everything:
        rows -= 1  # when the gap ended shows with the event after it

    def gap(row: int, dropped: int, reason: str, start_ns: int = 0) -> None:
        before_ns = int(time_ns[row - 1]) if row else queue.last_ns
        if reason in BLIND_REASONS:  # events of other kinds go on all the while
            before_ns = start_ns
        after = row + (row in broke_off)
        end = int(time_ns[after]) if after < len(time_ns) else None
        gaps.append(
            GapRow(
                start_ns=min(max(before_ns, start_ns), before_ns if end is None else end),
                end_ns=end,
                track_id=queue.track_id,
                dropped=dropped,
                reason=reason,
            )
        )

    for start, piece in zip(starts, queue.pending(), strict=False):
        if piece.unexplained and start < rows:
            gap(start, piece.unexplained, UNEXPLAINED)
    for row, missing in queue.holes:
        if row < rows:
            gap(row, missing, LOST)
    for row in gap_rows:
        if row < rows:
            gap(row, int(records["a"][row]), GAP_REASONS.get(int(records["b"][row]), UNEXPLAINED), broke_off[row])
    words = TrackWords([piece for _, piece in queue.recent], [], 0)
    if rows:
        queue.last_ns = int(time_ns[rows - 1])
        words = replace(words, words=queue.take(rows), count=rows)
    taken = [(row, extra) for row, extra in extras if row < rows]
    return _Taken(queue, records[:rows], time_ns[:rows], taken, payloads.between(0, rows), words)


def _joined(parts: Sequence[Payloads], starts: Sequence[int]) -> Payloads:
    """The payloads of consecutive pieces as one; `starts` are the rows that the pieces begin at."""
    if not any(len(part.rows) for part in parts):
        return NO_PAYLOADS
    if len(parts) == 1 and not starts[0]:
        return parts[0]
    return Payloads(
        np.concatenate([part.rows + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.serials for part in parts]),
        np.concatenate([part.changes for part in parts]),
        TextColumn.joined([part.texts for part in parts]),
    )


def _one(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The parts end to end; a single one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _note_start(catalog: Catalog, queue: TrackQueue, time_ns: int) -> None:
    row = catalog.tracks[queue.track_id - 1]
    if row.start_ns is None:
        row.start_ns = time_ns
        catalog.revisions.tracks += 1


def _oldest_ticks(target: JournalProcess) -> int | None:
    firsts = [int(queue.pieces[0].records["ticks"][0]) for queue in target.busy.values() if queue.pieces]
    return min(firsts, default=None)


def merge(parts: Sequence[Columns], first_event_id: int) -> EventBatch | None:
    """One batch of all parts by time; events of the same instant keep the order of their track."""
    if not parts:
        return None
    lengths = [len(part.time_ns) for part in parts]
    offsets = np.cumsum([0, *lengths]).tolist()
    time_ns, kind = _one([part.time_ns for part in parts]), _one([part.kind for part in parts])
    track_id, site_id = _one([part.track_id for part in parts]), _one([part.site_id for part in parts])
    rare = [name for name in ("object_id", "ref", "flags") if any(getattr(part, name) is not None for part in parts)]
    zeros = {"object_id": np.int64, "ref": np.int64, "flags": np.uint8}
    more = {
        name: _one(
            [np.zeros(n, zeros[name]) if (c := getattr(p, name)) is None else c
             for p, n in zip(parts, lengths, strict=True)]
        )
        for name in rare
    }  # fmt: skip
    payloads = _joined([part.payloads for part in parts], offsets)
    said = _joined([part.messages for part in parts], offsets)
    said_rows, messages = said.rows, said.texts
    changes = None
    if len(payloads.rows):
        changes = np.zeros(len(time_ns), np.int64)
        changes[payloads.rows] = payloads.changes
    rows, values = _texts(parts, offsets, payloads, kind, more.get("flags"))
    if (time_ns[1:] < time_ns[:-1]).any():
        order = np.argsort(time_ns, kind="stable")
        if len(rows) or len(said_rows):
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            rows, said_rows = place[rows], place[said_rows]
        time_ns, kind, track_id, site_id = time_ns[order], kind[order], track_id[order], site_id[order]
        more = {name: column[order] for name, column in more.items()}
        changes = None if changes is None else changes[order]
    if (rows[1:] < rows[:-1]).any():
        by_row = np.argsort(rows, kind="stable")
        rows, values = rows[by_row], values.taken(by_row)
    if (said_rows[1:] < said_rows[:-1]).any():
        by_row = np.argsort(said_rows, kind="stable")
        said_rows, messages = said_rows[by_row], messages.taken(by_row)
    return make_batch(
        first_event_id, time_ns, kind, track_id,
        site_id=site_id, value_rows=rows, values=values, changes=changes,
        message_rows=said_rows, messages=messages, **more,
    )  # fmt: skip


def _texts(
    parts: Sequence[Columns], offsets: Sequence[int], payloads: Payloads, kind: UInt8, flags: UInt8 | None
) -> tuple[Int64, TextColumn]:
    """(rows that have a text, the texts), in no order."""
    texts = {
        offset + row: text for offset, part in zip(offsets, parts, strict=False) for row, text in part.texts.items()
    }
    rows, values = [np.fromiter(texts.keys(), np.int64, len(texts))], [TextColumn.of(list(texts.values()))]
    for offset, part in zip(offsets, parts, strict=False):
        for at, words in part.words:
            rows.append(at + offset)
            values.append(words)
    if len(payloads.rows) and flags is not None:
        alive = ~(HAS_STATE_FLAGS[kind[payloads.rows]] & (flags[payloads.rows] & StateFlag.DELETED != 0))
        rows.append(payloads.rows[alive])
        values.append(payloads.texts if alive.all() else payloads.texts.taken(np.flatnonzero(alive)))
    return np.concatenate(rows), TextColumn.joined(values)

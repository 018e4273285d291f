"""From the queues of the tracks to one batch: ticks to time, numbers to ids, tracks merged by time.

Everything that every event needs is done on whole columns; Python touches single events of the rare kinds only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.decode.catalog import Catalog, JournalProcess
from capture.decode.headings import joined_by_row, split_headings
from capture.decode.record_bytes import Records, counts_of, kinds_and_sites
from capture.decode.records import (
    NO_PAYLOADS,
    RECENT_NS,
    DropTotal,
    Extra,
    Frames,
    Payloads,
    TrackQueue,
    end_to_end,
)
from capture.decode.timebase import MAX_NS
from capture.decode.value_texts import TrackWords, value_texts
from capture.events.batch import EventBatch, Int32, Int64, UInt8, make_batch, mask_of
from capture.events.definitions import GapRow
from capture.events.kinds import (
    BLIND_REASONS,
    EXCEPTION_TYPE_BITS,
    GAP_REASONS,
    KINDS,
    PAYLOAD_FLAG,
    SITE_BITS,
    SNAPSHOT_REASONS,
    JoinEndFlag,
    Kind,
    OutputFlag,
    RaiseFlag,
    SnapshotFlag,
    StateFlag,
)
from capture.events.text_column import TextColumn

OBJECT_SERIAL_BITS = 44  # an object's id is its target's serial for it, behind the process id minus one
LOST = "lost"
UNEXPLAINED = "not told"
SMALL = 1 << 16

_PARTS = {
    0: "middle",
    SnapshotFlag.FIRST_PART: "first",
    SnapshotFlag.LAST_PART: "last",
    SnapshotFlag.FIRST_PART | SnapshotFlag.LAST_PART: "whole",
}
_ENDED = TextColumn.of(["ended"])
_SITE_BITS = np.zeros(256, np.uint8)
_SITE_BITS[[kind for kind in KINDS if kind.row.a == "site"]] = 32
_SITE_BITS[[kind for kind in KINDS if kind.row.a == "site, line"]] = SITE_BITS
_HAS_SITE = _SITE_BITS > 0
_HAS_EXCEPTION = mask_of(kind for kind in KINDS if kind.row.b in ("exception type", "exception"))
_SAYS_WHICH = mask_of(kind for kind in KINDS if kind.row.b == "exception")
_HAS_MESSAGE = mask_of(kind for kind in KINDS if kind.row.payload == "exception")
_HAS_THREAD = mask_of(kind for kind in KINDS if kind.row.a == "thread")
_HAS_FLAGS = mask_of(kind for kind in KINDS if kind.row.flags is not None)
_HAS_KEY = mask_of(kind for kind in KINDS if kind.row.a == "state key")
_HAS_NUMBER = mask_of(kind for kind in KINDS if kind.row.a in ("dropped", "line", "number"))
_HAS_FIRST_LINE = mask_of(kind for kind in KINDS if kind.row.b == "line")
_HAS_STATE_FLAGS = mask_of(kind for kind in KINDS if kind.row.flags is StateFlag)
_HAS_VALUES = mask_of(kind for kind in KINDS if kind.row.payload in ("arguments", "value", "locals", "frame"))
_SAYS_MORE = mask_of(
    kind
    for kind in KINDS
    if not _HAS_SITE[kind]
    or kind.row.payload == "frame"
    or (not _HAS_VALUES[kind] and (kind.row.b in ("exception", "line") or kind.row.payload != "none" or kind.row.flags))
)
_HAS_LINE = mask_of(kind for kind in KINDS if kind.row.payload == "output")
_TYPE = (1 << EXCEPTION_TYPE_BITS) - 1
_LINE_AT = 32  # in the number of an exception
_MOST_LINE = (1 << 24) - 1


@dataclass(slots=True)
class Columns:
    """Events of one target, track after track; None stands for a column of zeros."""

    time_ns: Int64
    kind: UInt8
    track_id: Int32
    site_id: Int32
    object_id: Int64 | None = None
    ref: Int64 | None = None
    flags: UInt8 | None = None
    texts: dict[int, str] = field(default_factory=dict)  # of what is as rare as threads
    words: list[tuple[Int64, TextColumn]] = field(default_factory=list)  # (rows, their texts)
    payloads: Payloads = NO_PAYLOADS  # their texts as they are shown; a deleted state has none
    messages: Payloads = NO_PAYLOADS  # of exceptions; headings of what is logged and warned of


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
    plain = kinds_and_sites(heads, _SITE_BITS, target.sites, _HAS_VALUES)
    columns = Columns(
        _one([part.time_ns for part in parts]),
        plain.kind,
        np.repeat(np.array([part.queue.track_id for part in parts], np.int32), lengths),
        plain.site if plain.all_known else _site_ids(catalog, target, heads),
        ref=plain.line,
    )
    starts = np.cumsum([0, *lengths])
    extras = [
        (int(start) + row, extra) for start, part in zip(starts, parts, strict=False) for row, extra in part.extras
    ]
    _split_payloads(columns, _joined([part.payloads for part in parts], starts.tolist()))
    if plain.value_flags:
        rows, texts, lines = value_texts(heads, [part.words for part in parts], target.names)
        columns.words.append((rows, texts))
    _fill_rare(catalog, target, heads, columns, extras, has_flags=plain.value_flags & ~PAYLOAD_FLAG != 0)
    if plain.value_flags and columns.ref is not None:
        columns.ref[rows[lines > 0]] = lines[lines > 0]
    _fill_exceptions(columns)
    _fill_payloads(catalog, target, heads, columns)
    _fill_output(columns)
    if len(columns.messages.rows) and columns.flags is not None:
        truncated = columns.flags[columns.messages.rows] & RaiseFlag.TRUNCATED != 0
        columns.messages = replace(columns.messages, texts=_with_cuts_marked(columns.messages.texts, truncated))
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


def _site_ids(catalog: Catalog, target: JournalProcess, heads: Records) -> Int32:
    """The session's site of each event that has one, 0 elsewhere; those that no definition has told are expected."""
    bits = _SITE_BITS[heads["kind"]].astype(np.uint64)
    local = (heads["a"] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.uint32)
    if len(local) and int(local.max()) >= len(target.sites):
        for unknown in np.unique(local[local >= len(target.sites)]).tolist():
            catalog.expect_site(target, unknown)
        local[local >= len(target.sites)] = 0  # numbers that no target gives out
    site_ids: Int32 = target.sites[local]
    missing = (site_ids == 0) & (local != 0)
    if missing.any():
        for unknown in np.unique(local[missing]).tolist():
            catalog.expect_site(target, unknown)
        site_ids = target.sites[local]
    return site_ids


def _split_payloads(columns: Columns, payloads: Payloads) -> None:
    """Messages of exceptions aside from what else has a text."""
    of_exceptions = _HAS_MESSAGE[columns.kind[payloads.rows]]
    if not of_exceptions.any():
        columns.payloads = payloads
    else:
        columns.payloads, columns.messages = payloads.taken(~of_exceptions), payloads.taken(of_exceptions)


def _fill_rare(
    catalog: Catalog,
    target: JournalProcess,
    heads: Records,
    columns: Columns,
    extras: Sequence[tuple[int, Extra]],
    *,
    has_flags: bool,
) -> None:
    """Texts, references, objects and flags, for the kinds that have them. `has_flags`: events with values have some."""
    kind, texts = columns.kind, columns.texts
    occurring = counts_of(kind) > 0
    if (occurring & _HAS_EXCEPTION).any():
        types = np.where(_HAS_EXCEPTION[kind], heads["b"] & np.uint16(_TYPE), np.uint16(0))
        types[columns.messages.rows] = columns.messages.serials & np.uint64(_TYPE)
        failing = np.flatnonzero(types)
        columns.words.append((failing, _words(types[failing], target.exceptions)))
    says_more = bool((occurring & _SAYS_MORE).any())
    if says_more or has_flags:
        columns.flags = heads["flags"] & np.uint8(PAYLOAD_FLAG - 1)
        columns.flags[~_HAS_FLAGS[kind]] = 0
    if not says_more or columns.flags is None:
        return
    if columns.ref is None:
        columns.ref = np.zeros(len(kind), np.int64)
    columns.object_id = np.zeros(len(kind), np.int64)
    threads = np.flatnonzero(_HAS_THREAD[kind])
    if len(threads):
        columns.ref[threads] = _track_ids(catalog, target, heads["a"][threads])
        ended = threads[(kind[threads] == Kind.JOIN_END) & (columns.flags[threads] & JoinEndFlag.ENDED != 0)]
        columns.words.append((ended, _ENDED.taken(np.zeros(len(ended), np.int64))))
    unwound = np.flatnonzero(_SAYS_WHICH[kind])
    columns.ref[unwound] = heads["b"][unwound] >> EXCEPTION_TYPE_BITS
    numbers = np.flatnonzero(_HAS_NUMBER[kind])
    columns.ref[numbers] = heads["a"][numbers]
    lines = np.flatnonzero(_HAS_FIRST_LINE[kind])
    if len(lines):
        columns.ref[lines] = _first_lines(catalog, columns.site_id[lines]) + heads["b"][lines]
    for row, extra in extras:
        match extra:
            case Frames():
                texts[row] = _snapshot_text(catalog, target, extra, int(columns.flags[row]), int(heads["a"][row]))
            case DropTotal():
                texts[row] = GAP_REASONS.get(int(heads["b"][row]), UNEXPLAINED)


def _fill_payloads(catalog: Catalog, target: JournalProcess, heads: Records, columns: Columns) -> None:
    """Keys, objects and texts of the events that have a payload, in columns."""
    payloads = columns.payloads
    if not len(payloads.rows):
        return
    assert columns.ref is not None
    assert columns.object_id is not None
    assert columns.flags is not None
    at: Any = payloads.rows if len(payloads.rows) < len(heads) else slice(None)
    kinds, flags = columns.kind[at], columns.flags[at]
    with_key = _HAS_KEY[kinds]
    keyed = at if with_key.all() else payloads.rows[with_key]
    if with_key.any():
        columns.ref[keyed] = _key_ids(catalog, target, heads["a"][keyed])
    columns.object_id[at] = _object_ids(target, payloads.serials)
    truncated = _HAS_STATE_FLAGS[kinds] & (flags & StateFlag.TRUNCATED != 0)
    columns.payloads = replace(payloads, texts=_with_cuts_marked(payloads.texts, truncated))


def _fill_output(columns: Columns) -> None:
    """Lines and headings of what is printed, logged and warned of."""
    payloads = columns.payloads
    is_output = _HAS_LINE[columns.kind[payloads.rows]]
    if not is_output.any():
        return
    assert columns.ref is not None
    assert columns.object_id is not None
    assert columns.flags is not None
    rows = payloads.rows[is_output]
    columns.object_id[rows] = 0
    columns.ref[rows] = payloads.serials[is_output] & np.uint64(_MOST_LINE)
    headed = is_output & (columns.flags[payloads.rows] & (OutputFlag.LOG | OutputFlag.WARNING) != 0)
    if headed.any():
        columns.payloads, headings = split_headings(payloads, headed)
        columns.messages = joined_by_row(columns.messages, headings)


def _fill_exceptions(columns: Columns) -> None:
    """Lines of exceptions. Those that say nothing have no message."""
    messages = columns.messages
    if not len(messages.rows):
        return
    assert columns.ref is not None
    columns.ref[messages.rows] = (messages.serials >> np.uint64(_LINE_AT)) & np.uint64(_MOST_LINE)
    says = messages.texts.lengths > 0
    columns.messages = messages if says.all() else messages.taken(says)


def _with_cuts_marked(texts: TextColumn, truncated: npt.NDArray[np.bool_]) -> TextColumn:
    """The texts, with a mark at the end of those that were cut."""
    if not truncated.any():
        return texts
    import pyarrow.compute as pc  # noqa: PLC0415 - takes 70 ms to import, and few values are cut

    ends = (pa.scalar(text, pa.large_string()) for text in ("…", ""))
    return TextColumn(pc.if_else(pa.array(truncated), pc.binary_join_element_wise(texts.array, *ends), texts.array))


def _words(numbers: npt.NDArray[np.uint16], names: Mapping[int, str]) -> TextColumn:
    """The name of each number, '?' for one that has none."""
    occurring = np.flatnonzero(np.bincount(numbers))
    places = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
    places[occurring] = np.arange(len(occurring))
    return TextColumn.of([names.get(number, "?") for number in occurring.tolist()]).taken(places[numbers])


def _first_lines(catalog: Catalog, site_ids: Int32) -> Int64:
    """The first line of each site; 0 where nothing is known of it."""
    distinct, places = np.unique(site_ids, return_inverse=True)
    return np.array([catalog.sites[site - 1].line if site else 0 for site in distinct.tolist()], np.int64)[places]


def _track_ids(catalog: Catalog, target: JournalProcess, serials: npt.NDArray[np.uint32]) -> Int64:
    """The tracks of a target's threads, 0 where there is none; new ones are numbered as they come."""
    distinct, first = np.unique(serials, return_index=True)
    tracks = {
        serial: catalog.track_if_room(target, serial) if serial else None
        for serial in distinct[np.argsort(first)].tolist()
    }
    ids = [0 if (track := tracks[serial]) is None else track.track_id for serial in distinct.tolist()]
    return np.array(ids, np.int64)[np.searchsorted(distinct, serials)]


def _key_ids(catalog: Catalog, target: JournalProcess, local: npt.NDArray[np.uint32]) -> Int64:
    """The session's ids of a target's keys; without sorting where those are small numbers, as they are."""
    top = int(local.max())
    if top >= max(len(local), SMALL):
        distinct, places = np.unique(local, return_inverse=True)
        return np.array([catalog.key_id(target, key) for key in distinct.tolist()], np.int64)[places]
    ids = np.zeros(top + 1, np.int64)
    ids[local] = 1
    occurring = np.flatnonzero(ids)
    ids[occurring] = [catalog.key_id(target, key) for key in occurring.tolist()]
    return ids[local]


def _object_ids(target: JournalProcess, serials: npt.NDArray[np.uint64]) -> Int64:
    """The session's ids of a target's objects; 0 for its modules."""
    objects = (serials & np.uint64((1 << OBJECT_SERIAL_BITS) - 1)).view(np.int64)
    if first := (target.row.process_id - 1) << OBJECT_SERIAL_BITS:
        objects |= first
        objects[serials == 0] = 0
    return objects


def _snapshot_text(catalog: Catalog, target: JournalProcess, told: Frames, flags: int, reason: int) -> str:
    frames = [[catalog.expect_site(target, site), line] for site, line in told.frames.tolist()]
    part = _PARTS[flags & (SnapshotFlag.FIRST_PART | SnapshotFlag.LAST_PART)]
    text = {"reason": SNAPSHOT_REASONS.get(reason, "begin"), "part": part, "frames": frames}
    return msgspec.json.encode(text).decode()


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
        alive = ~(_HAS_STATE_FLAGS[kind[payloads.rows]] & (flags[payloads.rows] & StateFlag.DELETED != 0))
        rows.append(payloads.rows[alive])
        values.append(payloads.texts if alive.all() else payloads.texts.taken(np.flatnonzero(alive)))
    return np.concatenate(rows), TextColumn.joined(values)

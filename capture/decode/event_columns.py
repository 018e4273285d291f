"""What events say beyond kind, track and time, in columns: sites, references, objects, flags and texts.

Everything that every event needs is done on whole columns; Python touches single events of the rare kinds only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.decode.catalog import Catalog, JournalProcess
from capture.decode.headings import joined_by_row, split_headings
from capture.decode.record_bytes import Records, counts_of
from capture.decode.records import (
    NO_PAYLOADS,
    DropTotal,
    Extra,
    Frames,
    Payloads,
)
from capture.events.batch import Int32, Int64, UInt8, mask_of
from capture.events.kinds import (
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
UNEXPLAINED = "not told"
SMALL = 1 << 16

_PARTS = {
    0: "middle",
    SnapshotFlag.FIRST_PART: "first",
    SnapshotFlag.LAST_PART: "last",
    SnapshotFlag.FIRST_PART | SnapshotFlag.LAST_PART: "whole",
}
_ENDED = TextColumn.of(["ended"])
SITE_BITS_OF = np.zeros(256, np.uint8)
SITE_BITS_OF[[kind for kind in KINDS if kind.row.a == "site"]] = 32
SITE_BITS_OF[[kind for kind in KINDS if kind.row.a == "site, line"]] = SITE_BITS
_HAS_SITE = SITE_BITS_OF > 0
_HAS_EXCEPTION = mask_of(kind for kind in KINDS if kind.row.b in ("exception type", "exception"))
_SAYS_WHICH = mask_of(kind for kind in KINDS if kind.row.b == "exception")
_HAS_MESSAGE = mask_of(kind for kind in KINDS if kind.row.payload == "exception")
_HAS_THREAD = mask_of(kind for kind in KINDS if kind.row.a == "thread")
_HAS_FLAGS = mask_of(kind for kind in KINDS if kind.row.flags is not None)
_HAS_KEY = mask_of(kind for kind in KINDS if kind.row.a == "state key")
_HAS_NUMBER = mask_of(kind for kind in KINDS if kind.row.a in ("dropped", "line", "number"))
_HAS_FIRST_LINE = mask_of(kind for kind in KINDS if kind.row.b == "line")
HAS_STATE_FLAGS = mask_of(kind for kind in KINDS if kind.row.flags is StateFlag)
HAS_VALUES = mask_of(kind for kind in KINDS if kind.row.payload in ("arguments", "value", "locals", "frame"))
_SAYS_MORE = mask_of(
    kind
    for kind in KINDS
    if not _HAS_SITE[kind]
    or kind.row.payload == "frame"
    or (not HAS_VALUES[kind] and (kind.row.b in ("exception", "line") or kind.row.payload != "none" or kind.row.flags))
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


def fill(
    catalog: Catalog,
    target: JournalProcess,
    heads: Records,
    columns: Columns,
    *,
    extras: Sequence[tuple[int, Extra]],
    payloads: Payloads,
    words: tuple[Int64, TextColumn, Int64] | None,
    has_flags: bool,
) -> None:
    """Fills in what events say beyond kind, track and site.

    `extras` and `payloads` are told by row; `words` are the rows, texts and lines of events with values, of which some
    may have flags.
    """
    _split_payloads(columns, payloads)
    if words is not None:
        columns.words.append(words[:2])
    _fill_rare(catalog, target, heads, columns, extras, has_flags=has_flags)
    if words is not None and columns.ref is not None:
        rows, _, lines = words
        columns.ref[rows[lines > 0]] = lines[lines > 0]
    _fill_exceptions(columns)
    _fill_payloads(catalog, target, heads, columns)
    _fill_output(columns)
    if len(columns.messages.rows) and columns.flags is not None:
        truncated = columns.flags[columns.messages.rows] & RaiseFlag.TRUNCATED != 0
        columns.messages = replace(columns.messages, texts=_with_cuts_marked(columns.messages.texts, truncated))


def site_ids_of(catalog: Catalog, target: JournalProcess, heads: Records) -> Int32:
    """The session's site of each event that has one, 0 elsewhere; those that no definition has told are expected."""
    bits = SITE_BITS_OF[heads["kind"]].astype(np.uint64)
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
    truncated = HAS_STATE_FLAGS[kinds] & (flags & StateFlag.TRUNCATED != 0)
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

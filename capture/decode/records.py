"""One track's records: cut into events, put in sequence, with what is missing or came twice told apart.

Every event a track produced has a sequence number, dropped ones included. A block's header gives the number of its
first event and how many were dropped before it; the difference counts recorded events only, so it must run on
without a step from block to block. A step forward is a hole (a block is lost, or still on its way), a step back is
a block that was drained twice.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.decode.record_bytes import RecordLayout, Records, split_records, upgraded
from capture.errors import RefusedRecords
from capture.events.batch import RECORD_BYTES, RECORD_DTYPE
from capture.events.kinds import KINDS, PAYLOAD_FLAG, Kind
from capture.events.text_column import NO_TEXTS, TextColumn

MAX_WAITING_BLOCKS = 256

FEW_RECORDS = 32
"""Up to so many a block is looked at byte by byte: a slow thread's blocks hold two records, and come in thousands."""
_KIND_AT, _FLAGS_AT = 12, 13
_WITHOUT_PAYLOAD = ("none", "arguments", "value", "locals", "frame")  # it may be missing; nothing else to look at
_PLAIN_KINDS = frozenset(int(kind) for kind in KINDS if kind.row.payload in _WITHOUT_PAYLOAD and kind is not Kind.GAP)
_OF_PAYLOAD: dict[str, int] = {
    "none": 0,
    "frames": RecordLayout.REQUIRED | RecordLayout.LOOKED_AT,
    "text": RecordLayout.REQUIRED | RecordLayout.TEXT,
    "object": RecordLayout.REQUIRED | RecordLayout.TEXT | RecordLayout.OBJECT,
    "state": RecordLayout.REQUIRED | RecordLayout.TEXT | RecordLayout.OBJECT | RecordLayout.COUNTED,
    "exception": RecordLayout.TEXT | RecordLayout.OBJECT,
    "arguments": RecordLayout.VALUES,
    "value": RecordLayout.VALUES,
    "locals": RecordLayout.VALUES,
    "frame": RecordLayout.VALUES,
    "output": RecordLayout.REQUIRED | RecordLayout.TEXT | RecordLayout.OBJECT,
}
_LAYOUTS = np.zeros(256, np.uint8)
_LAYOUTS[list(KINDS)] = [RecordLayout.KNOWN | _OF_PAYLOAD[kind.row.payload] for kind in KINDS]
_LAYOUTS[Kind.GAP] |= RecordLayout.LOOKED_AT
FRAME_DTYPE = np.dtype([("site", "<u4"), ("line", "<u4")])

RECENT_NS = 1_000_000_000
"""How far back an event may refer to a value, twice over: a recorder does so for half a second."""
RECENT_BYTES = 65_536
"""And in bytes of records, for it does so within a chunk (SCOPE_CHUNK_BYTES)."""
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Payloads:
    """What the events of a piece say beyond their heads in text, one entry each, ascending by row."""

    rows: npt.NDArray[np.int64]
    serials: npt.NDArray[np.uint64]  # of the object, 0 = of none; an exception's type's number, an output's line
    changes: npt.NDArray[np.int64]  # how many the value of a state stands for; of another kind 0
    texts: TextColumn

    def between(self, start: int, stop: int) -> Payloads:
        """The events of the rows start..stop, their rows counted from start."""
        low, high = (int(at) for at in np.searchsorted(self.rows, (start, stop)))
        rows = self.rows[low:high] - start
        return Payloads(rows, self.serials[low:high], self.changes[low:high], self.texts[low:high])

    def taken(self, which: npt.NDArray[np.bool_]) -> Payloads:
        """Those of them."""
        texts = self.texts.taken(np.flatnonzero(which))
        return Payloads(self.rows[which], self.serials[which], self.changes[which], texts)


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a SNAPSHOT event, outermost first. Shape: FRAME_DTYPE."""

    frames: npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class DropTotal:
    """On a GAP event: all drops of the track up to and including it."""

    dropped: int


Extra = Frames | DropTotal
NO_WORDS: Words = np.empty(0, np.uint64)
NO_PAYLOADS = Payloads(np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int64), NO_TEXTS)


@dataclass(slots=True)
class TrackPiece:
    """Consecutive events of one track: their heads, and by row what does not fit into a head.

    `extras` are looked at one by one: they are as rare as threads and gaps. `words` are the values of its events,
    b // 8 of each one that has a payload.
    """

    records: Records
    block_no: int
    extras: list[tuple[int, Extra]] = field(default_factory=list)
    payloads: Payloads = NO_PAYLOADS
    words: Words = field(default_factory=lambda: NO_WORDS)
    dropped_before: int = 0  # the track's drops before the first event
    unexplained: int = 0  # those of them that no GAP event announces
    index: int = 0  # number of the first event among the track's recorded ones

    def __len__(self) -> int:
        return len(self.records)

    def from_row(self, row: int) -> TrackPiece:
        """The piece without its first rows."""
        extras = [(at - row, extra) for at, extra in self.extras if at >= row]
        payloads = self.payloads.between(row, len(self.records)) if len(self.payloads.rows) else NO_PAYLOADS
        words = self.words[self._words_before(row) :]
        return TrackPiece(
            self.records[row:], self.block_no, extras, payloads, words, self.dropped_before, index=self.index + row
        )

    def values_to_row(self, row: int) -> TrackPiece:
        """The heads and words of its first rows."""
        words = self.words[: self._words_before(row)]
        return TrackPiece(self.records[:row], self.block_no, words=words, index=self.index)

    def _words_before(self, row: int) -> int:
        if not len(self.words) or row >= len(self.records):
            return len(self.words)
        heads = self.records[:row]
        return int((heads["b"] >> 3).sum(where=heads["flags"] >= PAYLOAD_FLAG, dtype=np.int64))

    @property
    def record_bytes(self) -> int:
        """Bytes of its records, but for those of payloads that are no values."""
        return RECORD_BYTES * len(self.records) + self.words.nbytes


def parse_records(payload: bytes | memoryview, block_no: int = 0, *, is_old: bool = False) -> TrackPiece:
    """The events of one block of raw records. `is_old`: of a pool of ABI 2.

    Raises: RefusedRecords when the bytes are not whole events of known kinds.
    """
    if len(payload) % RECORD_BYTES:
        raise RefusedRecords(f"block {block_no}: {len(payload)} bytes are not whole records", 1)
    records: Records = np.frombuffer(payload, RECORD_DTYPE)
    if is_old:
        records, broken_at = upgraded(records)
        if broken_at is not None:
            raise _broken(block_no, broken_at)
    elif len(records) <= FEW_RECORDS and _are_plain(payload):
        return TrackPiece(records, block_no, [])
    split = split_records(records, _LAYOUTS)
    if split.broken_at is not None:
        raise _broken(block_no, split.broken_at)
    if split.unknown_kind is not None:
        raise RefusedRecords(f"block {block_no}: an event of unknown kind {split.unknown_kind}", len(split.heads))
    extras: list[tuple[int, Extra]] = []
    for row, following in zip(split.looked_rows.tolist(), split.looked_next.tolist(), strict=True):
        head = split.heads[row]
        if head["kind"] == Kind.GAP:
            extras.append((row, DropTotal(int(head["a"]))))
        else:
            words = records[following:].view("<u8")
            extras.append((row, Frames(words[: int(head["b"]) // 8].view(FRAME_DTYPE))))
    payloads = Payloads(split.text_rows, split.serials, split.changes, split.texts)
    return TrackPiece(split.heads, block_no, extras, payloads if len(split.text_rows) else NO_PAYLOADS, split.words)


def _are_plain(payload: bytes | memoryview) -> bool:
    kinds, flags = bytes(payload[_KIND_AT::RECORD_BYTES]), bytes(payload[_FLAGS_AT::RECORD_BYTES])
    return _PLAIN_KINDS.issuperset(kinds) and max(flags, default=0) < PAYLOAD_FLAG


def _broken(block_no: int, at: int) -> RefusedRecords:
    return RefusedRecords(f"block {block_no}: the event at record {at} claims more or less than it can have", 1)


def end_to_end(parts: Sequence[Records]) -> Records:
    """The records of all parts, as numbers: numpy compares the fields of structures anew for each part."""
    if len(parts) == 1:
        return parts[0]
    records: Records = np.concatenate([part.view("<u8") for part in parts]).view(parts[0].dtype)
    return records


@dataclass(slots=True)
class TrackQueue:
    """The events of one track between the journal and the batches, in sequence.

    `next_index` counts recorded events: the number of the next one to come in. `dropped`, `taken` and `lost` tell
    what has gone out, so that they agree with a resume point. `recent` are pieces with values that have gone out, to
    which those that follow may refer; they come in again, from the event `again_index` on, after a resume.
    """

    track_id: int
    serial: int
    next_index: int = 0
    dropped: int = 0
    taken: int = 0
    lost: int = 0
    last_ns: int = 0
    again_index: int | None = None
    refused_index: int = 0  # where the next event would be, had the blocks been understood that were not
    duplicates: int = 0
    pieces: deque[TrackPiece] = field(default_factory=deque)
    holes: list[tuple[int, int]] = field(default_factory=list)  # (pending row it lies before, events missing)
    recent: deque[tuple[int, TrackPiece]] = field(default_factory=deque)  # (time of its last event, piece)
    _waiting: list[tuple[int, int, TrackPiece]] = field(default_factory=list)
    _pending: int = 0
    _dropped_in: int = 0
    _recent_bytes: int = 0
    _again_until: int = 0

    def __post_init__(self) -> None:
        self._dropped_in = self.dropped
        self._again_until = self.next_index

    def __len__(self) -> int:
        return self._pending

    def offer(self, seq_start: int, dropped: int, piece: TrackPiece) -> None:
        """Takes in a block, in any order and any number of times."""
        piece.dropped_before = dropped
        insort(self._waiting, (seq_start - dropped, piece.block_no, piece), key=lambda entry: entry[:2])
        self._accept()
        if len(self._waiting) > MAX_WAITING_BLOCKS:
            self.give_up_hole()

    @property
    def blocked_ticks(self) -> int | None:
        """The first tick behind a hole, or None when nothing waits for a missing block."""
        return int(self._waiting[0][2].records["ticks"][0]) if self._waiting else None

    @property
    def oldest_block(self) -> int | None:
        """The first block with an event that has not been taken, or to whose values one may still refer."""
        numbers = [self.pieces[0].block_no] if self.pieces else []
        numbers += [self.recent[0][1].block_no] if self.recent else []
        numbers += [block_no for _, block_no, _ in self._waiting]
        return min(numbers, default=None)

    def give_up_hole(self) -> None:
        """Declares the first missing block lost and goes on behind it."""
        if self._waiting:
            index = self._waiting[0][0]
            self.holes.append((self._pending, index - self.next_index))
            self.next_index = index
            self._accept()

    def refuse(self, seq_start: int, dropped: int, events: int) -> None:
        """A block was not understood; unless it comes again, its events are lost."""
        self.refused_index = max(self.refused_index, seq_start - dropped + events)

    def give_up_refused(self) -> None:
        """Counts what was lost at the end, behind which no event comes that would tell."""
        if not len(self) and self.refused_index > self.next_index:
            self.lost += self.refused_index - self.next_index
            self.next_index = self.refused_index

    def _accept(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.next_index:
            index, _, piece = self._waiting.pop(0)
            piece.index = index
            known = min(self.next_index - index, len(piece))
            if known:
                self.duplicates += known - self._take_again(piece, known)
            if known == len(piece):
                continue
            if known:
                piece = piece.from_row(known)
            self._count_drops(piece)
            self.pieces.append(piece)
            self._pending += len(piece)
            self.next_index += len(piece)

    def _take_again(self, piece: TrackPiece, rows: int) -> int:
        """How many of its first rows are read again for the sake of their values, after a resume."""
        if self.again_index is None:
            return 0
        start, stop = max(piece.index, self.again_index), min(piece.index + rows, self._again_until)
        if start >= stop:
            return 0
        self.again_index = stop if stop < self._again_until else None
        self._remember(piece.values_to_row(stop - piece.index).from_row(start - piece.index), self.last_ns)
        return stop - start

    def _remember(self, piece: TrackPiece, last_ns: int) -> None:
        if not len(piece.words):
            return
        self.recent.append((last_ns, piece))
        self._recent_bytes += piece.record_bytes
        while self._recent_bytes - self.recent[0][1].record_bytes >= RECENT_BYTES:
            self._forget_first()

    def _forget_first(self) -> None:
        self._recent_bytes -= self.recent.popleft()[1].record_bytes

    def forget(self, before_ns: int) -> None:
        """Lets go of values that nothing refers to any more."""
        while self.recent and self.recent[0][0] < before_ns:
            self._forget_first()
        if self.last_ns < before_ns:
            self.again_index = None

    def _count_drops(self, piece: TrackPiece) -> None:
        """Gives each GAP the running total of drops; a header tells them only as of its chunk's start."""
        header = piece.dropped_before
        gaps = [(row, extra) for row, extra in piece.extras if isinstance(extra, DropTotal)]
        if gaps and gaps[0][0] == 0 and header >= self._dropped_in + gaps[0][1].dropped:
            header -= gaps[0][1].dropped  # the GAP that opens a chunk tells what its header already counts
        piece.unexplained = max(0, header - self._dropped_in)
        running = piece.dropped_before = max(self._dropped_in, header)
        for place, (row, extra) in enumerate(piece.extras):
            if isinstance(extra, DropTotal):
                running += extra.dropped
                piece.extras[place] = (row, DropTotal(running))
        self._dropped_in = running

    def pending(self) -> Iterator[TrackPiece]:
        """The pieces not yet taken, in sequence."""
        return iter(self.pieces)

    def take(self, rows: int) -> list[Words]:
        """Forgets the first rows: they have gone out. Returns the words of their values."""
        words = list[Words]()
        self.taken += rows
        self._pending -= rows
        self.lost += sum(missing for row, missing in self.holes if row < rows)
        self.holes = [(row - rows, missing) for row, missing in self.holes if row >= rows]
        while rows:
            piece = self.pieces[0]
            out = min(rows, len(piece))
            self.dropped = max(self.dropped, piece.dropped_before)
            for row, extra in piece.extras:
                if isinstance(extra, DropTotal) and row < out:
                    self.dropped = max(self.dropped, extra.dropped)
            if len(piece.words):
                gone = piece.values_to_row(out)
                words.append(gone.words)
                self._remember(gone, self.last_ns)
            if out == len(piece):
                self.pieces.popleft()
            else:
                self.pieces[0] = piece.from_row(out)
                self.pieces[0].dropped_before = self.dropped
            rows -= out
        return words

    @property
    def first_again(self) -> int | None:
        """The first event that is to come in again after a resume, though it has gone out: for its values."""
        return self.recent[0][1].index if self.recent else self.again_index


def state_of(queue: TrackQueue) -> dict[str, Any]:
    """What a resume point keeps of a queue: everything that has gone out, nothing that waits."""
    return {
        "serial": queue.serial,
        "track_id": queue.track_id,
        "next_index": queue.next_index - len(queue) - sum(missing for _, missing in queue.holes),
        "dropped": queue.dropped,
        "taken": queue.taken,
        "lost": queue.lost,
        "last_ns": queue.last_ns,
        "again_index": queue.first_again,
    }

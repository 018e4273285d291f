"""Journal blocks in, batches of events in time order out.

Blocks of one track are put in sequence (`capture.decode.records`), numbers of targets become ids of the session
(`capture.decode.catalog`), ticks become session time (`capture.decode.timebase`), and the tracks are merged by time.
What is not yet complete waits: an event goes out once every target's journal is complete past its time.

Time within a track never runs back: a tick that does (another core's counter) is lifted to the one before it. A
GAP carries the time when recording went on, its row in `gaps` the time when it broke off.
"""

from __future__ import annotations

import functools
import struct

import msgspec
import numpy as np

from capture.changes import SettingsChange, with_change
from capture.decode.catalog import Catalog, JournalProcess
from capture.decode.event_columns import Columns
from capture.decode.interleave import merge, take_columns
from capture.decode.record_bytes import counts_of
from capture.decode.records import TrackQueue, parse_records
from capture.decode.timebase import MAX_NS
from capture.decode.waits import MOST_BEHIND_NS
from capture.drain.journal import Block, BlockType
from capture.errors import FormatError, RefusedRecords
from capture.events.batch import EventBatch, mask_of, of_kinds
from capture.events.definitions import GapRow, MetricRow, WaitRow, parse_definitions
from capture.events.facts import (
    MAX_CLOCK_NS,
    ConfiguredFact,
    CountersFact,
    EndFact,
    LossFact,
    MetricFact,
    OverheadFact,
    ProcessEndFact,
    ProcessFact,
    SessionFact,
    SleepersFact,
    ThreadEndFact,
    ThreadFact,
    TriggerFact,
    UnseenFact,
    parse_fact,
)
from capture.events.kinds import NO_TRACK_SLOT, GapReason, Kind, kinds_of
from capture.losses import NEWER_LOST, with_loss

SLACK_NS = 20_000_000  # a writer may be preempted between reading its clock and committing its record
MAX_PENDING_EVENTS = 4_000_000  # beyond it events go out even though an earlier one may still come
MAX_SEQUENCE = 1 << 61  # of events of a session in all: what a manifest may count is twice as much
_CLOCK = struct.Struct("<QQQQQ")
_OF_THREADS = mask_of(kinds_of("thread"))


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The books of a recording: produced == recorded + dropped, unless blocks were lost.

    `lost` events were recorded by the target but never reached us; they are produced, and neither recorded nor
    dropped, so that they show. `kinds` counts the recorded ones by kind code.
    """

    produced: int
    recorded: int
    dropped: int
    lost: int
    late: int
    duplicates: int
    kinds: dict[int, int]


class Decoder:
    """Turns the journal of one session into batches.

    Feed blocks in journal order, `take` often: memory holds what was fed and not taken. `derive_names` lets it read
    source files for the qualified names that a 3.10 target cannot tell; only ever at recording time.
    """

    def __init__(self, *, derive_names: bool = False) -> None:
        self.catalog = Catalog()
        self.late = 0
        self.next_event_id = 1
        self.last_ns = 0
        self.complete_ns = 0  # no event will ever be handed out before it
        self.next_block = 1
        self.has_ended = False
        self.start_mono_ns: int | None = None
        self.start_real_ns = 0
        self.kinds = np.zeros(256, np.int64)
        self._derive_names = derive_names
        self._metrics: list[MetricRow] = []
        self._gaps: list[GapRow] = []
        self._triggers: list[tuple[int, str]] = []
        self._observed_ns = 0  # the last look from outside
        self._end_ns = 0

    # -- in

    def feed(self, block: Block) -> None:
        """Takes in one block.

        Raises: FormatError for a block that makes no sense; nothing of it is kept, the next one may be fed. Its
        events then count as lost.
        """
        self.next_block = max(self.next_block, block.block_no + 1)
        match block.type:
            case BlockType.RECORDS | BlockType.OLD_RECORDS:
                if not block.dropped <= block.seq_start < MAX_SEQUENCE:
                    raise FormatError(f"block {block.block_no} claims sequence {block.seq_start}")
                try:
                    is_old = block.type == BlockType.OLD_RECORDS
                    piece = parse_records(block.payload, block.block_no, is_old=is_old)
                except RefusedRecords as error:
                    queue = self.catalog.track_if_room(self.catalog.target(block.process_serial), block.track_serial)
                    if queue is not None:
                        queue.refuse(block.seq_start, block.dropped, error.events)
                    raise
                if len(piece):
                    target = self.catalog.target(block.process_serial)
                    queue = self.catalog.track_if_room(target, block.track_serial)
                    if queue is None:
                        raise FormatError(f"block {block.block_no} is of one thread too many")
                    queue.offer(block.seq_start, block.dropped, piece)
                    target.busy[block.track_serial] = queue
                    target.has_counters = False  # those that close its books are still to come
            case BlockType.DEFS:
                definitions = list(parse_definitions(block.payload))
                target = self.catalog.target(block.process_serial)
                for definition in definitions:
                    self.catalog.define(target, definition, derive_names=self._derive_names)
                if any(definition.kind is None for definition in definitions):
                    self.note_loss(NEWER_LOST, "definitions", at=block.block_no)
            case BlockType.CLOCK:
                self._feed_clock(block)
            case BlockType.FACTS:
                if not self._feed_fact(block.payload):
                    self.note_loss(NEWER_LOST, "facts", at=block.block_no)
            case BlockType.END:
                pass
            case _:
                self.note_loss(NEWER_LOST, f"type {block.type}", at=block.block_no)

    def note_loss(self, code: str, detail: str, *, count: int = 1, at: int | None = None) -> None:
        """Something is lost (capture/losses.py); `gaps` shows when that became known."""
        catalog = self.catalog
        before = catalog.losses
        catalog.losses = with_loss(before, code, detail, self.last_ns, count=count, at=at)
        if catalog.losses is not before and catalog.tracks:
            now_ns = max(self.last_ns, self.complete_ns, 0)
            self._gaps.append(
                GapRow(start_ns=now_ns, end_ns=now_ns, track_id=catalog.tracks[0].track_id, dropped=0,
                       reason=code.replace("-", " "))
            )  # fmt: skip

    def _session_ns(self, mono_ns: int) -> int:
        if self.start_mono_ns is None:
            self.start_mono_ns = mono_ns  # the block that told was lost: the session begins with what is there
        return mono_ns - self.start_mono_ns

    def _feed_clock(self, block: Block) -> None:
        if len(block.payload) < _CLOCK.size:
            raise FormatError(f"block {block.block_no}: {len(block.payload)} bytes are no clock")
        ticks, mono_ns, _, _, complete_ticks = _CLOCK.unpack_from(block.payload)
        if mono_ns > MAX_CLOCK_NS:
            raise FormatError(f"block {block.block_no}: the clock reads {mono_ns} ns")
        timebase = self.catalog.target(block.process_serial).timebase
        timebase.add(ticks, self._session_ns(mono_ns))
        timebase.pairs.complete_ns = max(timebase.pairs.complete_ns, timebase.ns_of_one(complete_ticks))

    def _feed_fact(self, payload: bytes | memoryview) -> bool:
        """False for one of which nothing is known."""
        match fact := parse_fact(payload):
            case None:
                return False
            case SessionFact():
                self.start_mono_ns, self.start_real_ns = fact.start_mono_ns, fact.start_real_ns
            case ProcessFact():
                self._feed_process(fact)
            case ProcessEndFact():
                target = self.catalog.target(fact.process_serial)
                if not target.has_ended:
                    target.has_ended = True
                    self._end_process(target, self._session_ns(fact.mono_ns))
            case ThreadFact():
                track = self.catalog.observed_track(self.catalog.target(fact.process_serial), fact.tid)
                track.name = fact.name
                track.start_ns = self._session_ns(fact.mono_ns) if track.start_ns is None else track.start_ns
                self.catalog.revisions.tracks += 1
            case ThreadEndFact():
                target = self.catalog.target(fact.process_serial)
                if fact.tid in target.observed:
                    track = self.catalog.tracks[target.observed[fact.tid] - 1]
                    track.end_ns = self._session_ns(fact.mono_ns) if track.end_ns is None else track.end_ns
                    self.catalog.revisions.tracks += 1
            case MetricFact():
                target = self.catalog.target(fact.process_serial)
                if fact.mono_ns > target.metric_mono_ns:  # else read before a crash
                    target.metric_mono_ns = fact.mono_ns
                    time_ns, process_id = self._session_ns(fact.mono_ns), target.row.process_id
                    self._observed_ns = max(self._observed_ns, time_ns)
                    self._metrics += [
                        MetricRow(time_ns=time_ns, process_id=process_id, name=name, value=value)
                        for name, value in fact.values.items()
                    ]
            case SleepersFact():
                zero_ns = self._session_ns(fact.known_ns) - fact.known_ns
                self.catalog.target(fact.process_serial).waits.feed(fact, zero_ns)
            case CountersFact():
                self._feed_counters(fact)
            case OverheadFact():
                self.catalog.overhead = fact.overhead
            case UnseenFact():
                self.catalog.note_unseen(self.catalog.target(fact.process_serial), fact.code, fact.detail)
            case ConfiguredFact():
                self._feed_change(fact)
            case LossFact():
                self.note_loss(fact.code, fact.detail)
            case TriggerFact():
                self._triggers.append((self._session_ns(fact.mono_ns), fact.reason))
            case EndFact():
                self.has_ended = True
                if fact.mono_ns:
                    self._end_ns = max(self._end_ns, self._session_ns(fact.mono_ns))
        return True

    def _feed_change(self, fact: ConfiguredFact) -> None:
        process_id, time_ns = self.catalog.target(fact.process_serial).row.process_id, self._session_ns(fact.mono_ns)
        change = SettingsChange(time_ns=time_ns, process_id=process_id, flags=fact.flags)
        if change not in self.catalog.changes:  # else read before a crash
            self.catalog.changes = with_change(self.catalog.changes, change)

    def _feed_process(self, fact: ProcessFact) -> None:
        target = self.catalog.target(fact.process_serial)
        row, track = target.row, target.track
        row.pid, row.name, row.command, row.tier = fact.pid, fact.name, fact.command, fact.tier
        row.python = row.python or fact.python or ""
        target.is_qualified = not row.python.startswith("3.10.")
        self.catalog.first_of_pid.setdefault(fact.pid, row)
        parent = self.catalog.first_of_pid.get(fact.parent_pid) if fact.parent_pid is not None else None
        row.parent_id = parent.process_id if parent is not None and parent is not row else None
        if fact.start_real_ns and self.start_real_ns:
            row.start_ns = fact.start_real_ns - self.start_real_ns
        track.name, track.os_id, track.start_ns = fact.name, fact.pid, row.start_ns
        self.catalog.revisions.processes += 1
        self.catalog.revisions.tracks += 1

    def _end_process(self, target: JournalProcess, end_ns: int) -> None:
        rows = [target.track, *(self.catalog.tracks[q.track_id - 1] for q in target.tracks.values())]
        rows += [self.catalog.tracks[track_id - 1] for track_id in target.observed.values()]
        target.row.end_ns = end_ns if target.row.end_ns is None else target.row.end_ns
        for row in rows:
            row.end_ns = end_ns if row.end_ns is None else row.end_ns
        self.catalog.revisions.processes += 1
        self.catalog.revisions.tracks += 1

    def _feed_counters(self, fact: CountersFact) -> None:
        target = self.catalog.target(fact.process_serial)
        counters = {
            int(key): min(n, MAX_SEQUENCE)
            for key, n in fact.tracks.items()
            if key.isascii() and key.isdecimal() and len(key) <= 10 and n >= 0
        }
        more = max(0, min(fact.dropped_unattributed, MAX_SEQUENCE) - target.dropped_unattributed)
        target.dropped_unattributed += more
        target.counters_told = {**target.counters_told, **counters} if fact.part else counters
        if fact.more:
            return
        target.counters, target.counters_told = target.counters_told, {}
        target.has_counters = True
        target.ended_dropped = max(target.ended_dropped, min(fact.ended_dropped, MAX_SEQUENCE))
        if more:
            start_ns = max(0, target.row.start_ns or 0)
            self.catalog.note_unseen(target, "threads-missing", "")
            self._gaps.append(
                GapRow(start_ns=start_ns, end_ns=None, track_id=target.track.track_id, dropped=more,
                       reason=NO_TRACK_SLOT)
            )  # fmt: skip

    # -- out

    def take(self, until: bool = False) -> EventBatch | None:
        """All complete events that have not been taken, in time order; None when there are none.

        `until=True` takes everything that is there, complete or not. An event that comes after later ones have gone
        out is late: it is kept, at the time of the last one taken, and counted.
        """
        self.last_ns = max(self.last_ns, self.complete_ns)
        targets = list(self.catalog.targets.values())
        pending = sum(len(queue) for target in targets for queue in target.busy.values())
        end_ns = MAX_NS if until or pending > MAX_PENDING_EVENTS else self._complete_ns()
        parts: list[Columns] = []
        for target in targets:
            parts += take_columns(self.catalog, target, end_ns, self._gaps, everything=until)
        if until:
            for target in targets:
                for queue in target.tracks.values():
                    queue.give_up_refused()
            self._account_trailing_drops()
        elif end_ns < MAX_NS:
            self.complete_ns = max(self.complete_ns, end_ns)
        batch = merge(parts, self.next_event_id)
        if batch is None:
            return None
        late = int(np.count_nonzero(batch.time_ns < self.last_ns))
        if late:
            self.late += late
            np.maximum(batch.time_ns, self.last_ns, out=batch.time_ns)
        self.last_ns = int(batch.time_ns[-1])
        self.complete_ns = max(self.complete_ns, self.last_ns)
        self.next_event_id += len(batch)
        counts = counts_of(batch.kind)
        self.kinds += counts
        if counts[_OF_THREADS].any():
            self._note_lifetimes(batch)
        return batch

    def settle(self) -> int:
        """Where a segment may end, once all that was taken is in it; an event from before it would be late."""
        recorded = any(t.row.tier == "python" or t.tracks for t in self.catalog.targets.values())
        targets = list(self.catalog.targets.values())
        complete_ns = self._complete_ns() if recorded else _known_ns(targets, self._observed_ns)
        self.last_ns = max(self.last_ns, complete_ns, self._end_ns)
        return self.last_ns

    def _complete_ns(self) -> int:
        recorded = [t for t in self.catalog.targets.values() if t.row.tier == "python" or t.tracks]
        running = [t for t in recorded if not t.has_ended]
        if running:
            return _known_ns(running, min(t.timebase.pairs.complete_ns for t in running) - SLACK_NS)
        return max((t.timebase.pairs.complete_ns for t in recorded), default=-MAX_NS) - SLACK_NS

    def _note_lifetimes(self, batch: EventBatch) -> None:
        rows = np.flatnonzero(of_kinds(batch.kind, _OF_THREADS))
        tracks = self.catalog.tracks
        columns = (batch.kind[rows], batch.time_ns[rows], batch.track_id[rows], batch.ref[rows])
        for kind, time_ns, track_id, other in zip(*(column.tolist() for column in columns), strict=True):
            track = tracks[track_id - 1]
            if kind == Kind.THREAD_BEGIN:
                is_first = track.start_ns is None or track_id in self.catalog.begun_by_name
                track.start_ns = time_ns if is_first else min(track.start_ns or 0, time_ns)
                self.catalog.begun_by_name.discard(track_id)
            elif kind == Kind.THREAD_END:
                track.end_ns = time_ns
            elif 0 < other <= len(tracks) and other != track_id:
                tracks[other - 1].parent_track_id = track_id
        self.catalog.revisions.tracks += 1

    def _account_trailing_drops(self) -> None:
        """Drops after a track's last event, which no GAP tells: the target's own counters do."""
        for target in self.catalog.targets.values():
            for serial, dropped in target.counters.items():
                queue = self.catalog.track_if_room(target, serial) if dropped else target.tracks.get(serial)
                if queue is not None and dropped > queue.dropped:
                    self._gaps.append(
                        GapRow(start_ns=queue.last_ns, end_ns=None, track_id=queue.track_id,
                               dropped=dropped - queue.dropped, reason=GapReason.POOL_FULL.word)
                    )  # fmt: skip
                    queue.dropped = dropped
            ended = sum(q.dropped for serial, q in target.tracks.items() if serial not in target.counters)
            missing = target.ended_dropped - ended - target.ended_accounted
            if missing > 0:
                target.ended_accounted += missing
                self._gaps.append(
                    GapRow(start_ns=self.last_ns, end_ns=None, track_id=target.track.track_id,
                           dropped=missing, reason=GapReason.POOL_FULL.word)
                )  # fmt: skip

    def take_metrics(self) -> list[MetricRow]:
        """The metric rows since the last call."""
        rows, self._metrics = self._metrics, []
        return rows

    def take_waits(self, start_ns: int, end_ns: int, *, final: bool) -> list[WaitRow]:
        """The rows of `waits` for the segment between; `final`: nothing follows it."""
        rows: list[WaitRow] = []
        for target in self.catalog.targets.values():
            if target.waits.known_ns is not None:
                track_of = functools.partial(self.catalog.thread, target)
                rows += target.waits.take(start_ns, end_ns, track_of, final=final)
        return sorted(rows, key=lambda row: (row.start_ns, row.track_id))

    @property
    def sees_waits(self) -> bool:
        """Whether somebody looks at the threads of a program."""
        return any(target.waits.known_ns is not None for target in self.catalog.targets.values())

    def take_triggers(self) -> list[tuple[int, str]]:
        """The triggers of a flight recorder since the last call that came from outside: when, and why."""
        rows, self._triggers = self._triggers, []
        return rows

    def take_gaps(self) -> list[GapRow]:
        """The gap rows since the last call; those of `take` cover its events."""
        rows, self._gaps = self._gaps, []
        return rows

    @property
    def oldest_block(self) -> int:
        """The first block that must be fed again after a crash, if the journal up to here was fed and taken."""
        queues = (q for t in self.catalog.targets.values() for q in t.busy.values())
        return min((n for q in queues if (n := q.oldest_block) is not None), default=self.next_block)

    def totals(self) -> Totals:
        """The books as of the events taken."""
        queues: list[TrackQueue] = [q for t in self.catalog.targets.values() for q in t.tracks.values()]
        recorded, lost = sum(q.taken for q in queues), sum(q.lost for q in queues)
        dropped = sum(_dropped_by(target) for target in self.catalog.targets.values())
        lost, dropped = min(lost, MAX_SEQUENCE - recorded), min(dropped, MAX_SEQUENCE)
        return Totals(
            produced=recorded + lost + dropped,
            recorded=recorded,
            dropped=dropped,
            lost=lost,
            late=self.late,
            duplicates=sum(q.duplicates for q in queues),
            kinds={kind: int(count) for kind, count in enumerate(self.kinds) if count},
        )


def _known_ns(targets: list[JournalProcess], complete_ns: int) -> int:
    """The same or earlier: up to where it is known which threads wait. Looks that are much too late hold nothing up."""
    looked = [ns for t in targets if (ns := t.waits.known_ns) is not None and complete_ns - ns < MOST_BEHIND_NS]
    return min([complete_ns, *looked])


def _dropped_by(target: JournalProcess) -> int:
    """All drops of a target; tracks whose slot was given away are counted by the target in one sum."""
    listed = sum(q.dropped for serial, q in target.tracks.items() if serial in target.counters)
    ended = sum(q.dropped for serial, q in target.tracks.items() if serial not in target.counters)
    return listed + max(ended, target.ended_dropped) + target.dropped_unattributed

"""Ring to journal: records are copied, since a target may change them, and appended; then the read position moves.

A pass reads, in this order: the clock, the chunks' commit points, the definitions, the records. A definition is on
disk before the first record that uses it, so the definitions read after the commit points cover every record of
the pass; and every record whose tick is older than the pass's clock reading is in the journal when the pass ends
(but for a writer caught between its two stores, which the decoder's slack covers).
"""

from __future__ import annotations

import msgspec

from capture import clock
from capture.drain.journal import BlockType, JournalWriter
from capture.drain.pool import Pool, ScanEntry, whole_pieces

CLOCK_INTERVAL_NS = 40_000_000


class Drain:
    """Moves one target's pool into the journal, pass by pass. `events` counts those moved."""

    def __init__(self, pool: Pool, journal: JournalWriter, process_serial: int) -> None:
        self.pool = pool
        self.process_serial = process_serial
        self.events = 0
        self._journal = journal
        self._clock_due_ns = 0
        # Two pairs give a tick its length; without the target's own a recording that dies at once would have one.
        first = clock.ClockPair(pool.start_ticks, pool.start_mono_ns, 0, 0)
        journal.append(BlockType.CLOCK, process_serial, first.payload(complete_ticks=0))

    def drain_once(self, *, clock_block: bool = False) -> int:
        """Bytes of records moved by one pass.

        Raises: TargetProblem when the disk is full or the pool is damaged; whatever is not journaled stays in the pool.
        """
        complete_ticks = clock.ticks_now(self.pool.clock_kind)
        entries = self.pool.scan()
        for definitions in whole_pieces(self.pool.new_definitions()):
            self._journal.append(BlockType.DEFS, self.process_serial, definitions)
        moved = sum(self._move(entry) for entry in entries)
        now_ns = clock.monotonic_ns()
        if clock_block or now_ns >= self._clock_due_ns:
            pair = clock.clock_pair(self.pool.clock_kind)
            self._journal.append(BlockType.CLOCK, self.process_serial, pair.payload(complete_ticks))
            self._clock_due_ns = now_ns + CLOCK_INTERVAL_NS
        return moved

    def drain_rest(self) -> int:
        """Bytes of records moved until nothing is left of a target that has stopped, or never will.

        One that goes on for ever, by its own fault or on purpose, is given what its pool holds twice over.
        Raises: as `drain_once`.
        """
        total = 0
        while total <= 2 * self.pool.size and (moved := self.drain_once(clock_block=True)):
            total += moved
        return total

    def journal_counters(self) -> None:
        """The target's own counts of what it has dropped, at the end. Raises: TargetProblem."""
        for fact in self.pool.counters().facts(self.process_serial):
            self._journal.append(BlockType.FACTS, self.process_serial, msgspec.json.encode(fact))

    def _move(self, entry: ScanEntry) -> int:
        records = self.pool.records(entry)
        if len(records):
            self._journal.append(
                BlockType.OLD_RECORDS if self.pool.is_old else BlockType.RECORDS,
                self.process_serial,
                records,
                track_serial=entry.track_serial,
                seq_start=entry.seq_start + entry.drained_events,
                dropped=entry.dropped_before,
            )
        self.pool.advance(entry)
        self.events += entry.new_events
        return len(records)

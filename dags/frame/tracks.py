"""What all tracks do at an instant, in columns: a frame of ten thousand makes structs only of those it is asked for.

What a frame says of a process, or of the whole program, comes of all tracks whichever of them it shows. What changes
only when a track begins or ends is counted once (`Population`); a step to the next event looks at those who wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from capture.events.batch import Int64
from capture.events.definitions import ProcessRow, TrackRow
from capture.events.track_kinds import HEADS, OS_THREADS
from dags.frame_parts import Confidence, Status
from dags.kernels import MAX_TRACKS, Array, Stacks
from dags.process.dag import Waiting
from dags.process.waiting import Asleep

ENDED_TRACKS_SHOWN = 1_000  # the latest; a server may end a million threads
FOREVER_NS = 1 << 62
POPULATIONS_KEPT = 4  # of ten thousand tracks one is half a megabyte
CONFIDENCES: tuple[Confidence, ...] = ("exact", "interpolated", "sampled", "not captured")
"""From the surest on; columns hold places in here, so that the least sure is the largest."""
_EXACT, _SAMPLED, _NOT_CAPTURED = (CONFIDENCES.index(word) for word in ("exact", "sampled", "not captured"))

Bools = npt.NDArray[np.bool_]
Together = list[tuple[Status, Confidence] | None]


class TrackColumns:
    """What the definitions say of all tracks of a session, by row: ascending track id.

    Units: ns on the session clock; FOREVER_NS where no end is known. `process_at` is the place of each one's process
    among the processes, their number where it is none of them. `looked` is how sure a look from outside is of whether
    it waits, as a place in CONFIDENCES.
    """

    def __init__(self, tracks: Sequence[TrackRow], processes: Sequence[ProcessRow], *, captures_waits: bool) -> None:
        self.ids = np.array([track.track_id for track in tracks], np.int64)
        begins = [
            FOREVER_NS if t.start_ns is None and t.kind not in HEADS else t.start_ns or -FOREVER_NS for t in tracks
        ]
        self.begins = np.array(begins, np.int64)
        self.ends = np.array([FOREVER_NS if track.end_ns is None else track.end_ns for track in tracks], np.int64)
        self.is_thread = np.array([track.kind in OS_THREADS for track in tracks], np.bool_)
        is_looked_at = [captures_waits and track.kind in OS_THREADS and bool(track.os_id) for track in tracks]
        self.looked = np.where(np.array(is_looked_at, np.bool_), _SAMPLED, _NOT_CAPTURED)
        places = {row.process_id: at for at, row in enumerate(processes)}
        self.processes = len(processes)
        self.process_at = np.array([places.get(track.process_id, len(processes)) for track in tracks], np.int64)
        recorded = np.array([*(row.tier == "python" for row in processes), False], np.bool_)
        self.is_recorded = recorded[self.process_at]
        kept = np.flatnonzero((self.ids > 0) & (self.ids <= MAX_TRACKS))  # what is beyond has no events, nor waits
        self._row_of = np.full(int(self.ids[kept].max(initial=0)) + 1, -1, np.int64)
        self._row_of[self.ids[kept]] = kept
        self._turns = np.unique(np.concatenate([self.begins, self.ends]))
        self._populations: OrderedDict[int, Population] = OrderedDict()

    def rows_of(self, track_ids: Collection[int]) -> Int64:
        """The rows of those tracks, ascending; what is not there is left out."""
        ids = np.fromiter(track_ids, np.int64, len(track_ids))
        is_named = np.zeros(len(self.ids) + 1, np.bool_)  # a mask, because sorting takes longer; the last is nobody's
        is_named[self._row_of[ids[(ids >= 0) & (ids < len(self._row_of))]]] = True
        return np.flatnonzero(is_named[:-1])

    def population_at(self, time_ns: int) -> Population:
        """The tracks of that instant, the same until one begins or ends."""
        turn = int(self._turns.searchsorted(time_ns, "right"))
        found = self._populations.get(turn)
        if found is None:
            found = self._populations[turn] = Population.of(self, time_ns)
            while len(self._populations) > POPULATIONS_KEPT:
                self._populations.popitem(last=False)
        self._populations.move_to_end(turn)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The tracks of a stretch in which none begins or ends.

    `rows` had begun; of those that had ended there are the latest only. By row of TrackColumns: whether it is among
    them, has ended, is a live thread, and how sure its status is as long as it joins no other. `recorded` are the rows
    of live threads whose Python is recorded, `recorded_ids` their track ids. `sure` counts the live threads by process
    and how sure their status is, `recorded_sure` those of `recorded`; `together` is what they do where none waits.

    Shape: rows, recorded and recorded_ids (m,), ascending; is_there, ended, lives and status (n,); sure (processes + 1,
    len(CONFIDENCES)), the last one for threads of no known process.
    """

    rows: Int64
    is_there: Bools
    ended: Bools
    lives: Bools
    status: Int64
    recorded: Int64
    recorded_ids: Int64
    sure: Int64
    recorded_sure: Int64
    together: Together

    @classmethod
    def of(cls, columns: TrackColumns, time_ns: int) -> Population:
        """The one of that instant."""
        begun, ended = columns.begins <= time_ns, columns.ends <= time_ns
        is_there, gone = begun & ~ended, np.flatnonzero(begun & ended)
        lives = is_there & columns.is_thread
        is_there[gone[np.argsort(columns.ends[gone], kind="stable")[-ENDED_TRACKS_SHOWN:]]] = True
        status = np.where(ended, _EXACT, columns.looked)
        recorded, words = np.flatnonzero(lives & columns.is_recorded), len(CONFIDENCES)
        cells = (columns.process_at * words + status)[lives]
        sure = np.bincount(cells, minlength=(columns.processes + 1) * words).reshape(-1, words)
        return cls(
            np.flatnonzero(is_there),
            is_there,
            ended,
            lives,
            status,
            recorded,
            columns.ids[recorded],
            sure,
            np.bincount(status[recorded], minlength=words),
            _together(sure, np.zeros(columns.processes + 1, np.int64)),
        )


class TracksAt:
    """What the tracks do at an instant.

    `joining` and `asleep` say, by track id, who joins another and who sleeps. `broken_off`: when what was told of a
    track last broke off, by track id; None: of no stack can anything be told.
    """

    def __init__(
        self,
        columns: TrackColumns,
        time_ns: int,
        stacks: Stacks,
        joining: dict[int, Waiting],
        asleep: dict[int, Asleep],
        *,
        broken_off: dict[int, int] | None,
    ) -> None:
        self.joining, self.asleep = joining, asleep
        self._columns, self._population = columns, columns.population_at(time_ns)
        self._stacks, self._broken_off = stacks, broken_off

    def rows_of(self, track_ids: Collection[int] | None) -> Int64:
        """The rows of those tracks, as far as they are here; None: of all."""
        if track_ids is None:
            return self._population.rows
        rows = self._columns.rows_of(track_ids)
        return rows[self._population.is_there[rows]]

    def ended(self, rows: Int64) -> Bools:
        """Which of them had ended."""
        return self._population.ended[rows]

    def status_sure(self, rows: Int64) -> Int64:
        """How sure the status of each is as long as it joins no other, as places in CONFIDENCES."""
        return self._population.status[rows]

    def heads(self, rows: Int64) -> Array:
        """What is known of the stacks of those; of one that had ended, that it is empty."""
        heads = self._stacks.heads_of(self._columns.ids[rows])
        heads["depth"][self._population.ended[rows]] = 0
        return heads

    def stack_sure(self, rows: Int64, heads: Array) -> Int64:
        """How sure the stacks of those are, which have these heads, as places in CONFIDENCES."""
        if self._broken_off is None:
            return np.full(len(rows), _NOT_CAPTURED)
        told = ~self._columns.is_thread[rows] | (heads["unknown_since_ns"] < 0)
        if len(self._lost):
            told &= ~np.isin(rows, self._lost)
        return np.where(told & self._columns.is_recorded[rows], _EXACT, _NOT_CAPTURED)

    def has_recorded(self) -> bool:
        """Whether a thread lives whose Python is recorded."""
        return len(self._population.recorded) > 0

    def stacks_confidence(self) -> Confidence:
        """That of the least sure stack of threads whose Python is recorded; of none it is exact."""
        population = self._population
        if not len(population.recorded):
            return "exact"
        if self._broken_off is None or self._stacks.told(population.recorded_ids) < len(population.recorded):
            return "not captured"
        return "not captured" if np.isin(self._lost, population.recorded).any() else "exact"

    def status_confidence(self) -> Confidence:
        """That of the least sure status of threads whose Python is recorded; of none it is exact."""
        sure = self._population.recorded_sure
        if self.joining:
            joins = self._joins[self._columns.is_recorded[self._joins]]
            sure = sure - np.bincount(self._population.status[joins], minlength=len(CONFIDENCES))
        return CONFIDENCES[int(np.flatnonzero(sure)[-1])] if sure.any() else "exact"

    def processes(self) -> Together:
        """What the threads of each process do together, by place among the processes; None: none of them lives."""
        columns, population = self._columns, self._population
        if not (self.joining or self.asleep):
            return population.together
        sure, joins = population.sure, self._joins
        if len(joins):
            size, words = sure.shape
            owner = columns.process_at[joins]
            less = np.bincount(owner * words + population.status[joins], minlength=size * words)
            sure = sure - less.reshape(sure.shape)
            sure[:, _EXACT] += np.bincount(owner, minlength=size)
        waits = np.zeros(len(columns.ids), np.bool_)
        waits[joins] = waits[self._living(self.asleep)] = True
        return _together(sure, np.bincount(columns.process_at[waits], minlength=len(sure)))

    def _living(self, track_ids: Collection[int]) -> Int64:
        rows = self._columns.rows_of(track_ids)
        return rows[self._population.lives[rows]]

    @cached_property
    def _joins(self) -> Int64:
        """The rows of the live threads that join another."""
        return self._living(self.joining)

    @cached_property
    def _lost(self) -> Int64:
        """The rows of those whose stack has not been told again since something of it got lost."""
        if not self._broken_off:
            return np.empty(0, np.int64)
        ids = np.fromiter(self._broken_off, np.int64, len(self._broken_off))
        told_ns = self._stacks.heads_of(ids)["snapshot_ns"].tolist()
        broken_off = zip(self._broken_off.items(), told_ns, strict=True)
        return self._columns.rows_of([track for (track, since_ns), at_ns in broken_off if at_ns < max(since_ns, 0)])


def _together(sure: Int64, waiting: Int64) -> Together:
    """What the live threads of each process do, of which so many are as sure and so many wait."""
    worst = len(CONFIDENCES) - 1 - np.argmax(sure[:, ::-1] > 0, axis=1)
    counts = sure.sum(axis=1)
    return [
        ("running" if waits < count else "waiting", CONFIDENCES[code]) if count else None
        for count, waits, code in zip(counts.tolist(), waiting.tolist(), worst.tolist(), strict=True)
    ][:-1]

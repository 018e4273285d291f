"""What all tracks do at an instant, in columns: a frame of ten thousand makes structs only of those it is asked for.

What a frame says of a process, or of the whole program, comes of all tracks whichever of them it shows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.events.batch import Int64
from capture.events.definitions import ProcessRow, TrackRow
from capture.events.track_kinds import HEADS, OS_THREADS
from dags.frame_parts import Confidence, Status
from dags.kernels import MAX_TRACKS, Array
from dags.process.dag import Waiting
from dags.process.waiting import Asleep

ENDED_TRACKS_SHOWN = 1_000  # the latest; a server may end a million threads
FOREVER_NS = 1 << 62
CONFIDENCES: tuple[Confidence, ...] = ("exact", "interpolated", "sampled", "not captured")
"""From the surest on; columns hold places in here, so that the least sure is the largest."""
_EXACT, _SAMPLED, _NOT_CAPTURED = (CONFIDENCES.index(word) for word in ("exact", "sampled", "not captured"))

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8]


def least_sure(codes: Codes) -> Confidence:
    """The word for the least sure of them; of none it is exact."""
    return CONFIDENCES[int(codes.max(initial=_EXACT))]


class TrackColumns:
    """What the definitions say of all tracks of a session, by row: ascending track id.

    Units: ns on the session clock; FOREVER_NS where no end is known. `process_at` is the place of each one's process
    among the processes, their number where it is none of them.
    """

    def __init__(self, tracks: Sequence[TrackRow], processes: Sequence[ProcessRow]) -> None:
        self.ids = np.array([track.track_id for track in tracks], np.int64)
        begins = [
            FOREVER_NS if t.start_ns is None and t.kind not in HEADS else t.start_ns or -FOREVER_NS for t in tracks
        ]
        self.begins = np.array(begins, np.int64)
        self.ends = np.array([FOREVER_NS if track.end_ns is None else track.end_ns for track in tracks], np.int64)
        self.is_thread = np.array([track.kind in OS_THREADS for track in tracks], np.bool_)
        self.is_looked_at = np.array([t.kind in OS_THREADS and bool(t.os_id) for t in tracks], np.bool_)
        places = {row.process_id: at for at, row in enumerate(processes)}
        self.processes = len(processes)
        self.process_at = np.array([places.get(track.process_id, len(processes)) for track in tracks], np.int64)
        recorded = np.array([*(row.tier == "python" for row in processes), False], np.bool_)
        self.is_recorded = recorded[self.process_at]
        kept = np.flatnonzero((self.ids > 0) & (self.ids <= MAX_TRACKS))  # what is beyond has no events, nor waits
        self._row_of = np.full(int(self.ids[kept].max(initial=0)) + 1, -1, np.int64)
        self._row_of[self.ids[kept]] = kept

    def rows_of(self, track_ids: npt.NDArray[np.integer[Any]]) -> Int64:
        """The row of each of them, -1 where there is none."""
        inside = (track_ids >= 0) & (track_ids < len(self._row_of))
        return np.where(inside, self._row_of[np.where(inside, track_ids, 0)], -1)

    def among(self, track_ids: Collection[int]) -> Bools:
        """Whether each row's track is one of those."""
        if not track_ids:
            return np.zeros(len(self.ids), np.bool_)
        found = np.zeros(len(self.ids) + 1, np.bool_)  # the last one stands for those that are not there
        found[self.rows_of(np.fromiter(track_ids, np.int64))] = True
        return found[:-1]

    def rows_at(self, time_ns: int) -> Int64:
        """The tracks that had begun; of those that had ended, the latest only."""
        begun = self.begins <= time_ns
        shown = np.flatnonzero(begun & (self.ends > time_ns))
        ended = np.flatnonzero(begun & (self.ends <= time_ns))
        if not len(ended):
            return shown
        if len(ended) > ENDED_TRACKS_SHOWN:
            ended = ended[np.argsort(self.ends[ended], kind="stable")[-ENDED_TRACKS_SHOWN:]]
        return np.sort(np.concatenate([shown, ended]))


@dataclass(slots=True)
class TracksAt:
    """The tracks that had begun by an instant; `rows` are theirs in `TrackColumns`, the columns have an entry for each.

    `confidence` is that of the stack, `status_confidence` that of running or waiting, as places in CONFIDENCES. Beside
    them the heads of all stacks, and by track id those who join another and who sleep.
    """

    rows: Int64
    ended: Bools
    waits: Bools
    confidence: Codes
    status_confidence: Codes
    heads: Array
    joining: dict[int, Waiting]
    asleep: dict[int, Asleep]
    _columns: TrackColumns

    @classmethod
    def of(
        cls,
        columns: TrackColumns,
        time_ns: int,
        heads: Array,
        joining: dict[int, Waiting],
        asleep: dict[int, Asleep],
        *,
        broken_off: dict[int, int] | None,
        captures_waits: bool,
    ) -> TracksAt:
        """The tracks at that instant. `broken_off`: when what was told of a track last broke off, by track id; None: of
        no stack can anything be told.
        """
        rows = columns.rows_at(time_ns)
        ended, joins = columns.ends[rows] <= time_ns, columns.among(joining)[rows]
        status_confidence = np.full(len(rows), _NOT_CAPTURED, np.uint8)
        if captures_waits:
            status_confidence[columns.is_looked_at[rows]] = _SAMPLED
        status_confidence[ended | joins] = _EXACT
        confidence = np.full(len(rows), _NOT_CAPTURED, np.uint8)
        if broken_off is not None:
            confidence[(_is_told(columns, heads, broken_off) & columns.is_recorded)[rows]] = _EXACT
        waits = (joins | columns.among(asleep)[rows]) & ~ended
        return cls(rows, ended, waits, confidence, status_confidence, heads, joining, asleep, columns)

    def places_of(self, track_ids: Collection[int] | None) -> Int64:
        """Where those tracks are, as far as they are here; None: all."""
        if track_ids is None:
            return np.arange(len(self.rows))
        return np.flatnonzero(self._columns.among(track_ids)[self.rows])

    def heads_of(self, places: Int64) -> Array:
        """Of all heads those of the tracks there that live."""
        alive = np.zeros(len(self._columns.ids) + 1, np.bool_)
        alive[self.rows[places[~self.ended[places]]]] = True
        return self.heads[alive[self._columns.rows_of(self.heads["track_id"])]]

    def live_recorded(self) -> Bools:
        """The threads that run Python which is recorded."""
        columns = self._columns
        return columns.is_thread[self.rows] & ~self.ended & columns.is_recorded[self.rows]

    def processes(self) -> list[tuple[Status, Confidence] | None]:
        """What the threads of each process do together, by place among the processes; None: none of them lives."""
        columns = self._columns
        live = columns.is_thread[self.rows] & ~self.ended
        owner, words = columns.process_at[self.rows][live], len(CONFIDENCES)
        size = columns.processes + 1
        sure = np.bincount(owner * words + self.status_confidence[live], minlength=size * words).reshape(size, words)
        running = np.bincount(owner[~self.waits[live]], minlength=size)
        worst = words - 1 - np.argmax(sure[:, ::-1] > 0, axis=1)
        return [
            ("running" if runs else "waiting", CONFIDENCES[code]) if any(counts) else None
            for counts, runs, code in zip(sure.tolist(), running.tolist(), worst.tolist(), strict=True)
        ][:-1]


def _is_told(columns: TrackColumns, heads: Array, broken_off: dict[int, int]) -> Bools:
    """Whose stack is known, by row: it was told, and nothing is missing since."""
    told = np.append(~columns.is_thread, False)  # the last one stands for heads of tracks that have no name
    at = columns.rows_of(heads["track_id"])
    told[at[heads["unknown_since_ns"] < 0]] = True
    if broken_off:
        answered = dict(zip(heads["track_id"].tolist(), heads["snapshot_ns"].tolist(), strict=True))
        lost = [track for track, broke_off_ns in broken_off.items() if answered.get(track, -1) < max(broke_off_ns, 0)]
        told[:-1] &= ~columns.among(lost)
    return told[:-1]

"""What a frame needs besides the DAGs: names, lifetimes, gaps and the latest samples, indexed for any instant.

Valid for one generation of the manifest; a session that has grown gets a new one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from math import isfinite
from typing import TypeAlias

import numpy as np

from capture.changes import modes_of, recorded_at
from capture.session.session import Session
from capture.typed import converted
from dags.frame.tracks import FOREVER_NS, TrackColumns
from dags.frame_parts import FrameGap, FrameSettings
from dags.process.waiting import Asleep, SegmentWaits

METRIC_SEGMENTS_BACK = 64  # how far back the latest sample is looked for
METRIC_SEGMENTS_KEPT = 32
MODES_WITHOUT_CALLS = frozenset({"state", "minimal", "observe"})

Series: TypeAlias = dict[tuple[int, str], tuple[list[int], list[float]]]


class FrameContext:
    """The rows of a session that carry their own times."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._generation = session.manifest.generation
        self.processes = session.processes()
        self.recorded = {row.process_id: row for row in self.processes if row.tier == "python"}
        self.tracks = session.tracks()
        self.sites = {row.site_id: row for row in session.sites()}
        self.state_keys = {row.key_id: row for row in session.state_keys()}
        self.captures_states = bool(self.state_keys)
        about, self._changes = session.manifest.about, session.manifest.changes
        names = [name for name in FrameSettings.__struct_fields__ if name != "since_ns"]
        self._began_with: dict[str, object] = {name: getattr(about, name) for name in names}
        self.captures_calls = not MODES_WITHOUT_CALLS.issuperset((about.mode, *modes_of(self._changes)))
        self.lacks_names = any(segment is None for segment in list(session.reader.damaged.values()))
        self.captures_waits = "waits" in about.capabilities
        self.track_columns = TrackColumns(self.tracks, self.processes, captures_waits=self.captures_waits)
        self._gaps = _gaps(session)
        self._gap_starts = np.array([gap.start_ns for gap in self._gaps], np.int64)
        self._gap_ends = np.array([FOREVER_NS if gap.end_ns is None else gap.end_ns for gap in self._gaps], np.int64)
        self._gap_starts_of: dict[int, list[int]] = {}
        for gap in self._gaps:
            if gap.track_id is not None:
                self._gap_starts_of.setdefault(gap.track_id, []).append(gap.start_ns)
        self._settings: dict[tuple[int, ...], FrameSettings] = {}
        self._with_metrics = [at for at, segment in enumerate(session.segments) if segment.file("metrics") is not None]
        self._metrics: OrderedDict[int, Series] = OrderedDict()
        self._waits: OrderedDict[int, SegmentWaits] = OrderedDict()

    def is_outdated(self) -> bool:
        """Whether the session shows something newer."""
        return self._session.manifest.generation != self._generation

    def is_damaged(self, index: int | None) -> bool:
        """Whether something of that segment could not be read; None: there is no segment."""
        if index is None:  # of a recording that ended before anything happened nothing is missing
            return any(problem.lost for problem in self._session.problems)
        seq = self._session.segments[index].seq
        return any(segment.seq == seq for segment in self._session.damaged_segments())

    def settings_at(self, time_ns: int, process_id: int = 0) -> FrameSettings:
        """What was recorded at that moment; of one process, or as was told last of any."""
        told = (process_id, *(change.time_ns <= time_ns for change in self._changes))
        if told not in self._settings:
            held, since_ns = recorded_at(self._began_with, self._changes, time_ns, process_id)
            known = {name: held[name] for name in self._began_with}
            self._settings[told] = converted({**known, "since_ns": since_ns}, FrameSettings)
        return self._settings[told]

    def all_settings_at(self, time_ns: int) -> list[FrameSettings]:
        """What each recorded process was recorded by at that moment; as was told last where that is not known."""
        if not self._changes or len(self.recorded) < 2:
            return [self.settings_at(time_ns)]
        return [self.settings_at(time_ns, process_id) for process_id in self.recorded]

    def own_settings_at(self, time_ns: int, process_id: int) -> FrameSettings | None:
        """What one process was recorded by, where that is something else than `settings_at` says of all."""
        if not self._changes or process_id not in self.recorded or len(self.recorded) == 1:
            return None
        own = self.settings_at(time_ns, process_id)
        return None if own == self.settings_at(time_ns) else own

    def gaps_at(self, time_ns: int) -> list[FrameGap]:
        """The gaps that the instant lies in; where one ends, recording goes on."""
        if not self._gaps:
            return []
        rows = np.flatnonzero((self._gap_starts <= time_ns) & (self._gap_ends > time_ns))
        return [self._gaps[row] for row in rows.tolist()]

    def broken_off(self, time_ns: int) -> dict[int, int]:
        """When the last gap at or before the instant began, by track id, of those that ever lost events."""
        begun = {track_id: bisect_right(starts, time_ns) for track_id, starts in self._gap_starts_of.items()}
        return {track_id: self._gap_starts_of[track_id][at - 1] for track_id, at in begun.items() if at}

    def metrics_at(self, time_ns: int, index: int | None) -> dict[int, dict[str, float]]:
        """The latest figures at or before the instant, by process; those of ended processes left out."""
        wanted = {
            row.process_id
            for row in self.processes
            if (row.start_ns is None or row.start_ns <= time_ns) and (row.end_ns is None or row.end_ns > time_ns)
        }
        found: dict[int, dict[str, float]] = {}
        last = -1 if index is None else index
        for at in reversed(self._with_metrics[: bisect_right(self._with_metrics, last)]):
            new = wanted - found.keys()
            if not new or at <= last - METRIC_SEGMENTS_BACK:
                break
            for (process_id, name), (times_ns, values) in self._metrics_of(at).items():
                row = bisect_right(times_ns, time_ns) - 1
                if row >= 0 and process_id in new:
                    found.setdefault(process_id, {})[name] = values[row]
        return {process_id: found[process_id] for process_id in sorted(found)}

    def asleep_at(self, time_ns: int, index: int | None, before: dict[int, Asleep]) -> dict[int, Asleep]:
        """Who waits at the instant, by track id; `before`: who did when the segment began."""
        if index is None or not self.captures_waits:
            return {}
        seq = self._session.segments[index].seq
        waits = self._waits.get(seq)
        if waits is None:
            waits = self._waits[seq] = SegmentWaits(self._session, index)
            while len(self._waits) > METRIC_SEGMENTS_KEPT:
                self._waits.popitem(last=False)
        self._waits.move_to_end(seq)
        return waits.asleep_at(time_ns, before)

    def _metrics_of(self, index: int) -> Series:
        """The samples of a segment that has some, a series per process and name."""
        segment = self._session.segments[index]
        series = self._metrics.get(segment.seq)
        if series is None:
            table = self._session.segment_table(index, "metrics", ("time_ns", "process_id", "name", "value"))
            samples: dict[tuple[int, str], list[tuple[int, float]]] = {}
            for row in table.drop_null().to_pylist():
                if not isfinite(row["value"]):  # no figure: nothing can be said, summed or drawn of it
                    continue
                samples.setdefault((row["process_id"], row["name"]), []).append((row["time_ns"], row["value"]))
            series = {}
            for key, rows in samples.items():
                rows.sort()
                series[key] = ([at for at, _ in rows], [value for _, value in rows])
            self._metrics[segment.seq] = series
            while len(self._metrics) > METRIC_SEGMENTS_KEPT:
                self._metrics.popitem(last=False)
        self._metrics.move_to_end(segment.seq)
        return series


def _gaps(session: Session) -> list[FrameGap]:
    """All gap rows in order of time, damaged segments included as far as they are known.

    Read segment by segment: the whole table would first check every file of the session.
    """
    gaps: list[FrameGap] = []
    for index, segment in enumerate(session.segments):
        if segment.file("gaps") is not None:
            gaps += [
                FrameGap(
                    start_ns=row["start_ns"],
                    end_ns=row["end_ns"],
                    track_id=row["track_id"],
                    dropped=row["dropped"] or 0,
                    reason=row["reason"] or "",
                )
                for row in session.segment_table(index, "gaps").to_pylist()
                if row["start_ns"] is not None
            ]
    return sorted(gaps, key=lambda gap: gap.start_ns)

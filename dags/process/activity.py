"""How busy each process is: events in the last 100 ms, beside the busiest 100 ms of any process so far.

Counted in bins of 10 ms on the session clock, so that the answer at an instant depends on the events up to it only,
not on how they were cut into batches.
"""

from __future__ import annotations

import msgspec
import numpy as np

from capture.errors import FormatError
from capture.events.batch import Int64
from dags.base import KeptId, KeptNs
from dags.columns import runs

BIN_NS = 10_000_000
BINS = 10
MAX_BIN = (1 << 62) // BIN_NS


class ProcessActivity(msgspec.Struct):
    """The last bins of one process that have events, and the most that any BINS bins in a row ever had."""

    bins: list[KeptNs] = []
    counts: list[KeptId] = []
    peak: KeptId = 0

    def add(self, times_ns: Int64) -> None:
        """Counts events in; what lies before the last bin counts into it."""
        if not len(times_ns):
            return
        if self.bins and int(times_ns[-1]) < (self.bins[-1] + 1) * BIN_NS:  # a step to the next event, as a rule
            self.counts = [*self.counts[:-1], self.counts[-1] + len(times_ns)]
            self.peak = max(self.peak, self.recent(self.bins[-1] * BIN_NS))
            return
        if self.bins:
            times_ns = np.maximum(times_ns, self.bins[-1] * BIN_NS)
        all_bins, all_counts = runs(times_ns, BIN_NS)
        if self.bins:
            goes_on = int(all_bins[0] == self.bins[-1])
            all_counts[0] += self.counts[-1] * goes_on
            all_bins = np.concatenate([np.array(self.bins[: len(self.bins) - goes_on], np.int64), all_bins])
            all_counts = np.concatenate([np.array(self.counts[: len(self.counts) - goes_on], np.int64), all_counts])
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(all_counts)])
        windows = sums[1:] - sums[np.searchsorted(all_bins, all_bins - BINS + 1)]
        self.peak = max(self.peak, int(windows.max()))
        keep = int(np.searchsorted(all_bins, all_bins[-1] - BINS + 1))
        self.bins, self.counts = all_bins[keep:].tolist(), all_counts[keep:].tolist()

    def recent(self, time_ns: int) -> int:
        """Events of the bin of that instant and of the BINS - 1 before it."""
        last = time_ns // BIN_NS
        return sum(count for at, count in zip(self.bins, self.counts, strict=True) if last - BINS < at <= last)


class Activity(msgspec.Struct):
    """The activity of all processes."""

    processes: dict[int, ProcessActivity] = {}

    def heat(self, process_id: int, time_ns: int) -> float:
        """0 (idle) to 1 (as busy as any process ever was up to now)."""
        own = self.processes.get(process_id)
        peak = max((activity.peak for activity in self.processes.values()), default=0)
        return round(min(1.0, own.recent(time_ns) / peak), 4) if own and peak else 0.0

    def copy(self) -> Activity:
        """One of its own."""
        return Activity({key: ProcessActivity(a.bins, a.counts, a.peak) for key, a in self.processes.items()})

    def validate(self) -> None:
        """Raises: FormatError when a keyframe holds what counting cannot give."""
        for activity in self.processes.values():
            bins = activity.bins
            if len(bins) != len(activity.counts) or len(bins) > BINS or sorted(set(bins)) != bins:
                raise FormatError("the activity of a keyframe contradicts itself")
            if any(abs(at) > MAX_BIN for at in bins):
                raise FormatError("the activity of a keyframe is out of range")

"""Details of many segments in bounded memory, and the rows of any stretch at any scale, from what is known so far."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from capture.session.session import Session
from dags.analyses.detail import GAP_DTYPE, SPAN_DTYPE, SegmentDetail, segment_detail
from dags.analyses.lod import ROW_DTYPE, Array, level_for

WHOLE = 64  # details kept with all their levels; of the others, what a window of more segments than that can show
COARSE_ROWS = 512


class DetailReader:
    """Details of one session. Any thread may ask; `read` does the work, everything else answers at once."""

    def __init__(self, session: Session) -> None:
        """The session stays open as long as this is used."""
        self.session = session
        self.revision = 0  # how often more has become known
        self._coarse: dict[int, SegmentDetail] = {}
        self._whole: OrderedDict[int, SegmentDetail] = OrderedDict()
        self._longest: dict[int, tuple[Array, Array]] = {}  # how long, ascending, and the calls
        self._depths: dict[int, int] = {}
        self._lock = threading.Lock()

    def segments_between(self, start_ns: int, end_ns: int) -> Sequence[int]:
        """The segments that share an instant with start_ns <= t <= end_ns; of many without rows in a row the first."""
        segments = self.session.segments
        last = bisect_right(segments, end_ns, key=lambda segment: segment.start_ns)
        return self.session.telling(bisect_left(segments, start_ns, key=lambda segment: segment.end_ns), last)

    def known(self, index: int) -> SegmentDetail | None:
        """The detail as far as it is in memory, perhaps without its finest levels."""
        seq = self.session.segments[index].seq
        with self._lock:
            if seq in self._whole:
                self._whole.move_to_end(seq)
                return self._whole[seq]
            return self._coarse.get(seq)

    def read(self, index: int) -> SegmentDetail:
        """The whole detail. Takes as long as it takes: up to some 60 ms when it has to be worked out.

        Raises: SessionProblem, IndexError, FileNotFoundError when the session has changed meanwhile.
        """
        session = self.session
        seq = session.segments[index].seq
        with self._lock:
            if seq in self._whole:
                return self._whole[seq]
        found = segment_detail(session, index)
        with self._lock:
            self._whole[seq] = found
            self._keep(seq, found)
            self.revision += 1
            while len(self._whole) > WHOLE:
                self._whole.popitem(last=False)
        return found

    def depths(self) -> dict[int, int]:
        """The most calls open at once by track, as far as it is known."""
        with self._lock:
            return dict(self._depths)

    def missing(self, start_ns: int, end_ns: int, width_ns: float) -> list[int]:
        """Segments of the stretch that have to be `read` before it can be shown with bins that narrow."""
        wanted = level_for(width_ns)
        with self._lock:
            return [
                index
                for index in self.segments_between(start_ns, end_ns)
                if (seq := self.session.segments[index].seq) not in self._whole
                and not ((detail := self._coarse.get(seq)) and _is_fine_enough(detail, wanted))
            ]

    def rows(self, start_ns: int, end_ns: int, width_ns: float) -> list[tuple[int, Array]]:
        """(level, rows of ROW_DTYPE by bin) of the stretch, with the widest bins that are no wider than asked for.

        Bins are wider where a segment has none that narrow. A bin that two segments share has a row of each.
        """
        wanted = level_for(width_ns)
        pieces: dict[int, list[Array]] = {}
        shown = self.segments_between(start_ns, end_ns)
        for index in shown:
            detail = self.known(index)
            level = detail.level(wanted) if detail is not None else None
            if level is None:
                continue
            rows = level.between(start_ns, end_ns) if index in (shown[0], shown[-1]) else level.rows
            if level.level < wanted:
                rows = rows.copy()
                rows["bin"] >>= 2 * (wanted - level.level)
            pieces.setdefault(max(wanted, level.level), []).append(rows)
        return [(level, np.concatenate([np.empty(0, ROW_DTYPE), *some])) for level, some in sorted(pieces.items())]

    def spans(self, start_ns: int, end_ns: int, at_least_ns: float) -> tuple[Array, bool]:
        """(calls of the stretch that last at least that long, as far as they are known; whether these are all).

        Calls that go on after the last segment of the stretch end at OPEN_END.
        """
        pieces, complete = [np.empty(0, SPAN_DTYPE)], True
        last, still_open = None, pieces[0]
        shown = self.segments_between(start_ns, end_ns)
        for index in shown:
            detail = self.known(index)
            if detail is None:
                complete = False
                continue
            complete = complete and detail.longest_from_ns <= at_least_ns
            pieces.append(self._longer(index, at_least_ns))
            last, still_open = index, detail.open
        if last is not None and last < shown[-1]:  # how far they go on is not known yet
            still_open = still_open.copy()
            still_open["end_ns"] = self.session.segments[last].end_ns
        spans = np.concatenate([*pieces, still_open])
        is_long = spans["end_ns"] - spans["start_ns"] >= at_least_ns
        return spans[is_long & (spans["end_ns"] >= start_ns) & (spans["start_ns"] <= end_ns)], complete

    def _longer(self, index: int, at_least_ns: float) -> Array:
        with self._lock:
            lasted, longest = self._longest[self.session.segments[index].seq]
        return longest[np.searchsorted(lasted, at_least_ns) :]

    def gaps(self, start_ns: int, end_ns: int) -> Array:
        """The gaps of the stretch that are known, and damaged segments as gaps of all tracks."""
        shown = self.segments_between(start_ns, end_ns)
        pieces = [detail.gaps for index in shown if (detail := self.known(index)) is not None and len(detail.gaps)]
        damaged = [(part.start_ns, part.end_ns, part.events, 0) for part in self.session.damaged_segments()]
        gaps = np.concatenate([np.array(damaged, GAP_DTYPE), *pieces])
        return gaps[(gaps["end_ns"] >= start_ns) & (gaps["start_ns"] <= end_ns)]

    def _keep(self, seq: int, detail: SegmentDetail) -> None:
        segments = self.session.segments
        if len(self._coarse) > 2 * len(segments) + WHOLE:  # a live session's segments are merged again and again
            there = {part.seq for part in segments}
            for gone in [known for known in self._coarse if known not in there]:
                del self._coarse[gone], self._longest[gone]
                self._whole.pop(gone, None)
        self._coarse[seq] = detail.trimmed(COARSE_ROWS)
        lasted = detail.longest["end_ns"] - detail.longest["start_ns"]
        order = np.argsort(lasted)
        self._longest[seq] = lasted[order], detail.longest[order]
        deepest = [(detail.open["track_id"], detail.open["depth"] + 1)]
        if detail.levels:
            deepest.append((detail.levels[-1].rows["track_id"], detail.levels[-1].rows["max_depth"]))
        for tracks, depths in deepest:
            for track, depth in zip(tracks.tolist(), depths.tolist(), strict=True):
                self._depths[track] = max(depth, self._depths.get(track, 0))


def _is_fine_enough(detail: SegmentDetail, wanted: int) -> bool:
    return not detail.levels or detail.levels[0].level <= wanted

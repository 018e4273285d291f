"""Which neighbouring segments to merge, so that ten quiet hours do not become a hundred thousand files.

A log-structured merge: eight neighbours of one level become one of the next, until a segment is full. A burst closes
the run of small segments before it; what such a run still holds is merged as far as it fits. So every event is
rewritten at most once per level, and a session holds few segments per level beside the full ones.

A segment weighs its rows, or its bytes where its rows say much: a frame reads its segment, and reading texts takes the
most time. A frame of 262 144 calls with arguments took 21 ms, without 9.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from capture.session.format import FileEntry, SegmentEntry

FULL_ROWS = 262_144
FAN_OUT = 8
FULL_LEVEL = 255
BYTES_A_ROW = 5  # of a segment of calls alone
LONGEST_NS = 1 << 63
FILE_BYTES = 4_096  # which a file of few rows takes, too


def level_of(rows: int, level: int) -> int:
    """The level of a segment with that many rows; a full one is never merged again."""
    return FULL_LEVEL if rows * 2 > FULL_ROWS else level


def rows_of(files: Collection[FileEntry]) -> int:
    """What a segment of these files weighs: the rows of its longest table, or of calls that take as many bytes."""
    longest = max((entry.rows for entry in files), default=0)
    return max(longest, sum(max(0, entry.bytes - FILE_BYTES) for entry in files) // BYTES_A_ROW)


def next_merge(
    segments: Sequence[SegmentEntry], *, finishing: bool = False, longest_ns: int = LONGEST_NS
) -> slice | None:
    """The neighbours to merge now, None when there is nothing to do. `finishing`: no more segments will come.

    None becomes longer than `longest_ns`, where what is oldest is to be given up segment by segment.

    Only the last run of small segments and the one before it are looked at: older ones were settled when they closed.
    """
    end = len(segments)
    start = _run_start(segments, end)
    if start == end and end:  # the last segment is full
        end -= 1
        while end and segments[end - 1].level == FULL_LEVEL:
            end -= 1
        return _first_fit(segments, _run_start(segments, end), end, longest_ns)
    if finishing:
        return _first_fit(segments, start, end, longest_ns)
    if start:
        closed = start - 1
        while closed and segments[closed - 1].level == FULL_LEVEL:
            closed -= 1
        if found := _first_fit(segments, _run_start(segments, closed), closed, longest_ns):
            return found
    at = start
    while at < end:
        same = at
        while same < end and segments[same].level == segments[at].level:
            same += 1
        if same - at >= FAN_OUT:
            return _first_fit(segments, at, at + FAN_OUT, longest_ns)
        at = same
    return None


def _run_start(segments: Sequence[SegmentEntry], end: int) -> int:
    start = end
    while start and segments[start - 1].level != FULL_LEVEL:
        start -= 1
    return start


def _first_fit(segments: Sequence[SegmentEntry], start: int, end: int, longest_ns: int) -> slice | None:
    """The first neighbours, at least two, that fit into one segment together; as many as fit."""
    for first in range(start, end - 1):
        rows, stop = 0, first
        until_ns = segments[first].start_ns + longest_ns
        while stop < end and rows + rows_of(segments[stop].files) <= FULL_ROWS and segments[stop].end_ns <= until_ns:
            rows += rows_of(segments[stop].files)
            stop += 1
        if stop - first >= 2:
            return slice(first, stop)
    return None

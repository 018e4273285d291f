"""Which function was called how often, and for how long, on each track in the stretch before an instant.

What has ended comes from the table of calls, what is still open from the frame's stacks; together they are complete,
so nothing has to be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dags.columns import dense, row_of
from dags.frame_parts import Frame

Int64 = npt.NDArray[np.int64]

BINS = 40
PARTS = frozenset({"tracks", "stacks"})
"""Of a frame, what is still open at the end of the stretch."""
_COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "site_id", "parent_call_id")


@dataclass(frozen=True, slots=True, eq=False)
class RecentCalls:
    """One row per track and function that ran in the stretch, by track and site.

    `calls` began in the stretch, `latest_calls` in its last tenth; `own_ns` is the time inside without what the
    function called; `call_id` is the newest of its calls, the evidence. `begun` has one row per entry of `tracks`:
    the calls begun in each of BINS equal parts of the stretch.

    Shape: the columns (n,), begun (len(tracks), BINS).
    Units: ns on the session clock.
    """

    start_ns: int
    end_ns: int
    track_id: Int64
    site_id: Int64
    calls: Int64
    latest_calls: Int64
    own_ns: Int64
    call_id: Int64
    tracks: Int64
    begun: Int64

    def __len__(self) -> int:
        return len(self.track_id)

    def begun_on(self, track_id: int) -> Int64:
        """The calls begun on that track per part of the stretch."""
        at = int(np.searchsorted(self.tracks, track_id))
        found = at < len(self.tracks) and self.tracks[at] == track_id
        return self.begun[at] if found else np.zeros(BINS, np.int64)

    @property
    def seconds(self) -> float:
        """How long the stretch is."""
        return (self.end_ns - self.start_ns) / 1e9


def recent_calls(ended: Any, frame: Frame | None, start_ns: int, end_ns: int) -> RecentCalls:
    """The calls of a stretch. `ended`: rows of `calls` (pyarrow) that cover it; frame: the one at its end.

    Raises: ValueError if start_ns > end_ns, or if the frame lacks some of PARTS.
    """
    if start_ns > end_ns:
        raise ValueError(f"{start_ns} lies after {end_ns}")
    if frame is not None and frame.lacks(PARTS):
        raise ValueError(f"what is open is not known: the frame lacks {', '.join(frame.left_out)}")
    call, start, end, track, site, parent = _rows(ended, frame, start_ns, end_ns)
    inside = end - np.maximum(start, start_ns)
    tracks, track_at = dense(track)
    sites, site_at = dense(site)
    key = track_at * max(len(sites), 1) + site_at
    rooms, room = dense(key)
    began = start >= start_ns
    newest = np.zeros(len(rooms), np.int64)
    np.maximum.at(newest, room, call)
    own_ns = np.bincount(room, inside, len(rooms)).astype(np.int64)
    caller = row_of(call, parent)
    called = caller >= 0
    own_ns -= np.bincount(room[caller[called]], inside[called], len(rooms)).astype(np.int64)
    latest = start > end_ns - (end_ns - start_ns) // 10
    width = max(end_ns - start_ns, 1)
    part = np.minimum((start[began] - start_ns) * BINS // width, BINS - 1)
    begun = np.bincount(track_at[began] * BINS + part, minlength=len(tracks) * BINS)
    return RecentCalls(
        start_ns=start_ns,
        end_ns=end_ns,
        track_id=tracks[rooms // max(len(sites), 1)] if len(rooms) else rooms,
        site_id=sites[rooms % max(len(sites), 1)] if len(rooms) else rooms,
        calls=np.bincount(room[began], minlength=len(rooms)).astype(np.int64),
        latest_calls=np.bincount(room[began & latest], minlength=len(rooms)).astype(np.int64),
        own_ns=np.maximum(own_ns, 0),
        call_id=newest,
        tracks=tracks,
        begun=begun.astype(np.int64).reshape(len(tracks), BINS),
    )


def _rows(ended: Any, frame: Frame | None, start_ns: int, end_ns: int) -> list[Int64]:
    """The six columns of all calls that touch the stretch; one that is open ends, for us, with the stretch."""
    still = [
        (call.call_id, call.entered_ns, end_ns, track.track_id, call.site_id, above.call_id if above else 0)
        for track in (frame.tracks if frame is not None else [])
        for above, call in zip([None, *track.stack], track.stack, strict=False)
    ]
    added = np.array(still, np.int64).reshape(-1, len(_COLUMNS))
    pieces: list[list[Int64]] = [[added[:, at] for at in range(len(_COLUMNS))]]
    for batch in ended.to_batches():  # piece by piece, as most rows of a segment lie outside
        if len(batch):
            end = _values(batch.column("end_ns"))
            inside = np.flatnonzero((end > start_ns) & (end <= end_ns))
            pieces.append([_values(batch.column(name), inside) for name in _COLUMNS])
    return [np.concatenate([piece[at] for piece in pieces]) for at in range(len(_COLUMNS))]


def _values(column: Any, rows: Int64 | None = None) -> Int64:
    """A column, or some rows of it, as int64; an end or a caller that is not there becomes 0.

    Rows lie behind one another but in damaged sessions: those are a view, not a copy.
    """
    if rows is not None and len(rows):
        first, behind = int(rows[0]), int(rows[-1]) + 1
        column = column.slice(first, behind - first)
        rows = None if behind - first == len(rows) else rows - first
    if column.null_count:
        column = column.fill_null(0)
    values = column.to_numpy()
    return np.asarray(values if rows is None else values[rows]).astype(np.int64, copy=False)

"""Which function was called how often, and for how long, on each track in the stretch before an instant.

What has ended comes from the table of calls, what is still open from the frame's stacks; together they are complete,
so nothing has to be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from dags.columns import dense, row_of
from dags.frame_parts import Frame

Int64 = npt.NDArray[np.int64]

BINS = 40
PARTS = frozenset({"tracks", "stacks"})
"""Of a frame, what is still open at the end of the stretch."""
SHORTEST_WAIT_NS = 10_000  # shorter ones are not sought: waits are seen by looking, a millisecond apart
_COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "site_id", "parent_call_id")


@dataclass(frozen=True, slots=True, eq=False)
class RecentCalls:
    """One row per track and function that ran in the stretch, by track and site.

    `calls` began in the stretch, `latest_calls` in its last tenth; `own_ns` is the time inside without what the
    function called, `waited_ns` what of that its thread was seen to sleep, `cpu_ns` what it can have computed at most:
    no more than its whole process has. `call_id` is the newest of its calls, the evidence. `begun` has one row per
    entry of `tracks`: the calls begun in each of BINS equal parts of the stretch.

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
    waited_ns: Int64
    cpu_ns: Int64
    call_id: Int64
    tracks: Int64
    begun: Int64

    def __len__(self) -> int:
        return len(self.track_id)

    @property
    def track_at(self) -> Int64:
        """For each row the place of its track in `tracks`. Shape: (n,)."""
        ends = np.searchsorted(self.track_id, self.tracks, "right")
        return np.repeat(np.arange(len(self.tracks)), np.diff(ends, prepend=0))

    def begun_on(self, track_id: int) -> Int64:
        """The calls begun on that track per part of the stretch."""
        at = int(np.searchsorted(self.tracks, track_id))
        found = at < len(self.tracks) and self.tracks[at] == track_id
        return self.begun[at] if found else np.zeros(BINS, np.int64)

    @property
    def seconds(self) -> float:
        """How long the stretch is."""
        return (self.end_ns - self.start_ns) / 1e9


def recent_calls(
    ended: Any,
    frame: Frame | None,
    start_ns: int,
    end_ns: int,
    *,
    waits: Any = None,
    cpu_shares: Mapping[int, float] | None = None,
) -> RecentCalls:
    """The calls of a stretch. `ended`: rows of `calls` (pyarrow) that cover it; frame: the one at its end.

    `waits`: rows of `waits` that cover it, None: none are known but those of the frame. `cpu_shares`: by track id how
    much of a core its process has used in the stretch, as far as that is known.

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
    slept = _waits(waits, frame, start_ns, end_ns)
    sleeper = _innermost((start, end, track, call), caller, slept)
    waited_ns = np.bincount(room[sleeper[sleeper >= 0]], (slept[1] - slept[0])[sleeper >= 0], len(rooms))
    shares = cpu_shares or {}
    most_ns = np.array([shares.get(one, np.inf) for one in tracks.tolist()]) * max(end_ns - start_ns, 1)
    most_ns = np.minimum(most_ns, np.iinfo(np.int64).max // 2).astype(np.int64)
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
        waited_ns=waited_ns.astype(np.int64),
        cpu_ns=np.minimum(np.maximum(own_ns - waited_ns.astype(np.int64), 0), most_ns[rooms // max(len(sites), 1)]),
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


def _waits(ended: Any, frame: Frame | None, start_ns: int, end_ns: int) -> tuple[Int64, Int64, Int64]:
    """Start, end and track of each wait in the stretch, cut to it; merged segments may tell one of them twice."""
    still = [
        (track.waiting_since_ns, end_ns, track.track_id)
        for track in (frame.tracks if frame is not None else [])
        if track.waiting_since_ns is not None
    ]
    told = np.array(still, np.int64).reshape(-1, 3)
    if ended is not None and len(ended):
        rows = ended.filter(pc.and_(pc.is_valid(ended["start_ns"]), pc.is_valid(ended["end_ns"])))
        columns = [rows[name].to_numpy().astype(np.int64) for name in ("start_ns", "end_ns", "track_id")]
        told = np.concatenate([told, np.stack(columns, axis=1)])
    told[:, 0], told[:, 1] = np.maximum(told[:, 0], start_ns), np.minimum(told[:, 1], end_ns)
    told = np.unique(told[told[:, 1] - told[:, 0] >= SHORTEST_WAIT_NS], axis=0)
    return told[:, 0], told[:, 1], told[:, 2]


def _innermost(calls: tuple[Int64, Int64, Int64, Int64], caller: Int64, slept: tuple[Int64, Int64, Int64]) -> Int64:
    """The row of the call in which each wait begins, -1: in none. calls: start, end, track, call id."""
    start, end, track, call = calls
    since, until, sleeper = slept
    if not len(since) or not len(start):
        return np.full(len(since), -1, np.int64)
    long = np.flatnonzero(end - start >= int((until - since).min()))  # few; to sort all would take longer than the rest
    if not len(long):
        return np.full(len(since), -1, np.int64)
    order = long[np.lexsort((call[long], start[long], track[long]))]
    moments, tracks = np.unique(start[long]), np.unique(track[long])
    size = len(moments) + 1
    begun = np.searchsorted(tracks, track[order]) * size + np.searchsorted(moments, start[order]) + 1
    at = np.minimum(np.searchsorted(tracks, sleeper), len(tracks) - 1)
    last = np.searchsorted(begun, at * size + np.searchsorted(moments, since, "right"), "right") - 1
    row = np.where(last >= 0, order[last], -1)
    row[(row >= 0) & (track[row] != sleeper)] = -1
    while (over := np.flatnonzero((row >= 0) & (end[row] <= since))).size:
        row[over] = caller[row[over]]
    return row


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

"""Writes of values: the last and the next one of a name, of threads or of a call from an instant, and those of a call.

    found = nearest_write(session, Wanted(cell=(0, "orders", "stock")), (cursor_ns, version_id), -1)      # Ctrl+[

Segments are read from the instant outwards, so that what is near costs one. A write is a version of a value; versions
are counted in the order in which they were written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from functools import reduce
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.called import Definitions
from dags.analyses.function_statistics import segments_of

COLUMNS = (
    "version_id",
    "time_ns",
    "object_id",
    "owner",
    "key",
    "old",
    "new",
    "writer_track_id",
    "writer_call_id",
    "changes",
)
ReadsOn = Callable[[], None]


class WantedWrites(NamedTuple):
    """Which writes are meant: of this name (owner, key) and of this object (0: a module's global), by these tracks, by
    this call; None: of or by any.
    """

    name: tuple[str, str] | None = None
    object_id: int | None = None
    track_ids: Collection[int] | None = None
    call_id: int | None = None

    def rows_of(self, states: pa.Table) -> pa.Table:
        """Those of a table of states."""
        checks = []
        if self.name is not None:
            checks += [pc.equal(states["owner"], self.name[0]), pc.equal(states["key"], self.name[1])]
        if self.object_id is not None:
            checks.append(pc.equal(pc.fill_null(states["object_id"], 0), self.object_id))
        if self.track_ids is not None:
            wanted = pa.array(sorted(self.track_ids), pa.int32())
            checks.append(pc.is_in(states["writer_track_id"], wanted))
        if self.call_id is not None:
            checks.append(pc.equal(pc.fill_null(states["writer_call_id"], 0), self.call_id))
        return states.filter(reduce(pc.and_, checks)) if checks else states


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a value: `new` None: the name was deleted, `old` None: there was none. `call_id` 0: not known.

    `function`: that of the call, '' where it is not known. `changes`: how many it stands for.

    Units: ns on the session clock.
    """

    version_id: int
    time_ns: int
    object_id: int
    owner: str
    key: str
    old: str | None
    new: str | None
    track_id: int
    thread: str
    call_id: int
    function: str = ""
    changes: int = 1

    @property
    def cell(self) -> str:
        """What it is a version of, as people read it."""
        return f"{self.owner}.{self.key}" + (f" #{self.object_id}" if self.object_id else "")


def nearest_write(
    session: Session, wanted: WantedWrites, at: tuple[int, int | None], by: int, *, reads_on: ReadsOn = lambda: None
) -> Write | None:
    """The last (-1) or the next (1) write beyond (an instant, the version that one is at there), None without one.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    time_ns, version_id = at
    for index in with_states(session, time_ns, by):
        reads_on()
        rows = wanted.rows_of(session.segment_table(index, "states", COLUMNS))
        times, ids = rows["time_ns"].to_numpy(), rows["version_id"].to_numpy()
        is_at = np.zeros(len(rows), np.bool_) if version_id is None else times == time_ns
        if by > 0:
            beyond = np.flatnonzero((times > time_ns) | (is_at & (ids > (version_id or 0))))
        else:
            beyond = np.flatnonzero((times < time_ns) | (is_at & (ids < (version_id or 0))))
        if len(beyond):
            order = beyond[np.lexsort((ids[beyond], times[beyond]))]
            return written(rows.slice(int(order[0 if by > 0 else -1]), 1), Definitions(session))[0]
    return None


def version_with_id(
    session: Session, version_id: int, near_ns: int, *, reads_on: ReadsOn = lambda: None
) -> Write | None:
    """The write that made a version, looked for from an instant outwards; None where it cannot be read."""
    at = row_of_version(session.pinned(), version_id, near_ns, reads_on)
    return None if at is None else written(at[1], Definitions(session))[0]


def row_of_version(session: Session, version_id: int, near_ns: int, reads_on: ReadsOn) -> tuple[int, pa.Table] | None:
    """(the segment that a version lies in, its row of states), looked for from an instant outwards."""
    forward, back = with_states(session, near_ns, 1), with_states(session, near_ns, -1)
    for index in dict.fromkeys(_in_turns(back, forward)):
        reads_on()
        states = session.segment_table(index, "states", COLUMNS)
        row = states.filter(pc.equal(states["version_id"], version_id))
        if len(row):
            return index, row.slice(0, 1)
    return None


def _in_turns(some: list[int], others: list[int]) -> Iterator[int]:
    for pair in zip_longest(some, others):
        yield from (index for index in pair if index is not None)


def writes_between(
    session: Session,
    range_ns: tuple[int, int],
    wanted: WantedWrites,
    names: Definitions,
    most: int,
    *,
    reads_on: ReadsOn = lambda: None,
) -> tuple[list[Write], int]:
    """(the first `most` of a stretch, how many more there are)."""
    found, more = list[Write](), 0
    for index in segments_of(session, *range_ns):
        if not _may_hold(session, index):
            continue
        reads_on()
        rows = wanted.rows_of(session.segment_table(index, "states", COLUMNS))
        inside = pc.and_(pc.greater_equal(rows["time_ns"], range_ns[0]), pc.less_equal(rows["time_ns"], range_ns[1]))
        rows = rows.filter(inside)
        found += written(rows.slice(0, most - len(found)), names)
        more += max(0, len(rows) - (most - len(found)))
    return found, more


def with_states(session: Session, time_ns: int, by: int) -> list[int]:
    """The segments in which something may have been written then or later, (-1) then or earlier; the nearest first."""
    rows = [index for index in session.with_rows if _may_hold(session, index)]
    if by > 0:
        return [index for index in rows if session.segments[index].end_ns >= time_ns]
    return rows[: bisect_right(rows, bisect_right(session.segments, time_ns, key=lambda one: one.start_ns))][::-1]


def written(rows: pa.Table, names: Definitions) -> list[Write]:
    """Rows of states as writes, as many as a page shows."""
    return [_write(row, names) for row in rows.to_pylist()]


def _write(row: dict[str, Any], names: Definitions) -> Write:
    track_id = row["writer_track_id"] or 0
    return Write(
        version_id=row["version_id"],
        time_ns=row["time_ns"],
        object_id=row["object_id"] or 0,
        owner=row["owner"],
        key=row["key"],
        old=row["old"],
        new=row["new"],
        track_id=track_id,
        thread=names.thread(track_id),
        call_id=row["writer_call_id"] or 0,
        changes=row["changes"] or 1,
    )


def _may_hold(session: Session, index: int) -> bool:
    return session.live or session.segments[index].file("states") is not None

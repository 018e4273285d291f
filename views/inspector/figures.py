"""What was counted for the inspector's pages: of a function, of a stretch of time, of its call tree. No Qt.

Each says what it is of; a page of something else does not show it.
"""

from __future__ import annotations

import msgspec

from dags.analyses.function_rows import FunctionRow

Path = tuple[int, ...]
"""A node of a call tree: its track, 0 where all are one, and the functions from the outermost call down to it."""
Stretch = tuple[int, int]


class Related(msgspec.Struct, frozen=True):
    """A thread, a caller or something that is called. `id` is that of its table, 0 where there is none."""

    id: int
    name: str
    calls: int
    total_ns: int


class FunctionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One function in `range_ns`, which is the picked stretch or, where `stretch_ns` is None, all that is recorded.

    `row`: None where it did not run. `bins`: (from_ns, below_ns, whole calls); `begun`: the calls begun in each of as
    many equal parts, none until they are counted. `untold`: calls that lie too deep to say who called them.
    """

    site_id: int
    stretch_ns: Stretch | None
    range_ns: Stretch
    row: FunctionRow | None
    bins: tuple[tuple[int, int, int], ...] = ()
    begun: tuple[int, ...] = ()
    threads: tuple[Related, ...] = ()
    callers: tuple[Related, ...] = ()
    callees: tuple[Related, ...] = ()
    untold: int = 0


class ThreadFigures(msgspec.Struct, frozen=True):
    """A thread in a stretch: how long it ran, and how long it was seen to wait inside of its calls."""

    track_id: int
    name: str
    calls: int
    busy_ns: int
    waited_ns: int


class RaisedThere(msgspec.Struct, frozen=True):
    """Exceptions of a type that came up in a function; `event_id`, `time_ns` and `track_id` are of the first one."""

    type: str
    function: str
    count: int
    event_id: int
    time_ns: int
    track_id: int


class StretchFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time. `by_own` and `by_total` are the first of its `functions`, by each order; `written`: (name,
    changes) and how many names more; `moved`: (metric, its value at the begin, at the end).
    """

    stretch_ns: Stretch
    calls: int
    cut: int
    errors: int
    functions: int
    by_own: tuple[FunctionRow, ...]
    by_total: tuple[FunctionRow, ...]
    threads: tuple[ThreadFigures, ...]
    exceptions: tuple[RaisedThere, ...]
    written: tuple[tuple[str, int], ...]
    moved: tuple[tuple[str, float | None, float], ...]


class TreeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a call tree. `has_more`: it called something, `is_open`: that follows; `left_out`: as many of its
    callees, those that took least, do not. `thread` is said of outermost calls where each thread has a tree.
    """

    path: Path
    level: int
    site_id: int
    name: str
    thread: str
    calls: int
    total_ns: int
    own_ns: int
    errors: int
    has_more: bool
    is_open: bool
    left_out: int = 0


class TreeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a call tree that are seen, with `toggled` those that are not as at first; `left_out`: as many more
    would be. `total_ns`: what the outermost calls took together.
    """

    stretch_ns: Stretch
    by_thread: bool
    toggled: frozenset[Path]
    rows: tuple[TreeRow, ...]
    left_out: int
    total_ns: int

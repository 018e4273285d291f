"""A value that a thread wrote back from before another thread's write: what that one changed is gone.

Of values only the writes are recorded, so that what a thread read must follow from what it wrote. It does where the
thread changes a value by the same step most of the time (a counter, a delivery): a write that is not that step from
the value it replaced, but exactly that step from an older one that only other threads have replaced since, was made
from the older one. Nothing is claimed of threads whose steps vary, of values that are no numbers, or of writes of which
only some were recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

from capture.events.definitions import SiteRow
from capture.session.query import query
from capture.session.session import Session
from dags.analyses.track_titles import track_titles
from dags.detectors.finding import Finding
from dags.detectors.stoppable import stoppable, stoppable_rows

LEAST_STEPS = 5
LEAST_AT_ONCE = 3
LEAST_SHARE = 0.9
"""So much of what a thread writes must be the same step from a value that it may have read."""
MOST_BETWEEN = 64
MOST_ROWS = 200_000
"""Writes of names that several threads write are looked at one by one, a million in some four seconds."""
MOST_EVENTS = 16
MOST_CALLERS = 8

_WRITES = """
WITH shared AS (
    SELECT object_id, owner, key FROM states
    WHERE time_ns BETWEEN {start} AND {end} AND new IS NOT NULL
    GROUP BY ALL
    HAVING count(DISTINCT writer_track_id) > 1 AND max(changes) = 1
       AND bool_and(TRY_CAST(new AS DOUBLE) IS NOT NULL) AND count(*) FILTER (writer_track_id IS NULL) <= 1
)
SELECT states.object_id, states.owner, states.key, time_ns, writer_track_id AS track_id,
       TRY_CAST(new AS DOUBLE) AS value, writer_call_id AS call_id
FROM states JOIN shared
  ON shared.object_id IS NOT DISTINCT FROM states.object_id AND shared.owner = states.owner AND shared.key = states.key
WHERE time_ns BETWEEN {start} AND {end} AND new IS NOT NULL
ORDER BY states.owner, states.key, states.object_id, version_id
LIMIT {most}
"""
_CALL = "SELECT site_id, parent_call_id, start_ns FROM calls WHERE call_id = {call_id}"
_PROOF = """
SELECT event_id FROM events WHERE kind = 'state' AND time_ns IN ({times}) ORDER BY event_id LIMIT {most}
"""


class Lost:
    """Writes of one name that went back to before another thread's, by the thread that made them."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []
        self.over: list[dict[str, Any]] = []


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """One finding for each name and the thread that overwrote what others wrote, of the first MOST_ROWS writes by name.

    Raises: as `capture.session.query.query`.
    """
    rows = stoppable_rows(session, _WRITES.format(start=range_ns[0], end=range_ns[1], most=MOST_ROWS))
    together: dict[tuple[str, str, int], Lost] = {}
    for (owner, key), of_name in groupby(rows, key=lambda row: (row["owner"], row["key"])):
        cells = [list(cell) for _, cell in groupby(of_name, key=lambda row: row["object_id"])]
        steps = usual_steps(cells, session.reads_on)
        for cell in cells:
            for at, over in overwriting(cell, steps, session.reads_on):
                lost = together.setdefault((owner, key, cell[at]["track_id"]), Lost())
                lost.writes.append(cell[at])
                lost.over += over
    names = track_titles(session.tracks())
    return [
        _finding(session, f"{owner}.{key}", names, track_id, lost) for (owner, key, track_id), lost in together.items()
    ]


def usual_steps(cells: list[list[dict[str, Any]]], reads_on: Callable[[], None] = lambda: None) -> dict[int, float]:
    """By thread the step by which it changes values of a name, where nearly all that it writes is that step from the
    value before, or from one that only others have replaced.

    >>> def writes(track, *values): return [{"track_id": track, "value": value} for value in values]
    >>> usual_steps([writes(1, 0, 1, 2, 3, 4, 5), writes(2, 0, 7, 9, 20, 21, 25)])
    {1: 1}
    """
    explained: dict[int, Counter[float]] = {}
    at_once: dict[int, Counter[float]] = {}
    writes: Counter[int] = Counter()
    for cell in cells:
        for at in stoppable(range(1, len(cell)), reads_on):
            track_id = cell[at]["track_id"]
            if track_id is not None:
                writes[track_id] += 1
                bases = [cell[base]["value"] for base in may_have_read(cell, at)]
                explained.setdefault(track_id, Counter()).update({cell[at]["value"] - base for base in bases})
                at_once.setdefault(track_id, Counter())[cell[at]["value"] - bases[0]] += 1
    steps = {}
    for track_id, counted in at_once.items():
        step, times = counted.most_common(1)[0]
        all_told = explained[track_id][step]
        if step and times >= LEAST_AT_ONCE and all_told >= max(LEAST_STEPS, LEAST_SHARE * writes[track_id]):
            steps[track_id] = step
    return steps


def may_have_read(cell: list[dict[str, Any]], at: int) -> list[int]:
    """The rows whose value a thread may have changed in its write: the one before, and older ones up to its own last.

    >>> may_have_read([{"track_id": track} for track in (1, 1, 2, 3, 1)], 4)
    [3, 2, 1]
    """
    found = [at - 1]
    while (
        found[-1] > 0 and len(found) < MOST_BETWEEN and cell[found[-1]]["track_id"] not in (cell[at]["track_id"], None)
    ):
        found.append(found[-1] - 1)
    return found


def overwriting(
    cell: list[dict[str, Any]], steps: dict[int, float], reads_on: Callable[[], None] = lambda: None
) -> list[tuple[int, list[dict[str, Any]]]]:
    """(the row of a write that was made from an older value, the writes of others that are gone with it).

    >>> cell = [{"track_id": track, "value": value} for track, value in ((1, 10), (2, 9), (1, 60), (2, 59), (1, 109))]
    >>> [(at, [row["value"] for row in over]) for at, over in overwriting(cell, {1: 50})]
    [(2, [9])]
    """
    found = []
    for at in stoppable(range(1, len(cell)), reads_on):
        step = steps.get(cell[at]["track_id"])
        if step is None or cell[at]["value"] - cell[at - 1]["value"] == step:
            continue
        base = next((row for row in may_have_read(cell, at) if cell[row]["value"] + step == cell[at]["value"]), None)
        if base is not None:
            found.append((at, cell[base + 1 : at]))
    return found


def _finding(session: Session, name: str, names: dict[int, str], track_id: int, lost: Lost) -> Finding:
    site = _reader(session, lost.writes[0]["call_id"], lost.over[0]["time_ns"])
    times = sorted({row["time_ns"] for row in [*lost.over[:MOST_EVENTS], *lost.writes[:MOST_EVENTS]]})
    proof = query(session, _PROOF.format(times=", ".join(map(str, times)), most=MOST_EVENTS)).to_pylist()
    others = sorted({names.get(row["track_id"], "?") for row in lost.over})
    return Finding(
        kind="lost-update",
        sentence=_sentence(name, names.get(track_id, "?"), others, len(lost.writes), lost),
        score=round(1 - 1 / (2 + len(lost.over)), 3),
        function=site.function if site else "",
        file=site.file if site else "",
        line=site.line if site else 0,
        event_ids=[row["event_id"] for row in proof],
    )


def _reader(session: Session, call_id: int | None, over_ns: int) -> SiteRow | None:
    """The function that wrote, or the nearest of its callers that had begun when the value was written that it did not
    see; of calls that are still open it is not known.
    """
    for _ in range(MOST_CALLERS):
        found = query(session, _CALL.format(call_id=call_id)).to_pylist() if call_id else []
        if not found:
            break
        if found[0]["start_ns"] < over_ns:
            return next((row for row in session.sites() if row.site_id == found[0]["site_id"]), None)
        call_id = found[0]["parent_call_id"]
    return None


def _sentence(name: str, writer: str, others: list[str], times: int, lost: Lost) -> str:
    gone = len(lost.over)
    first, over = lost.writes[0], lost.over[0]
    whom = others[0] if len(others) == 1 else f"{len(others)} threads"
    again = f"{times} times" if times > 1 else "once"
    are = "writes are" if gone > 1 else "write is"
    return (
        f"{writer} wrote {name} {again} from a value that was older than what {whom} had written: "
        f"{gone} {are} lost, the first when {first['value']:g} replaced {over['value']:g}."
    )

"""A function that fails each time, and a caller that goes on: a loop that gets nothing done, and tells nobody.

Within one call of the caller the same function raises ten times in a row or more, never returns in between, and the
caller itself does not raise: whatever it was told, it passed over. What looks alike and is right:
- a retry that works at last, or gives up and raises;
- methods of protocols, to which raising is an answer (`__getattr__`, `__next__`);
- tasks that are cancelled, and whatever else ends as it was asked to;
- tries of different functions, one after the other.

A coroutine that waits in between is a call anew each time, so that what it passes over is not found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from capture.session.eventtable import integers, one_array
from capture.session.query import query
from capture.session.session import Session
from dags.analyses.function_statistics import segments_of
from dags.detectors.finding import Finding
from dags.detectors.stoppable import stoppable_rows

LEAST_IN_A_ROW = 10
MOST_EVENTS = 16
ANSWERS = frozenset(
    f"builtins.{name}"
    for name in ("StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt", "SystemExit")
) | {"asyncio.exceptions.CancelledError"}
"""Exceptions by which loops, generators, tasks and programs end as they were asked to."""

_FAILED = ("parent_call_id", "site_id", "end_ns", "outcome")
_RUNS = """
WITH raised AS (
    SELECT parent_call_id, site_id FROM calls
    WHERE outcome = 'raise' AND parent_call_id IS NOT NULL AND end_ns BETWEEN {start} AND {end}
    GROUP BY ALL HAVING count(*) >= {least}
),
numbered AS (
    SELECT calls.*, sum(CASE WHEN outcome = 'raise' THEN 0 ELSE 1 END)
                    OVER (PARTITION BY parent_call_id, site_id ORDER BY call_id) AS run
    FROM calls SEMI JOIN raised USING (parent_call_id, site_id)
    WHERE outcome <> 'open' AND end_ns BETWEEN {start} AND {end}
),
runs AS (
    SELECT parent_call_id, site_id, count(*) AS times, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
           any_value(track_id) AS track_id, list(end_ns ORDER BY call_id)[:{most}] AS ends
    FROM numbered WHERE outcome = 'raise' GROUP BY parent_call_id, site_id, run HAVING count(*) >= {least}
)
SELECT runs.*, callers.site_id AS caller_id
FROM runs LEFT JOIN calls AS callers ON callers.call_id = runs.parent_call_id
WHERE coalesce(callers.outcome, 'open') <> 'raise'
ORDER BY runs.start_ns
"""
_PROOF = """
SELECT event_id, value FROM events
WHERE kind = 'unwind' AND track_id = {track_id} AND site_id = {site_id} AND time_ns IN ({times})
ORDER BY event_id LIMIT {most}
"""


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """One finding for each function and the caller that passes its failures over.

    Raises: as `capture.session.query.query`.
    """
    if not _is_any_often(session, range_ns):
        return []
    sites = {row.site_id: row for row in session.sites()}
    rows = stoppable_rows(
        session, _RUNS.format(start=range_ns[0], end=range_ns[1], least=LEAST_IN_A_ROW, most=MOST_EVENTS)
    )
    together: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["site_id"], row["caller_id"]), []).append(row)
    found = []
    for (site_id, caller_id), runs in together.items():
        site, caller = sites.get(site_id), sites.get(caller_id)
        if site is None or is_protocol(site.function):
            continue
        worst = max(runs, key=lambda row: int(row["times"]))
        ends = ", ".join(map(str, worst["ends"]))
        where = {"track_id": worst["track_id"], "site_id": site_id, "times": ends, "most": MOST_EVENTS}
        proof = query(session, _PROOF.format(**where)).to_pylist()
        if proof and all(row["value"] in ANSWERS for row in proof):
            continue
        found.append(
            Finding(
                kind="keeps-failing",
                sentence=_sentence(site.function, caller.function if caller else "", worst["times"], len(runs), proof),
                score=round(1 - LEAST_IN_A_ROW / (LEAST_IN_A_ROW + worst["times"]), 3),
                function=site.function,
                file=site.file,
                line=site.line,
                event_ids=[row["event_id"] for row in proof],
            )
        )
    return found


def _is_any_often(session: Session, range_ns: tuple[int, int]) -> bool:
    """Whether any function failed so often in a call: mostly none did, and SQL would read all calls twice to say so."""
    parents, sites = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    session = session.pinned()
    for index in segments_of(session, *range_ns):
        table = session.calls(index, _FAILED)
        outcomes = one_array(table["outcome"])
        raised = np.flatnonzero(np.asarray(outcomes.indices.fill_null(-1)) == _code_of(outcomes, "raise"))
        parent, site, end_ns = (integers(one_array(table[name]), np.int64)[raised] for name in _FAILED[:-1])
        chosen = (parent > 0) & (end_ns >= range_ns[0]) & (end_ns <= range_ns[1])
        parents.append(parent[chosen])
        sites.append(site[chosen])
    pairs = np.stack([np.concatenate(parents), np.concatenate(sites)])
    return bool((np.unique(pairs, axis=1, return_counts=True)[1] >= LEAST_IN_A_ROW).any())


def _code_of(words: pa.DictionaryArray, word: str) -> int:
    """Its place in the dictionary, -2 where no row has it."""
    there: list[str] = words.dictionary.to_pylist()
    return there.index(word) if word in there else -2


def is_protocol(function: str) -> bool:
    """Whether raising is how it says that there is nothing.

    >>> is_protocol("Proxy.__getattr__"), is_protocol("Shop.__order"), is_protocol("fetch")
    (True, False, False)
    """
    name = function.rpartition(".")[2]
    return name.startswith("__") and name.endswith("__")


def _sentence(function: str, caller: str, times: int, runs: int, proof: list[dict[str, Any]]) -> str:
    """What happened.

    >>> _sentence("fetch", "poll", 40, 2, [{"event_id": 7, "value": "builtins.OSError"}])
    'poll called fetch 40 times in a row, each call raised OSError, and poll went on; so in 2 of its calls or loops.'
    """
    who = caller or "the caller"
    types = {str(row["value"]).removeprefix("builtins.") for row in proof if row["value"]}
    what = f" {types.pop()}" if len(types) == 1 else ""
    again = f"; so in {runs} of its calls or loops" if runs > 1 else ""
    return f"{who} called {function} {times} times in a row, each call raised{what}, and {who} went on{again}."

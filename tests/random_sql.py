"""Statements over a session's tables that nobody has written: joins, windows, groups, filters of texts, parts of rows.

What they answer is one and the same whatever reads the rows: all that orders, numbers or cuts rows goes by keys.
"""

from __future__ import annotations

import random
from collections.abc import Callable

KEYS = {"events": "event_id", "calls": "call_id", "states": "version_id", "sites": "site_id", "tracks": "track_id"}
TIMES = {"events": "time_ns", "calls": "start_ns", "states": "time_ns", "waits": "start_ns", "metrics": "time_ns"}
NUMBERS = {
    "events": ["time_ns", "track_id", "site_id", "object_id", "ref", "flags"],
    "calls": ["start_ns", "end_ns", "end_ns - start_ns", "depth", "site_id", "parent_call_id"],
    "states": ["time_ns", "length(old)", "length(new)", "changes", "writer_call_id"],
    "waits": ["start_ns", "end_ns - start_ns", "track_id", "holder_track_id"],
    "metrics": ["time_ns", "value", "process_id"],
    "edges": ["cause_event_id", "effect_event_id"],
    "sites": ["line", "length(file)"],
    "tracks": ["os_id", "start_ns", "end_ns"],
}
WORDS = {
    "events": ["kind", "track_id", "site_id", "value"],
    "calls": ["outcome", "track_id", "depth", "site_id"],
    "states": ["owner", "key", "new", "writer_track_id"],
    "waits": ["kind", "confidence", "track_id"],
    "metrics": ["name", "process_id"],
    "edges": ["kind"],
    "sites": ["function", "module", "file"],
    "tracks": ["kind", "name", "process_id"],
}
TEXTS = {
    "events": "value",
    "states": "new",
    "sites": "function",
    "tracks": "name",
    "metrics": "name",
    "waits": "kind",
}
PIECES = ("e", "r", "in", "Er", "7", "wor", ".", "<", "_", "lock", "1", "ß")
Make = Callable[[random.Random, int], str]


def statement(number: int, end_ns: int) -> str:
    """The statement of that number; `end_ns` is where the session ends."""
    chance = random.Random(number)
    return chance.choice(_KINDS)(chance, end_ns)


def _span(chance: random.Random, table: str, end_ns: int, alias: str = "") -> str:
    first, last = sorted(chance.randrange(end_ns + 1) for _ in range(2))
    return f"{alias}{TIMES[table]} BETWEEN {first} AND {last}"


def _filter(chance: random.Random, table: str, end_ns: int) -> str:
    made = ["true", "true", f"{chance.choice(NUMBERS[table])} IS NOT NULL", f"{chance.choice(WORDS[table])} IS NULL"]
    made += [f"{chance.choice(NUMBERS[table])} % {chance.randint(2, 7)} = {chance.randint(0, 3)}"]
    if table in TIMES:
        made += [_span(chance, table, end_ns)] * 3
    if table in TEXTS:
        piece, text = chance.choice(PIECES), TEXTS[table]
        made += [f"{text} LIKE '%{piece}%'", f"{text} ILIKE '{piece}%'", f"contains({text}, '{piece}')"]
        made += [f"regexp_matches({text}, '[{piece}]+.$')", f"starts_with({text}, '{piece}')"]
    return f" {chance.choice(('AND', 'OR', 'OR'))} ".join(
        f"({one})" for one in chance.sample(made, chance.randint(1, 2))
    )


def _groups(chance: random.Random, end_ns: int) -> str:
    table = chance.choice(sorted(WORDS))
    by = chance.sample(WORDS[table], min(len(WORDS[table]), chance.randint(1, 2)))
    number = chance.choice(NUMBERS[table])
    what = chance.choice(("min", "max", "count", "median"))
    having = chance.choice(("", f" HAVING count(*) > {chance.randint(1, 40)}"))
    return (
        f"SELECT {', '.join(by)}, count(*) AS n, count(DISTINCT {number}) AS d, {what}({number}) AS x FROM {table} "
        f"WHERE {_filter(chance, table, end_ns)} GROUP BY {', '.join(by)}{having} ORDER BY ALL"
    )


def _rows(chance: random.Random, end_ns: int) -> str:
    table = chance.choice(sorted(WORDS))
    cut = f"LIMIT {chance.randint(1, 90)} OFFSET {chance.choice((0, 0, chance.randint(1, 400)))}"
    order = f"{KEYS[table]} {chance.choice(('ASC', 'DESC'))}" if table in KEYS else "ALL"
    return f"SELECT * FROM {table} WHERE {_filter(chance, table, end_ns)} ORDER BY {order} {cut}"


def _join(chance: random.Random, end_ns: int) -> str:
    many = chance.choice(("calls", "events"))
    where = f"{_span(chance, many, end_ns, 'm.')} AND function LIKE '%{chance.choice(PIECES)}%'"
    kind = chance.choice(("JOIN", "LEFT JOIN"))
    return (
        f"SELECT function, t.name, count(*) AS n, min({KEYS[many]}) AS first, max(depth_or_flags) AS most FROM "
        f"(SELECT *, {'depth' if many == 'calls' else 'flags'} AS depth_or_flags FROM {many}) m "
        f"{kind} sites USING (site_id) {kind} tracks t USING (track_id) WHERE {where} "
        "GROUP BY ALL ORDER BY ALL"
    )


def _callers(chance: random.Random, end_ns: int) -> str:
    return (
        "SELECT f.function AS caller, g.function AS called, count(*) AS n, sum(c.end_ns - c.start_ns) AS ns "
        "FROM calls c JOIN calls p ON c.parent_call_id = p.call_id JOIN sites f ON p.site_id = f.site_id "
        f"JOIN sites g ON c.site_id = g.site_id WHERE c.depth > {chance.randint(0, 4)} "
        f"AND c.start_ns < {chance.randrange(end_ns + 1)} GROUP BY ALL ORDER BY ALL"
    )


def _window(chance: random.Random, end_ns: int) -> str:
    table = chance.choice(("events", "calls", "states"))
    key, time_ns = KEYS[table], TIMES[table]
    within = {"events": "track_id", "calls": "track_id, depth", "states": "owner, key"}[table]
    what = chance.choice((
        f"lag({time_ns}) OVER w", f"{time_ns} - first_value({time_ns}) OVER w", "row_number() OVER w",
        f"sum({time_ns}) OVER (w ROWS BETWEEN {chance.randint(1, 9)} PRECEDING AND CURRENT ROW)", "ntile(4) OVER w",
    ))  # fmt: skip
    return (
        f"SELECT {key}, {what} AS x FROM {table} WHERE {_filter(chance, table, end_ns)} "
        f"WINDOW w AS (PARTITION BY {within} ORDER BY {key}) ORDER BY {key} LIMIT {chance.randint(1, 200)}"
    )


def _sets(chance: random.Random, end_ns: int) -> str:
    verb = chance.choice(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
    one, other = chance.sample(("events", "calls"), 2)
    return (
        f"SELECT track_id, site_id FROM {one} WHERE {_span(chance, one, end_ns)} {verb} "
        f"SELECT track_id, site_id FROM {other} WHERE {_span(chance, other, end_ns)} ORDER BY ALL LIMIT 500"
    )


def _inside(chance: random.Random, end_ns: int) -> str:
    deep = f"SELECT 1 FROM calls c WHERE c.track_id = t.track_id AND c.depth >= {chance.randint(0, 6)}"
    return (
        f"WITH busy AS (SELECT track_id, count(*) AS n FROM events WHERE {_filter(chance, 'events', end_ns)} "
        f"GROUP BY ALL) SELECT t.*, n FROM tracks t LEFT JOIN busy USING (track_id) WHERE EXISTS ({deep}) ORDER BY 1"
    )


def _beside(chance: random.Random, end_ns: int) -> str:
    return (
        "SELECT e.event_id, e.kind, s.version_id, s.new FROM events e ASOF JOIN states s "
        f"ON e.time_ns >= s.time_ns WHERE {_span(chance, 'events', end_ns, 'e.')} "
        f"AND e.event_id % {chance.randint(3, 50)} = 0 "
        "AND s.version_id IN (SELECT max(version_id) FROM states GROUP BY time_ns) ORDER BY ALL LIMIT 300"
    )


def _chains(chance: random.Random, end_ns: int) -> str:
    return (
        "SELECT g.kind, a.kind AS cause, b.kind AS effect, count(*) AS n, min(b.time_ns - a.time_ns) AS ns "
        "FROM edges g JOIN events a ON a.event_id = cause_event_id JOIN events b ON b.event_id = effect_event_id "
        f"WHERE {_span(chance, 'events', end_ns, 'a.')} GROUP BY ALL ORDER BY ALL"
    )


_KINDS: tuple[Make, ...] = (
    _groups, _groups, _groups, _rows, _rows, _rows, _join, _callers, _window, _window, _sets, _inside, _beside, _chains,
)  # fmt: skip

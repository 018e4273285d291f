"""`scope-gui history`: what a value or a local variable held and who wrote it; the runs of a line and what they did."""

from __future__ import annotations

import argparse
import re

from capture.errors import SessionProblem
from capture.events.definitions import SiteRow, StateKeyRow
from capture.events.kinds import Kind
from capture.session.session import Session
from dags.correlate.open_rows import open_rows
from scope_gui.verbs.answers import answer, print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import format_flag, row_limit, session_flag
from scope_gui.verbs.stretch import MOST_NAMED, function_of

_VERSIONS = """
WITH versions AS (
    SELECT * FROM states WHERE owner = {owner} AND key = {key}{of_object} ORDER BY version_id {limit}
), writers AS (
    SELECT call_id, site_id FROM calls WHERE call_id IN (SELECT writer_call_id FROM versions)
)
SELECT version_id, time_ns, object_id, owner || '.' || key AS name, old, new, tracks.name AS thread,
       sites.function AS writer, writer_call_id AS call_id, changes
FROM versions LEFT JOIN tracks ON tracks.track_id = writer_track_id
     LEFT JOIN writers ON writers.call_id = writer_call_id LEFT JOIN sites USING (site_id)
ORDER BY version_id
"""

_CHANGES = """
WITH meant AS (SELECT call_id, site_id FROM calls WHERE site_id = {site}),
changes AS (
    SELECT time_ns, track_id, call_id, line, name, old, new FROM locals SEMI JOIN meant USING (call_id)
    WHERE name = {name} ORDER BY time_ns {limit}
)
SELECT time_ns, call_id, function || '.' || changes.name AS name, changes.line, old, new, tracks.name AS thread
FROM changes JOIN meant USING (call_id) JOIN sites USING (site_id) LEFT JOIN tracks USING (track_id)
ORDER BY time_ns
"""
_RUNS = """
WITH meant AS (SELECT call_id, site_id FROM calls WHERE site_id IN ({sites})),
runs AS (
    SELECT time_ns, track_id, call_id FROM lines SEMI JOIN meant USING (call_id)
    WHERE line = {line} ORDER BY time_ns {limit}
), told AS (
    SELECT call_id, time_ns, string_agg(name || coalesce(' = ' || new, ' deleted'), ', ') AS did
    FROM locals SEMI JOIN meant USING (call_id) WHERE line = {line} GROUP BY call_id, time_ns
), done AS (
    SELECT runs.call_id, runs.time_ns, told.did
    FROM told ASOF JOIN runs ON told.call_id = runs.call_id AND told.time_ns >= runs.time_ns
)
SELECT runs.time_ns, runs.call_id, function, did, tracks.name AS thread
FROM runs LEFT JOIN done ON done.call_id = runs.call_id AND done.time_ns = runs.time_ns
     JOIN meant ON meant.call_id = runs.call_id JOIN sites USING (site_id) LEFT JOIN tracks USING (track_id)
ORDER BY runs.time_ns
"""
_PLACE = re.compile(r"(.+):(\d{1,9})")


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which value."""
    session_flag(parser)
    parser.add_argument(
        "value",
        metavar="OWNER.KEY|FUNC.X|FILE:LINE",
        help="a name of a module or of a class, or the last part of one; a local variable of a function; a line",
    )
    parser.add_argument("--object", type=int, metavar="ID", help="only that of this object_id; 0: a module's")
    parser.add_argument("--limit", type=row_limit, default=1000, help="at most so many rows (default 1000; 0 = all)")
    format_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints them in the order in which they happened."""
    with opened(arguments.session) as session:
        limit = f"LIMIT {arguments.limit}" if arguments.limit else ""
        sql = _of_lines(session, arguments.value, limit)
        if sql is None:
            key = _key_of(session, arguments.value)
            of_object = "" if arguments.object is None else f" AND coalesce(object_id, 0) = {arguments.object}"
            sql = _VERSIONS.format(owner=_text(key.owner), key=_text(key.key), of_object=of_object, limit=limit)
        table = answer(session, sql, open_rows(session) if session.live else None, max_rows=0)
    print_table(table, arguments.format)
    return 0


def _of_lines(session: Session, text: str, limit: str) -> str | None:
    """What to ask of a line or a local variable; None where a value that lives on is meant. Raises: SessionProblem."""
    sees_lines = any(kind.word in session.manifest.kinds for kind in (Kind.LINE, Kind.LOCALS))
    if (place := _PLACE.fullmatch(text)) and (sites := _sites_of_file(session, place[1])):
        if not sees_lines:
            raise SessionProblem(f"{session.path} does not say which lines ran.", "`--lines PATTERN` records them.")
        return _RUNS.format(sites=", ".join(map(str, sites)), line=int(place[2]), limit=limit)
    function, _, name = text.rpartition(".")
    is_key = any(f".{row.owner}.{row.key}".endswith(f".{text}") for row in session.state_keys())
    if not sees_lines or is_key or not function or not any(_is_called(site, function) for site in session.sites()):
        return None
    return _CHANGES.format(site=function_of(session, function).site_id, name=_text(name), limit=limit)


def _is_called(site: SiteRow, name: str) -> bool:
    return f".{site.module}.{site.function}".endswith(f".{name}")


def _sites_of_file(session: Session, file: str) -> list[int]:
    """The functions of a file, by its path or the end of it."""
    return [site.site_id for site in session.sites() if f"/{site.file}".endswith(f"/{file.lstrip('/')}")]


def _key_of(session: Session, name: str) -> StateKeyRow:
    """The value that is meant. Raises: SessionProblem when there is none, or several that are meant as much."""
    keys = session.state_keys()
    found = [row for row in keys if f"{row.owner}.{row.key}" == name]
    found = found or [row for row in keys if f"{row.owner}.{row.key}".endswith(f".{name}")]
    if len({(row.owner, row.key) for row in found}) == 1:
        return found[0]
    named = [f"{row.owner}.{row.key}" for row in found or keys]
    some = ", ".join(named[:MOST_NAMED]) + (f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else "")
    if found:
        raise SessionProblem(f"{name!r} may be {len(found)} values: {some}.", "Name one as OWNER.KEY.")
    raise SessionProblem(
        f"No value {name!r} was recorded in {session.path}.", f"Some that were: {some}." if some else ""
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

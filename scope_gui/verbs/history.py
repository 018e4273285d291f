"""`scope-gui history`: the versions of a value: when, what, and who wrote each."""

from __future__ import annotations

import argparse

from capture.errors import SessionProblem
from capture.events.definitions import StateKeyRow
from capture.session.session import Session
from scope_gui.verbs.answers import answer, print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import format_flag, row_limit, session_flag
from scope_gui.verbs.stretch import MOST_NAMED

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


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which value."""
    session_flag(parser)
    parser.add_argument("value", metavar="OWNER.KEY", help="a name of a module or of a class, or the last part of one")
    parser.add_argument("--object", type=int, metavar="ID", help="only that of this object_id; 0: a module's")
    parser.add_argument(
        "--limit", type=row_limit, default=1000, help="at most so many versions (default 1000; 0 = all)"
    )
    format_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the versions in the order in which they were written."""
    with opened(arguments.session) as session:
        key = _key_of(session, arguments.value)
        of_object = "" if arguments.object is None else f" AND coalesce(object_id, 0) = {arguments.object}"
        limit = f"LIMIT {arguments.limit}" if arguments.limit else ""
        sql = _VERSIONS.format(owner=_text(key.owner), key=_text(key.key), of_object=of_object, limit=limit)
        table = answer(session, sql, max_rows=0)
    print_table(table, arguments.format)
    return 0


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

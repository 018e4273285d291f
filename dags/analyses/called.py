"""A call by its function, as a page names it and leads to it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pyarrow.compute as pc

from capture.events.definitions import SiteRow, TrackRow
from capture.session.session import Session
from dags.analyses.call_finder import FoundCall
from dags.analyses.detail import open_at_end
from dags.analyses.track_titles import track_titles

_ROW = ("call_id", "parent_call_id", "outcome", "depth", "arguments", "result", "call_line")


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its function.

    Units: ns on the session clock.
    """

    call_id: int
    track_id: int
    start_ns: int
    site_id: int
    function: str
    file: str = ""
    line: int = 0


class Definitions:
    """What ids stand for in a session, looked up once for a whole answer."""

    def __init__(self, session: Session) -> None:
        self._sites = {row.site_id: row for row in session.sites()}
        self._tracks = {row.track_id: row for row in session.tracks()}
        self._titles: dict[int, str] | None = None

    def site(self, site_id: int) -> SiteRow:
        """A site that is not known is called by its number."""
        return self._sites.get(site_id) or SiteRow(site_id, f"site {site_id}" if site_id else "?", "", "", 0)

    def track(self, track_id: int) -> TrackRow | None:
        """The track, None where it is not known."""
        return self._tracks.get(track_id)

    def thread(self, track_id: int) -> str:
        """What to call a track; '' for none."""
        if self._titles is None:
            self._titles = track_titles(self._tracks.values())
        return self._titles.get(track_id, f"track {track_id}") if track_id else ""

    def called(self, found: FoundCall) -> Called:
        """The call with its function."""
        site = self.site(found.site_id)
        return Called(
            call_id=found.call_id,
            track_id=found.track_id,
            start_ns=found.start_ns,
            site_id=site.site_id,
            function=site.function,
            file=site.file,
            line=site.line,
        )


class CallWith(msgspec.Struct, frozen=True, kw_only=True):
    """A call with what it was called with and gave, as text; None: not known."""

    call: FoundCall
    arguments: str | None
    result: str | None


class CallRow(NamedTuple):
    """How a call ended, how deep it is, the id of its caller and the line there (0: none, or not known), what it was
    given and gave.
    """

    outcome: str
    depth: int
    parent_call_id: int
    arguments: str | None = None
    result: str | None = None
    call_line: int = 0


def call_row(session: Session, found: FoundCall) -> CallRow:
    """The rest of a call's row, out of the segment that it ended in; of one that is open, from the stack at the end.

    Raises: SessionProblem.
    """
    if found.end_ns is not None:
        here = session.segment_at(found.end_ns) or 0
        for index in range(here, -1, -1):
            if session.segments[index].end_ns < found.end_ns:
                break
            row = _row_in(session, index, found.call_id)
            if row is not None:
                return row
        return CallRow("raise" if found.raised else "return", 0, 0)
    still = open_at_end(session, session.with_rows[-1])
    still = still[still["track_id"] == found.track_id]
    depth = int(still["depth"][still["call_id"] == found.call_id].max(initial=0))
    caller = still["call_id"][still["depth"] == depth - 1]
    row = _row_in(session, session.with_rows[-1], found.call_id)
    return CallRow("open", depth, int(caller[0]) if len(caller) else 0, row.arguments if row is not None else None)


def with_texts(session: Session, found: FoundCall) -> CallWith:
    """The call with its arguments and result. Raises: SessionProblem."""
    row = call_row(session, found)
    return CallWith(call=found, arguments=row.arguments, result=row.result)


def _row_in(session: Session, index: int, call_id: int) -> CallRow | None:
    """The row of a call in a segment, None where it has none."""
    table = session.calls(index, _ROW)
    rows = table.filter(pc.equal(table["call_id"], call_id)).to_pylist()
    if not rows:
        return None
    row = rows[0]
    return CallRow(
        row["outcome"], row["depth"], row["parent_call_id"] or 0, row["arguments"], row["result"], row["call_line"] or 0
    )

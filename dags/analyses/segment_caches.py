"""What is kept of a finished session's segments beside their keyframes: a row for each kind of cache.

`index`, `pack` and `verify` derive from it. To add one: a module with a function that works it out and keeps it, a row
here, its name in `capture.session.format.SegmentEntry` and in `capture/folder_names.py`, and a word in FORMAT.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from capture.named import named
from capture.session.format import SegmentEntry
from capture.session.session import Session


class SegmentCache(NamedTuple):
    """One kind. `name`: the attribute of a SegmentEntry that says where it lies. The rest is "module:function".

    `read(session, index)` gives it, and keeps it where it was not kept. `kept(session, index)` are the bytes of one
    that a reader believes, None without one; `rebuilt(session, index)` those of one made anew, None where not all that
    it is made of could be read.
    """

    name: str
    says: str
    many: str
    read: str
    kept: str
    rebuilt: str

    def file(self, segment: SegmentEntry) -> str:
        """Where it lies."""
        return str(getattr(segment, self.name))

    def function(self, of: str) -> Callable[[Session, int], Any]:
        """One of the three."""
        found: Callable[[Session, int], Any] = named(getattr(self, of))
        return found


SEGMENT_CACHES: tuple[SegmentCache, ...] = (
    SegmentCache(
        "detail_name",
        "level of detail",
        "levels of detail",
        "dags.analyses.detail:segment_detail",
        "dags.analyses.detail:kept_detail",
        "dags.analyses.detail:rebuilt_detail",
    ),
    SegmentCache(
        "calls_name",
        "summary of calls",
        "summaries of calls",
        "dags.analyses.call_summary:call_summary",
        "dags.analyses.call_summary:kept_summary",
        "dags.analyses.call_summary:rebuilt_summary",
    ),
)

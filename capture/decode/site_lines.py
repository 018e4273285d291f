"""Which lines the code of each site has, as targets tell it: several processes that run the same file say the same."""

from __future__ import annotations

from collections.abc import Iterable

from capture.events.definitions import SiteLinesRow
from capture.session.format import MAX_TABLE_ROWS


class SiteLines:
    """The rows, each once."""

    def __init__(self, rows: Iterable[SiteLinesRow] = ()) -> None:
        self.rows = list(rows)
        self._told = {(row.site_id, row.lines) for row in self.rows}

    def add(self, site_id: int, lines: str) -> None:
        """Takes in what a definition says; told again, it changes nothing."""
        told = (site_id, lines)
        if site_id and lines and told not in self._told and len(self.rows) < MAX_TABLE_ROWS:
            self._told.add(told)
            self.rows.append(SiteLinesRow(site_id=site_id, lines=lines))

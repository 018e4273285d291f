"""Functions with their names and figures, one by one, as a person or a program is told them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from capture.events.definitions import SiteRow
from dags.analyses.function_statistics import FunctionStatistics

NOT_CAPTURED = "not captured"


class FunctionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One function in a stretch of time; see `FunctionStatistics`. None where there is no whole call.

    Units: ns on the session clock.
    """

    site_id: int
    function: str
    module: str
    file: str
    line: int
    calls: int
    cut: int
    errors: int
    total_ns: int
    own_ns: int
    longest_ns: int
    longest_call_id: int
    longest_is_cut: bool
    shortest_ns: int | None
    median_ns: int | None
    p95_ns: int | None
    first_ns: int
    first_call_id: int
    last_ns: int
    last_call_id: int
    waited: str = NOT_CAPTURED


def function_rows(found: FunctionStatistics, sites: Mapping[int, SiteRow], rows: Iterable[int]) -> list[FunctionRow]:
    """Those rows, in that order. A site that the session does not know is called by its number."""
    told = []
    for row in rows:
        site_id = int(found.site_id[row])
        site = sites.get(site_id) or SiteRow(site_id, f"site {site_id}" if site_id else "?", "", "", 0)
        shortest_ns = int(found.shortest_ns[row])
        told.append(
            FunctionRow(
                site_id=site_id,
                function=site.function,
                module=site.module,
                file=site.file,
                line=site.line,
                calls=int(found.calls[row]),
                cut=int(found.cut[row]),
                errors=int(found.errors[row]),
                total_ns=int(found.total_ns[row]),
                own_ns=int(found.own_ns[row]),
                longest_ns=int(found.longest_ns[row]),
                longest_call_id=int(found.longest_call_id[row]),
                longest_is_cut=bool(found.longest_is_cut[row]),
                shortest_ns=None if shortest_ns < 0 else shortest_ns,
                median_ns=found.median_ns(row),
                p95_ns=found.quantile_ns(row, 0.95),
                first_ns=int(found.first_ns[row]),
                first_call_id=int(found.first_call_id[row]),
                last_ns=int(found.last_ns[row]),
                last_call_id=int(found.last_call_id[row]),
            )
        )
    return told

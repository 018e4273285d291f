"""Which lines of the functions that were called never ran while they were recorded."""

from __future__ import annotations

from collections.abc import Container

import msgspec
import numpy as np

from capture.session.session import Session


class FunctionLines(msgspec.Struct, frozen=True, kw_only=True):
    """One function. `lines`: how many it has; `never_run`: those of them that have not run, ascending."""

    site_id: int
    function: str
    module: str
    file: str
    line: int
    lines: int
    never_run: list[int]


def lines_never_run(session: Session, site_ids: Container[int] | None = None) -> list[FunctionLines]:
    """The functions whose lines are known, by file and line; None: all of them.

    A function that was not called while it was recorded is not there: nothing tells of it.
    """
    table = session.whole_table("never_run")
    assert table is not None
    sites = {site.site_id: site for site in session.sites()}
    of_site, line = (table[name].to_numpy() for name in ("site_id", "line"))
    is_left = table["first_run_ns"].is_null().to_numpy()
    distinct, starts = np.unique(of_site, return_index=True)
    found = []
    for site_id, start, stop in zip(distinct.tolist(), starts.tolist(), [*starts[1:].tolist(), len(line)], strict=True):
        site = sites.get(site_id)
        if site is None or (site_ids is not None and site_id not in site_ids):
            continue
        found.append(
            FunctionLines(
                site_id=site_id,
                function=site.function,
                module=site.module,
                file=site.file,
                line=site.line,
                lines=stop - start,
                never_run=line[start:stop][is_left[start:stop]].tolist(),
            )
        )
    return sorted(found, key=lambda one: (one.file, one.line, one.function))

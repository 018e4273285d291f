"""Buildings of a few threads and functions, made by hand. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capture.events.definitions import SiteRow
from dags.frame_parts import Frame
from tests.views.frames import SECOND_NS, calls_of, ended_call, frame, track
from views.building.layout import House, house
from views.building.state import BuildingState
from views.building.steady import Memory


def module_sites(*modules: str, each: int = 4) -> dict[int, SiteRow]:
    """Functions f1, f2, ..., so many of each module, by site id from 1."""
    names = [module for module in modules for _ in range(each)]
    return {
        at: SiteRow(site_id=at, function=f"f{at}", module=module, file=f"/srv/{module}.py", line=at)
        for at, module in enumerate(names, 1)
    }


def begun(count: int, track_id: int, site_id: int, first: int = 1, length_ns: int = 1) -> list[dict[str, Any]]:
    """So many calls of a function on a thread, one after the other."""
    return [
        ended_call(first + n, (first + n * length_ns, first + (n + 1) * length_ns), track_id, site_id, None)
        for n in range(count)
    ]


def of_rows(rows: list[dict[str, Any]], sites: Mapping[int, SiteRow], at: Frame | None = None, **shown: Any) -> House:
    """The building of these calls in a second; `memory` may be given."""
    given: dict[str, Any] = {name: shown.pop(name) for name in ("trend", "most_floors", "heat_by") if name in shown}
    memory = shown.pop("memory", None) or Memory()
    tracks = sorted({row["track_id"] for row in rows})
    at = at or frame(SECOND_NS, tracks=[track(one) for one in tracks])
    calls = calls_of(rows, at, at.time_ns - SECOND_NS, at.time_ns)
    return house(at, calls, sites, BuildingState(**shown), memory, **given)


def plan_of(threads: int, functions: int) -> House:
    """Every function has begun once on every thread."""
    rows = [
        ended_call(n * 1000 + m, (m, m + 5), n, m, None) for n in range(2, threads + 2) for m in range(1, functions + 1)
    ]
    return of_rows(rows, module_sites("one", "two", each=(functions + 1) // 2))

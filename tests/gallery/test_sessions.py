"""The sessions of the gallery hold what their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.session.session import Session
from tests.gallery.catalogue import SESSIONS
from tests.gallery.long import long_session
from tests.scope_command import query

SAYS = {
    "24 threads": (
        "SELECT count(DISTINCT track_id) AS n FROM calls JOIN tracks USING (track_id) WHERE name LIKE 'thumbnails%'",
        24,
    ),
    "500 threads": (
        "SELECT count(DISTINCT track_id) AS n FROM calls JOIN tracks USING (track_id) WHERE name LIKE 'job-%'",
        500,
    ),
    "recursion": (
        "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'Node.depth' AND depth = 3000",
        3,
    ),
    "asyncio": ("SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'Crawler.keep'", 389),
}


@pytest.mark.parametrize("name", SAYS)
def test_a_recorded_session_holds_what_its_name_says(name: str, tmp_path: Path) -> None:
    make = next(row.make for row in SESSIONS if row.name == name)
    assert make is not None
    sql, count = SAYS[name]
    [row] = query(make(tmp_path), sql)
    assert row["n"] == count


def test_a_long_session_has_as_many_events_as_wanted_on_twelve_threads(tmp_path: Path) -> None:
    with Session.open(long_session(tmp_path, 250_000)) as session:
        assert 250_000 <= session.manifest.counts.recorded < 400_000
        assert sum(row.kind == "thread" for row in session.tracks()) == 12
        assert len(session.segments) >= 1

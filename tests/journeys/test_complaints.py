"""What people ask for in the trackers of other viewers of traces, done by keys in this window.

Several threads on one screen (speedscope 117), next and previous call of a function (tracy 1138), zoom in and out
(viztracer 258), a stretch by keyboard, with statistics (firefox 1613), time between marks (perfetto 832), step by time
(rerun 7526), scale inside the program (tracy 236), pin a lane (perfetto 281), jump to the peak (memray 954).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gallery.catalogue import SESSIONS
from tests.journeys.test_jobs import SCREEN
from tests.scope_command import query


def test_what_is_missed_elsewhere_is_a_key_away(play: Any, tmp_path: Path, new_display: Callable[..., str]) -> None:
    make = next(row.make for row in SESSIONS if row.name == "24 threads")
    assert make is not None
    session = make(tmp_path)
    starts = query(
        session,
        "SELECT start_ns FROM calls JOIN sites USING (site_id) WHERE function = 'load' ORDER BY start_ns, call_id",
    )
    peak = query(session, "SELECT time_ns FROM metrics WHERE name = 'rss_bytes' ORDER BY value DESC, time_ns LIMIT 1")
    threads = query(session, "SELECT track_id FROM tracks WHERE kind = 'thread' ORDER BY track_id")
    given = {"function": "load", "peak_ns": peak[0]["time_ns"]}
    display = new_display("-screen", "0", SCREEN)
    seen = play("complaints", "open", session, "--at", "30%", given=given, env={"SCOPE_3D": "off", "DISPLAY": display})

    assert seen["mouse"] == {}
    assert seen["narrow"]
    assert len(seen["threads"]) >= len(threads) - 2
    times = [row["start_ns"] for row in starts]
    first, second, third, back = seen["calls"]
    at = times.index(first)
    assert [second, third, back] == [times[at + 1], times[at + 2], times[at + 1]]
    whole, half, quarter, again, all_of_it = seen["zoom"]
    assert abs(whole / half - 2) < 0.1
    assert abs(half / quarter - 2) < 0.1
    assert abs(again - half) < whole / 100
    assert all_of_it == whole
    before, after, width = seen["step in time"]
    assert abs((after - before) - width / 100) < width / 1_000
    apart, said = seen["between"]
    assert abs(apart - 5 * width / 100) < width / 200
    assert said.startswith("Δ +")
    assert re.match(r"[1-9][\d\u202f]* of [1-9]\d* functions", seen["stretch"]["calls"])
    assert seen["scale"][0] == seen["scale"][2] == 100 < seen["scale"][1]
    assert seen["pinned"] == [True, False]

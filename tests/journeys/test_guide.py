"""The guide's first page is true: whoever follows it to the letter finds the three bugs it speaks of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scope_gui.recording.demo import SETTINGS
from tests.interpreters import ROOT
from tests.scope_command import query, scope

SECONDS = 8


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo as the window records it."""
    session = tmp_path / "demo.scope"
    program = [sys.executable, "-m", "orders", "--seconds", SECONDS]
    scope("run", "--no-window", "-o", session, *SETTINGS.words(), "--", *program, cwd=ROOT / "resources" / "demo")
    return session


def test_whoever_follows_the_first_page_finds_what_it_speaks_of(play: Any, demo: Path) -> None:
    seen = play("first page of the guide", "open", demo, env={"SCOPE_3D": "off"})
    assert seen["mouse"] == {}
    assert seen["pages"] == ["timeline", "building"]
    assert seen["left_out"] == "Record it"
    slow, lost, raised, kept = (seen["steps"][heading] for heading in _HEADINGS)

    sql = "SELECT call_id, start_ns, end_ns FROM calls JOIN sites USING (site_id)"
    sql += " WHERE function = 'FraudCheck.looks_plausible' ORDER BY end_ns - start_ns DESC LIMIT 1"
    [call] = query(demo, sql)
    assert slow[1]["picked"] == ["call", call["call_id"]]
    assert slow[1]["cursor_ns"] == call["start_ns"]
    visible_ns = slow[1]["visible_ns"]
    assert visible_ns[0] <= call["start_ns"] < call["end_ns"] <= visible_ns[1]
    assert visible_ns[1] - visible_ns[0] < 3 * (call["end_ns"] - call["start_ns"])

    written = {row["time_ns"] for row in query(demo, "SELECT time_ns FROM states WHERE key = 'units'")}
    assert {step["cursor_ns"] for step in lost} <= written

    # Some exceptions are raised in code that is left out, and come up where they leave a function that is not.
    rows = query(demo, "SELECT time_ns, value FROM events WHERE kind IN ('raise', 'unwind')")
    came_up = {(row["time_ns"], row["value"]) for row in rows}
    assert raised[0]["cursor_ns"] in {time_ns for time_ns, _ in came_up}
    assert (raised[1]["cursor_ns"], "orders.model.PaymentDeclined") in came_up
    assert kept[0]["cursor_ns"] == raised[1]["cursor_ns"]
    assert seen["bookmarks"] == ["declined"]


_HEADINGS = ("The slow path", "The lost update", "The exceptions", "Keep it")

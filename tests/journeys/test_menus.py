"""Context menus in a real window: what the keyboard is at, what the mouse points at; a drag stays a drag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.interpreters import found
from tests.scope_command import query, run_recorded

PROGRAM = """
import time

def inner():
    time.sleep(0.4)

def outer():
    inner()

outer()
"""


def test_a_menu_is_opened_by_key_and_by_mouse_and_does_what_its_lines_say(play: Any, tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(PROGRAM)
    recorded = tmp_path / "calls.scope"
    run_recorded(recorded, [found()[-1].path, tmp_path / "calls.py"])
    sql = "SELECT call_id, function, calls.start_ns FROM calls JOIN sites USING (site_id)"
    calls = {row["function"]: row for row in query(recorded, sql)}
    amid_ns = calls["inner"]["start_ns"] + 200_000_000
    given = {"caller": calls["outer"]["call_id"]}
    seen = play("menus", "open", recorded, "--at", f"{amid_ns}ns", given=given, env={"SCOPE_3D": "off"})
    assert seen["called"] == calls["inner"]["call_id"]
    assert seen["by key"][0] == "Call inner"
    assert {"Fit what is picked | F", "Longest call of the picked function | Ctrl + F3"} <= set(seen["by key"])
    assert any(line.startswith("Thread MainThread") for line in seen["by key"])
    assert seen["after escape"] == [given["caller"], True]
    assert seen["on the ruler"][0].startswith("Moment ")
    assert "Mark this moment to compare with | M" in seen["on the ruler"]
    assert seen["marked"][0] == seen["marked"][1]
    assert seen["turned"] == [True, True]
    assert seen["copied"] == "MainThread"

"""Ten jobs by keys alone in a window of 1280 x 800: in how few actions is part of the promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import found
from tests.scope_command import query, run_recorded

AT_MOST = {
    "slowest call": 3,
    "next error": 1,
    "who changed this value": 2,
    "history of a value": 2,
    "the write before": 1,
    "a thread everywhere": 2,
    "the call at the cursor, large": 2,
    "compare with a mark": 2,
    "a note that is seen again": 3,
    "export": 2,
    "the same place again": 2,
}
SCREEN = "1362x851x24"
"""A window begins as 94 % of its screen."""
PROGRAM = """
import threading, time

class OutOfStock(Exception):
    pass

class Shelf:
    def __init__(self):
        self.pieces = 100

    def take(self, n):
        if n % 20 == 19:
            raise OutOfStock(n)
        self.pieces -= 1

def rest():
    time.sleep(0.25)

def work(shelf, number):
    for at in range(60):
        try:
            shelf.take(at)
        except OutOfStock:
            pass
        if at == 30 + number:
            rest()
        time.sleep(0.01)

shelf = Shelf()
workers = [threading.Thread(target=work, args=(shelf, n), name=f"worker-{n}") for n in range(3)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Three workers that take from one shelf, raise now and then, and rest once."""
    (tmp_path / "shop.py").write_text(PROGRAM)
    path = tmp_path / "shop.scope"
    run_recorded(path, [found()[-1].path, tmp_path / "shop.py"], "--state", "__main__.Shelf")
    return path


def test_ten_jobs_take_a_few_actions_each(play: Any, recorded: Path, new_display: Callable[..., str]) -> None:
    sql = "SELECT call_id, start_ns, end_ns, track_id FROM calls JOIN sites USING (site_id) WHERE function = 'rest'"
    rests = query(recorded, f"{sql} ORDER BY end_ns - start_ns DESC")
    names = {row["track_id"]: row["name"] for row in query(recorded, "SELECT track_id, name FROM tracks")}
    writes = query(
        recorded, "SELECT version_id, writer_track_id FROM states WHERE key = 'pieces' ORDER BY time_ns, version_id"
    )
    one = rests[0]
    given = {
        "thread": names[one["track_id"]],
        "value": "Shelf.pieces",
        "inside_ns": (one["start_ns"] + one["end_ns"]) // 2,
    }
    display = new_display("-screen", "0", SCREEN)
    seen = play("jobs", "open", recorded, "--at", "20%", given=given, env={"SCOPE_3D": "off", "DISPLAY": display})

    assert seen["mouse"] == {}
    assert seen["size"] == [1280, 800]
    actions = {job: seen[job]["actions"] for job in AT_MOST}
    assert {job: count for job, count in actions.items() if count > AT_MOST[job]} == {}

    assert seen["slowest call"]["call"] == one["call_id"]
    assert any("OutOfStock" in words for words in seen["next error"]["page"].values())
    by_version = {row["version_id"]: names[row["writer_track_id"]] for row in writes}
    changed = seen["who changed this value"]
    assert by_version[changed["version"]] in changed["writer"]
    assert "Shelf." in changed["writer"]
    versions, listed = list(by_version), seen["history of a value"]["versions"][::-1]
    first = versions.index(listed[0])
    assert len(listed) >= 5
    assert changed["version"] in listed
    assert listed == versions[first : first + len(listed)]
    assert seen["the write before"]["version"] == versions[versions.index(changed["version"]) - 1]
    thread = seen["a thread everywhere"]
    assert thread["lane"] == thread["picked"] == one["track_id"]
    assert thread["floor"] == given["thread"]
    assert thread["page"] == given["thread"]
    large = seen["the call at the cursor, large"]
    assert large["call"] == one["call_id"]
    first_ns, last_ns = large["visible_ns"]
    assert first_ns <= one["start_ns"] < one["end_ns"] <= last_ns
    assert one["end_ns"] - one["start_ns"] > (last_ns - first_ns) / 2
    assert seen["compare with a mark"]["first"] == "Compared with the marked moment"
    note = seen["a note that is seen again"]
    assert (note["cursor_ns"], note["listed"]) == (given["inside_ns"], True)
    assert seen["export"]["bytes"] > 10_000
    assert seen["the same place again"]["found"] == seen["the same place again"]["left"]

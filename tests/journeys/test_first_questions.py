"""From a fresh window the first questions are answered by a few keys: how many is part of the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capture.session.session import Session
from dags.analyses.exceptions_seen import exceptions_seen
from tests.scope_command import query

FLAGS = ("--state", "__main__.Stock")
PROGRAM = """
# Three workers, each of which fails once and rests once for a quarter of a second.
import threading, time

class OutOfStock(Exception):
    pass

def check(n):
    if n == 90:
        raise OutOfStock(n)

def rest():
    time.sleep(0.25)

def fails():
    raise OutOfStock(0)

def tries():
    for _ in range(15):
        try:
            fails()
        except OutOfStock:
            pass

class Stock:
    def __init__(self):
        self.units = 100

    def take(self):
        self.units -= 1

stock = Stock()

def work(n):
    tries()
    for at in range(100):
        try:
            check(at)
        except OutOfStock:
            pass
        if at == 50:
            rest()
        if at % 30 == 0:
            stock.take()
        time.sleep(0.02)

workers = [threading.Thread(target=work, args=(n,), name=f"worker-{n}") for n in range(3)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
"""


def test_the_slow_call_the_error_and_the_thread_are_a_few_keys_away(play: Any, recorded: Path) -> None:
    given = {"thread": "worker-2", "value": "Stock.units"}
    seen = play("first questions", "open", recorded, "--at", "20%", given=given, env={"SCOPE_3D": "off"})
    assert seen["mouse"] == {}
    sql = "SELECT call_id, start_ns FROM calls JOIN sites USING (site_id) WHERE function = 'rest'"
    sql += " ORDER BY end_ns - start_ns"
    rests = {row["call_id"]: row["start_ns"] for row in query(recorded, sql)}
    assert seen["slowest_line"] == "rest"
    assert seen["slowest"]["picked"][1] == list(rests)[-1]
    assert seen["slowest"]["actions"] <= 3
    kind, call_id = seen["slowest"]["picked"]
    assert (kind, seen["slowest"]["cursor"]) == ("call", rests[call_id])
    assert seen["said"].startswith("The longest call of rest took ")
    assert seen["escaped"] == [None, "Nothing is picked."]

    assert seen["error"]["actions"] <= 1
    assert seen["error"]["cursor"] > seen["error"]["from"]
    with Session.open(recorded) as session:
        tracks = {row.track_id: row.name for row in session.tracks()}
        seen_there = {
            one.first_event_id for one in exceptions_seen(session, (seen["error"]["from"] + 1, session.end_ns))
        }
    assert seen["error"]["picked"][1] in seen_there

    assert seen["finding"]["actions"] <= 1
    assert seen["finding"]["picked"] == ["event", seen["finding"]["events"][0]]
    assert seen["occurrence"] == ["event", seen["finding"]["events"][1]]
    assert "in a row" in " ".join(seen["chips"])

    assert seen["thread"]["actions"] <= 2
    assert tracks[seen["thread"]["picked"][1]] == "worker-2"
    assert seen["thread"]["focus"] == seen["thread"]["picked"][1]
    assert seen["entered"][0] == "call" or seen["entered"][1].startswith("No call runs")

    versions = query(recorded, "SELECT version_id, time_ns FROM states WHERE key = 'units' ORDER BY version_id")
    assert len(versions) == 1 + 3 * 4
    assert seen["history"]["actions"] <= 2
    kind, version = seen["history"]["picked"]
    assert (kind, seen["history"]["lines"]) == ("state", len(versions))
    assert seen["who"]["actions"] <= 2
    ids = [row["version_id"] for row in versions]
    before = ids.index(version) - 1
    assert seen["who"]["picked"] == ["state", ids[before]]
    assert seen["who"]["cursor"] == versions[before]["time_ns"]
    assert seen["who"]["writer"].startswith(("Stock.take on worker-", "Stock.__init__ on MainThread"))

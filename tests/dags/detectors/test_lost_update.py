"""Lost updates: as many as the program that loses them counts itself, and none where a lock keeps them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.scope_command import query, run_recorded, scope_json

PROGRAM = """
import sys, threading, time

class Stock:
    def __init__(self):
        self.units = 1000

class Shop:
    def __init__(self):
        self.stock, self.lock, self.taken, self.lost = Stock(), threading.Lock(), 0, 0

    def deliver(self, number):
        if IS_RIGHT:
            with self.lock:
                self.put(self.stock.units, 0)
        else:
            self.put(self.stock.units, number % 2)

    def put(self, before, orders):
        taken = self.taken
        while self.taken < taken + orders:  # one is sold meanwhile
            time.sleep(0.001)
        self.lost += self.taken - taken
        self.stock.units = before + 50

    def take(self, units):
        with self.lock:
            self.stock.units -= units
            self.taken += 1

shop, over = Shop(), threading.Event()

def sell():
    order = 0
    while not over.is_set():
        order += 1
        shop.take(order % 3 + 1)
        time.sleep(0.01)

def restock():
    for number in range(40):
        shop.deliver(number)
        time.sleep(0.01)
    over.set()

threads = [threading.Thread(target=work, name=work.__name__) for work in (sell, restock)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(shop.lost)
"""


def recorded(folder: Path, *, is_right: bool) -> tuple[Path, int]:
    """(a session of the program, how many writes it says were lost)."""
    (folder / "program.py").write_text(PROGRAM.replace("IS_RIGHT", str(is_right)))
    done = run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"], "--state", "__main__.Stock")
    return folder / "s.scope", int(done.stdout.splitlines()[-1])


def found(session: Path) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = scope_json("findings", session, "--kind", "lost-update", "--json")
    return said


def test_a_write_from_an_older_value_is_found_with_what_it_cost(tmp_path: Path) -> None:
    session, lost = recorded(tmp_path, is_right=False)
    assert lost >= 20
    [one] = found(session)
    assert one["sentence"].startswith("restock wrote __main__.Stock.units ")
    assert f"what sell had written: {lost} writes are lost" in one["sentence"]
    assert (one["function"], one["line"]) == (
        "Shop.put",
        PROGRAM.splitlines().index("    def put(self, before, orders):") + 1,
    )
    ids = ", ".join(map(str, one["event_ids"]))
    proof = query(session, f"SELECT DISTINCT kind, track_id FROM events WHERE event_id IN ({ids})")
    assert {row["kind"] for row in proof} == {"state"}
    assert len(proof) == 2


def test_nothing_is_found_where_a_lock_keeps_what_others_write(tmp_path: Path) -> None:
    session, lost = recorded(tmp_path, is_right=True)
    assert lost == 0
    writers = query(session, "SELECT count(DISTINCT writer_track_id) AS n FROM states WHERE key = 'units'")
    assert writers[0]["n"] >= 2
    assert found(session) == []

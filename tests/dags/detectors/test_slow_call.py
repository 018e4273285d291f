"""A call that is slow for its function: found where it is, not where the function, or the machine, is like that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.detectors.slow_call import find
from tests.dags.analyses.test_function_statistics import sealed
from tests.scope_command import query, run_recorded, scope_json
from tests.streams import Event

MS = 1_000_000
PROGRAM = """
import time

def ask(n):
    if IS_SLOW(n):
        time.sleep(0.2)
    return n

def check(n):
    return ask(n)

def pay():
    time.sleep(0.005)

def order(n):
    pay()
    return check(n)

for n in range(150):
    order(n)
"""


def found(folder: Path, is_slow: str) -> list[dict[str, Any]]:
    (folder / "program.py").write_text(PROGRAM.replace("IS_SLOW(n)", is_slow))
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"])
    said: list[dict[str, Any]] = scope_json("findings", folder / "s.scope", "--kind", "slow-call", "--json")
    return said


def test_a_slow_call_is_found_where_it_is_slow_and_not_in_its_callers(tmp_path: Path) -> None:
    [one] = found(tmp_path, "n in (70, 90)")
    assert (one["function"], one["line"]) == ("ask", 4)
    assert one["sentence"].startswith("ask took 2")
    assert one["sentence"].endswith("2 of its 150 calls were so slow.")
    ids = ", ".join(map(str, one["event_ids"]))
    proof = query(tmp_path / "s.scope", f"SELECT kind, time_ns FROM events WHERE event_id IN ({ids}) ORDER BY event_id")
    assert [row["kind"] for row in proof] == ["call", "return"]
    assert proof[1]["time_ns"] - proof[0]["time_ns"] >= 200 * MS


def test_a_function_that_is_often_slow_is_as_it_usually_is(tmp_path: Path) -> None:
    assert found(tmp_path, "n % 8 == 0") == []


def in_story(path: Path, lasts_ns: Callable[[int, int], int], beside: Sequence[Event] = ()) -> list[str]:
    """What is found where a function 1 calls 2 and 3 in turns; `lasts_ns(site, round)`: how long each takes."""
    events, now_ns = [Event(0, Kind.CALL, 1, 1)], 1000
    for number in range(400):
        for site in (2, 3):
            events.append(Event(now_ns, Kind.CALL, 1, site))
            now_ns += lasts_ns(site, number)
            events.append(Event(now_ns, Kind.RETURN, 1, site))
    events.append(Event(now_ns + 1000, Kind.RETURN, 1, 1))
    events = sorted([*events, *beside], key=lambda event: event.time_ns)
    with Session.open(sealed(path, events, [len(events) // 2], finish=True)) as session:
        found = find(session, (session.start_ns, session.end_ns))
    return [one.function for one in found]


def test_a_pause_of_the_machine_is_no_ones_fault(tmp_path: Path) -> None:
    """2 runs nearly all of the time, so that a pause is expected there; in 3 it is not, nor two of them."""
    usual = {2: MS, 3: 1000}
    assert in_story(tmp_path / "a", lambda site, n: 90 * MS if (site, n) == (2, 100) else usual[site]) == []
    assert in_story(tmp_path / "b", lambda site, n: 90 * MS if (site, n) == (3, 100) else usual[site]) == ["f3"]
    assert in_story(tmp_path / "d", lambda site, n: 40 * MS if (site, n) == (3, 100) else usual[site]) == []
    assert in_story(tmp_path / "e", lambda site, n: usual[site]) == []


def test_where_other_threads_went_on_the_machine_did_not_stand_still(tmp_path: Path) -> None:
    def lasts_ns(site: int, number: int) -> int:
        return 400 * MS if (site, number) == (2, 100) else {2: MS, 3: 1000}[site]

    clock = [Event(at * 10 * MS, Kind.CALL + 3 * (at % 2), 2, 4) for at in range(80)]  # another thread, all the while
    assert in_story(tmp_path / "alone", lasts_ns) == []
    assert in_story(tmp_path / "beside", lasts_ns, clock) == ["f2"]
    assert in_story(tmp_path / "before", lasts_ns, clock[:9]) == []

"""`top`, `calls`, `tree` and `summary`: what a program did with its time, from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from capture.session.session import Session
from tests.scope_command import query, run_recorded, scope, scope_here, scope_json
from tests.sessions import build_session, make_events, with_values, write_session

PROGRAM = """
import threading, time

class Shop:
    def order(self, n):
        if n % 4 == 0:
            raise LookupError(n)
        return price(n)

def price(n):
    return n * 2

def serve(orders):
    for n in range(orders):
        try:
            Shop().order(n)
        except LookupError:
            pass

def rest():
    time.sleep(0.05)

for name, orders in (("first", 40), ("second", 20)):
    thread = threading.Thread(target=serve, args=(orders,), name=name)
    thread.start()
    thread.join()
rest()
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "program.py").write_text(PROGRAM)
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"], "--values", "on")
    return folder / "s.scope"


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["function"]: row for row in rows}


def test_top_says_what_the_program_did(session: Path) -> None:
    found = by_name(scope_json("top", session, "--json")["functions"])
    assert {name: found[name]["calls"] for name in ("Shop.order", "price", "serve", "rest")} == {
        "Shop.order": 60,
        "price": 45,
        "serve": 2,
        "rest": 1,
    }
    assert found["Shop.order"]["errors"] == 15
    assert found["rest"]["own_ns"] >= 50_000_000
    assert found["rest"]["waited"] == "not captured"
    assert (
        scope_json("top", session, "--json", "--by", "longest", "--limit", "1")["functions"][0]["function"]
        == "<module>"
    )
    [worst] = scope_json("top", session, "--json", "--by", "errors")["functions"]
    assert worst["function"] == "Shop.order"
    one = by_name(scope_json("top", session, "--json", "--thread", "second")["functions"])
    assert (one["Shop.order"]["calls"], one["serve"]["calls"], "rest" in one) == (20, 1, False)


def test_a_stretch_cuts_what_lies_across_its_ends(session: Path) -> None:
    [rest] = query(session, "SELECT start_ns, end_ns FROM calls JOIN sites USING (site_id) WHERE function = 'rest'")
    start_ns, end_ns = rest["start_ns"] + 10_000_000, rest["start_ns"] + 30_000_000
    found = scope_json("top", session, "--json", "--range", f"{start_ns}ns..{end_ns}ns")
    assert found["range_ns"] == [start_ns, end_ns]
    told = by_name(found["functions"])["rest"]
    assert (told["calls"], told["cut"], told["total_ns"], told["median_ns"]) == (1, 1, 20_000_000, None)
    said = scope("top", session, "--range", f"{start_ns}ns..{end_ns}ns").stdout
    assert "1 *    20 ms" in said.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert said.endswith("* = not whole in this stretch: it began before, or goes on after\n")


def test_calls_says_how_long_they_took_and_which_were_slowest(session: Path) -> None:
    found = scope_json("calls", session, "order", "--slowest", "3", "--json")
    assert found["function"]["function"] == "Shop.order"
    assert sum(bucket["calls"] for bucket in found["durations"]) == 60
    rows = query(
        session,
        """SELECT call_id, end_ns - start_ns AS ns FROM calls JOIN sites USING (site_id)
           WHERE function = 'Shop.order' ORDER BY ns DESC, call_id LIMIT 3""",
    )
    assert [(one["call_id"], one["inside_ns"]) for one in found["slowest"]] == [
        (row["call_id"], row["ns"]) for row in rows
    ]
    said = scope("calls", session, "__main__.price").stdout
    assert "45 calls, 0 ended by an exception" in said
    assert "waited not captured" in said
    assert said.count("  at ") == 10
    assert "it did not run" in scope("calls", session, "rest", "--thread", "first").stdout


def test_a_function_that_may_be_several_is_asked_for_anew(session: Path) -> None:
    told = scope_here(["calls", str(session), "r"]).stderr
    assert "'r' may be " in told
    assert "Name one as MODULE.FUNCTION or FILE:LINE." in told
    line = PROGRAM.splitlines().index("def price(n):") + 1
    assert scope_json("calls", session, f"program.py:{line}", "--json")["function"]["function"] == "price"


def test_tree_says_who_called_whom(session: Path) -> None:
    nodes = scope_json("tree", session, "--json", "--least", "0", "--by-thread")["nodes"]
    chains: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
    for node in nodes:
        above = chains[node["parent"]][0] if node["parent"] >= 0 else (node["track_id"],)
        chains[node["node"]] = ((*above, node["function"]), node)
    with Session.open(session) as opened:
        names = {track.track_id: track.name for track in opened.tracks()}
    told = {(names[chain[0]], *chain[1:]): node for chain, node in chains.values()}
    assert told["MainThread", "<module>", "rest"]["total_ns"] >= 50_000_000
    for thread, orders in (("first", 40), ("second", 20)):
        [way] = [chain for chain in told if chain[0] == thread and chain[-1] == "Shop.order"]
        assert (told[way]["calls"], told[way]["errors"]) == (orders, orders // 4)
        assert told[(*way, "price")]["calls"] == orders * 3 // 4
    said = scope("tree", session).stdout
    assert said.index("<module>") < said.index("    rest")
    assert "more took less than 1 % of it" in said


def test_what_is_recorded_so_far_of_a_session_that_goes_on(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "live.scope", 2_000, 2, finish=False)
    said = scope("top", truth.path).stdout
    assert "; the recording goes on" in said
    assert scope_json("top", truth.path, "--json")["live"] is True


def test_calls_says_who_ran_and_called_it_and_what_it_calls(session: Path) -> None:
    found = scope_json("calls", session, "order", "--json")
    assert [(one["name"], one["calls"]) for one in found["callers"]] == [("serve", 60)]
    assert {one["name"]: one["calls"] for one in found["threads"]} == {"first": 40, "second": 20}
    assert [(one["name"], one["calls"]) for one in found["callees"]] == [("price", 45)]
    assert found["callers_not_told"] == 0
    said = scope("calls", session, "order").stdout
    assert [line for line in said.splitlines() if line.endswith(":")][-3:] == [
        "threads that ran it:",
        "called by:",
        "what it calls:",
    ]


def test_summary_says_what_a_stretch_came_to(session: Path) -> None:
    found = scope_json("summary", session, "--json", "--limit", "0")
    top = scope_json("top", session, "--json", "--limit", "0")
    assert found["functions"] == top["functions"]
    assert found["calls"] == sum(row["calls"] for row in top["functions"])
    threads = {one["name"]: one for one in found["threads"]}
    assert (threads["first"]["calls"], threads["second"]["calls"]) == (1 + 40 + 30, 1 + 20 + 15)
    assert [(one["function"], one["count"]) for one in found["exceptions"]] == [("Shop.order", 15)]
    [rest] = query(session, "SELECT start_ns, end_ns FROM calls JOIN sites USING (site_id) WHERE function = 'rest'")
    inside = f"{rest['start_ns'] + 1_000_000}ns..{rest['end_ns'] - 1_000_000}ns"
    said = scope("summary", session, "--range", inside).stdout.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "2 calls of 2 functions" in said
    assert "0 exceptions\n" in said
    assert "MainThread" in said


def test_calls_of_an_id_tells_one_call_as_its_page_does(session: Path) -> None:
    sql = "SELECT call_id, end_ns - start_ns AS ns FROM calls JOIN sites USING (site_id)"
    rows = query(session, f"{sql} WHERE function = 'serve' ORDER BY call_id")
    told = scope_json("calls", session, str(rows[0]["call_id"]), "--json")
    assert (told["call"]["function"], told["lasted_ns"], told["made_calls"]) == ("serve", rows[0]["ns"], 40)
    assert [(one["function"], one["calls"]) for one in told["callees"]] == [("Shop.order", 40)]
    assert told["among"]["calls"] == 2
    text = scope("calls", session, str(rows[0]["call_id"])).stdout
    assert "made 40 calls:" in text
    assert "40 x Shop.order, longest" in text
    failed = query(session, f"{sql} WHERE function = 'Shop.order' AND outcome = 'raise' ORDER BY call_id")
    assert "LookupError: 0, event " in scope("calls", session, str(failed[0]["call_id"])).stdout
    assert "There is no call 99999" in scope("calls", session, "99999", expect=1).stderr


def test_of_a_real_program_each_call_has_what_it_was_given_what_it_gave_and_what_left_it(session: Path) -> None:
    rows = query(
        session,
        """SELECT function, arguments, result, message FROM calls JOIN sites USING (site_id)
           LEFT JOIN exceptions ON exceptions.exception_id = calls.exception_id
           WHERE function IN ('Shop.order', 'price') ORDER BY calls.call_id""",
    )
    prices = [(row["arguments"], row["result"]) for row in rows if row["function"] == "price"]
    orders = [
        (row["arguments"].split(", n=")[1], row["result"], row["message"])
        for row in rows
        if row["function"] == "Shop.order"
    ]
    numbers = [n for orders_made in (40, 20) for n in range(orders_made)]
    assert prices == [(f"n={n}", str(2 * n)) for n in numbers if n % 4]
    assert orders == [(str(n), str(2 * n), None) if n % 4 else (str(n), None, str(n)) for n in numbers]
    found = scope_json("calls", session, "Shop.order", "--json", "--where", "n == 7")
    assert found["where"] == {"name": "n", "relation": "==", "text": "7", "calls": 2, "of_known": 60}
    at_ns = found["slowest"][0]["start_ns"]
    frame = scope_json("frame", session, "--at", f"{at_ns}ns", "--json")
    [stack] = [
        track["stack"] for track in frame["tracks"] if track["stack"][-1:] and "order" in str(track["stack"][-1])
    ]
    [order] = [call for call in stack if call["function"] == "Shop.order"]
    [serve] = [call for call in stack if call["function"] == "serve"]
    assert order["arguments"][1] == {"name": "n", "value": "7"}
    assert serve["arguments"] in ([{"name": "orders", "value": "40"}], [{"name": "orders", "value": "20"}])


def test_calls_say_what_they_were_called_with_and_only_some_are_asked_for(tmp_path: Path) -> None:
    batch, arguments, results = with_values(make_events(4_000, 2, seed=3)[0])
    path = write_session(tmp_path / "s.scope", batch, 5)
    told = scope_here(["calls", str(path), "parse", "--where", "qty == 7", "--slowest", "3"]).stdout.splitlines()
    at = next(row for row, line in enumerate(told) if "calls of which it is known: qty is 7; the slowest:" in line)
    assert all("(qty=7, name='a, b=" in line for line in told[at + 1 : at + 4])
    found = scope_json("calls", path, "parse", "--json", "--where", "return ~ é", "--slowest", "400")
    assert found["where"]["calls"] == found["where"]["of_known"] == len(found["slowest"]) > 50
    shown = {call["call_id"]: (call["arguments"], call["result"]) for call in found["slowest"]}
    assert shown == {call_id: (arguments.get(call_id), results[call_id]) for call_id in shown}
    one = next(call_id for call_id, (given, _) in shown.items() if given)
    said = scope_here(["calls", str(path), str(one)]).stdout
    assert f"\n  qty = {one % 50}\n  name = 'a, b={one}'\n" in said
    assert f"{results[one]}\n" in said
    assert "returned" in said or "yielded" in said
    nothing = scope_here(["calls", str(path), "parse", "--where", "qty == 99"]).stdout
    assert "0 of " in nothing
    without = write_session(tmp_path / "without.scope", make_events(400, 2, seed=3)[0], 1)
    told_nothing = scope_here(["calls", str(without), "parse", "--where", "qty == 7"]).stdout
    assert "what these calls were called with is not known\n" in told_nothing
    wrong = scope_here(["calls", str(path), "parse", "--where", "qty"])
    assert (wrong.returncode, "is no condition" in wrong.stderr) == (2, True)

"""What happened between two moments, by keys alone, is what the command line says of the same stretch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.interpreters import found
from tests.scope_command import run_recorded, scope_json

PROGRAM = """
import threading

def price(n):
    return n * 2

def order(n):
    return price(n) + price(n + 1)

def serve(orders):
    for n in range(orders):
        order(n)

for name, orders in (("first", 300), ("second", 200)):
    thread = threading.Thread(target=serve, args=(orders,), name=name)
    thread.start()
    thread.join()
"""


def test_a_stretch_and_a_function_of_it_are_summed_up_by_keys(play: Any, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(PROGRAM)
    recorded = tmp_path / "shop.scope"
    run_recorded(recorded, [found()[-1].path, tmp_path / "shop.py"])
    seen = play("stretch", "open", recorded, given={"function": "price"}, env={"SCOPE_3D": "off"})
    assert seen["mouse"] == {}
    assert seen["without a mark"] == "No moment is marked. M marks one, where the stretch begins."
    told = scope_json("summary", recorded, "--json", "--limit", "0")
    assert seen["stretch"] == told["range_ns"]
    assert plain(seen["calls"]).startswith(f"{told['calls']} of {len(told['functions'])} functions")
    counted = {row["function"]: str(row["calls"]) for row in told["functions"]}
    assert counted.items() >= {name: plain(count) for name, count in seen["by own"].items()}.items()
    assert {name: plain(count) for name, count in seen["threads"].items()}.items() >= {
        "first": "901",
        "second": "601",
    }.items()
    before, other, again = seen["lines"]
    assert before == again != other
    price = scope_json("calls", recorded, "price", "--json")
    assert seen["function"] == [1_000, 1_000, seen["stretch"]]
    assert price["function"]["calls"] == 1_000
    assert [[name, plain(count)] for name, count in seen["callers"]] == [["order", "1000"]]
    assert seen["escaped"] == [[True, False], [True, True], [True, True]]


def plain(figure: str) -> str:
    return figure.replace("\N{NARROW NO-BREAK SPACE}", "")

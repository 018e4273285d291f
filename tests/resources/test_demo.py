"""The order service tells the truth about itself, its planted bugs are really there, and it stops when told to."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.interpreters import ROOT, Interpreter, found
from tests.leftovers import wait_for
from tests.targets import Launcher, Target

DEMO = ROOT / "resources" / "demo"
Truth = dict[str, Any]


@pytest.fixture
def counters(tmp_path: Path) -> Path:
    return tmp_path / "truth.json"


def start_service(target: Launcher, interpreter: Interpreter, *options: str | Path) -> Target:
    return target([interpreter.path, "-m", "orders", *options], ready="orders: ready", cwd=DEMO)


def run_to_end(target: Launcher, interpreter: Interpreter, counters: Path, *options: str) -> Truth:
    """The service's last word after a run of its own length; it must have ended well."""
    service = start_service(target, interpreter, "--counters", counters, *options)
    assert service.wait(30) == 0, service.output()
    assert service.output().splitlines()[-1] == "orders: stopped"
    return read(counters)


def read(counters: Path) -> Truth:
    truth: Truth = json.loads(counters.read_text())
    return truth


def assert_consistent(truth: Truth) -> None:
    """Every order that came in went through every station once and ended in exactly one way."""
    orders, calls = truth["orders"], truth["calls"]
    ends = {name: count for name, count in orders.items() if name != "received"}
    assert truth["waiting"] == 0
    assert orders["received"] == sum(ends.values()) == calls["Service.handle"] == calls["FraudCheck.check"]
    assert calls["Payment.charge"] == orders["received"] - ends.get("SuspectOrder", 0)
    assert calls["Inventory.reserve"] == ends["shipped"] + ends.get("OutOfStock", 0)
    assert truth["invoices"] == {"written": ends["shipped"]}
    notifications = truth["notifications"]
    assert notifications["handed_over"] == orders["received"]
    assert notifications["handed_over"] == notifications["sent"] + notifications.get("given_up", 0)
    assert truth["stock"]["on_hand"] - truth["stock"]["expected"] == truth["stock"]["phantom"]


@pytest.mark.sampled
def test_counters_agree_and_the_planted_bugs_are_there_on_every_interpreter(
    target: Launcher, interpreter: Interpreter, counters: Path
) -> None:
    truth = run_to_end(target, interpreter, counters, "--seconds", "2", "--rate", "120")
    assert_consistent(truth)
    assert truth["audit"]["entries"] == truth["orders"]["received"] > 50  # a busy machine serves fewer
    assert truth["audit"]["characters"] == 8192 * truth["audit"]["entries"]
    assert truth["stock"]["phantom"] > truth["stock"]["lost_updates"] > 0
    assert truth["fraud"]["slow_checks"] >= truth["orders"]["SuspectOrder"] - 1 > 0
    assert truth["orders"]["PaymentDeclined"] > 0
    assert truth["payment"]["busy"] > 0


def test_mended_service_neither_leaks_nor_loses_updates(target: Launcher, counters: Path) -> None:
    truth = run_to_end(target, found()[0], counters, "--seconds", "2", "--rate", "120", "--mended")
    assert_consistent(truth)
    assert truth["stock"]["phantom"] == truth["stock"]["lost_updates"] == 0
    assert truth["audit"]["entries"] == 100 < truth["orders"]["received"]


def test_the_leak_grows_while_it_runs(target: Launcher, counters: Path) -> None:
    service = start_service(target, found()[-1], "--counters", counters, "--rate", "200")

    def entries_above(count: int) -> bool:
        return counters.exists() and read(counters)["audit"]["entries"] > count

    assert wait_for(lambda: entries_above(0), 20)
    first, first_rss = read(counters)["audit"], psutil.Process(service.pid).memory_info().rss
    assert wait_for(lambda: entries_above(first["entries"] + 400), 20)
    held = (read(counters)["audit"]["entries"] - first["entries"]) * 8192
    assert psutil.Process(service.pid).memory_info().rss - first_rss > held * 0.8
    assert service.end() == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=lambda sign: sign.name)
def test_a_signal_stops_it_cleanly_with_its_children(target: Launcher, counters: Path, sign: signal.Signals) -> None:
    service = start_service(target, found()[0], "--counters", counters)
    children = psutil.Process(service.pid).children(recursive=True)
    assert len(children) >= 2
    assert wait_for(lambda: counters.exists() and "shipped" in read(counters)["orders"], 20)
    assert service.end(sign) == 0, service.output()
    assert "Traceback" not in service.output()
    assert wait_for(lambda: not any(child.is_running() for child in children), 10)
    assert_consistent(read(counters))


def test_children_end_when_the_service_is_killed(target: Launcher) -> None:
    service = start_service(target, found()[-1])
    children = psutil.Process(service.pid).children(recursive=True)
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    assert wait_for(lambda: not any(child.is_running() for child in children), 10)


@pytest.mark.alone
def test_it_stays_below_a_third_of_a_core_at_its_default_rate(target: Launcher) -> None:
    service = start_service(target, found()[0])
    process = psutil.Process(service.pid)
    whole = [process, *process.children(recursive=True)]
    before, started = cpu_seconds(whole), time.monotonic()
    assert not wait_for(lambda: not service.alive, 4)  # one rush included
    assert (cpu_seconds(whole) - before) / (time.monotonic() - started) < 0.3


def cpu_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(spent.user + spent.system for spent in times))

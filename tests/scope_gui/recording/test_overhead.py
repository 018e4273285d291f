"""The overhead that the window shows: arithmetic on made-up looks, and a CPU-bound program timed with and without."""

from __future__ import annotations

import doctest
import subprocess
from pathlib import Path

import pytest

from scope_gui.recording import overhead
from scope_gui.recording.overhead import OverheadMeter, Prices, Spent, prices
from tests.interpreters import Interpreter
from tests.scope_command import run_recorded

# As a program would tell itself: CPU time of the same work, the best of three.
BUSY = """
import time

def step(x):
    return x + 1

def work():
    began = time.process_time()
    x = 0
    for i in range(400_000):
        x = step(x)
        x ^= i * i % 7
    return time.process_time() - began

work()
print(min(work() for _ in range(3)))
"""


def test_the_examples_hold() -> None:
    assert doctest.testmod(overhead).failed == 0


def test_without_a_measured_price_there_is_no_overhead() -> None:
    assert prices({}) is None
    assert prices({"agent_thread": 7}) is None
    assert prices({"agent_thread": 7, "loops": {}}) is None
    meter = OverheadMeter(None)
    meter.look(Spent(0.0, 0, 0.0))
    meter.look(Spent(1.0, 1000, 1.0))
    assert (meter.share, meter.whole_share) == (None, None)
    assert meter.events_per_s == 1000


def test_events_and_the_agents_own_time_are_shares_of_the_targets_cpu_time() -> None:
    meter = OverheadMeter(Prices(50e-9))
    meter.look(Spent(10.0, 0, 3.0, 0.0))
    assert meter.share is None
    meter.look(Spent(11.0, 1_000_000, 4.0, 0.01))
    assert meter.share == pytest.approx(0.05 + 0.01)
    assert meter.events_per_s == 1_000_000


def test_what_is_left_out_counts_at_its_own_price() -> None:
    loops = {
        "recorded_calls": [1000, 30_000, 80_000],
        "left_out_calls": [1000, 30_000, 50_000],
        "builtins": [1000, 10_000, 50_000],
        "left_out_raises": [100, 40_000, 70_000],
        "recorded_raises": [100, 40_000, 85_000],
        "new_functions": [10, 50_000, 250_000],
    }
    found = prices({"loops": loops})
    assert found is not None
    assert found.event_s == pytest.approx(25e-9)
    assert found.counts_s == pytest.approx((20e-9, 20e-9, 100e-9, 125e-9, 20e-6))
    meter = OverheadMeter(found)
    meter.look(Spent(0.0, 0, 0.0, 0.0, (1000, 0, 0, 0, 0)))
    meter.look(Spent(1.0, 1_000_000, 1.0, 0.0, (1_001_000, 0, 1_000_000, 0, 1000)))
    assert meter.share == pytest.approx(0.025 + 0.020 + 0.100 + 0.020)


def test_the_last_seconds_count_and_an_idle_program_is_judged_by_all_of_its_time() -> None:
    meter = OverheadMeter(Prices(50e-9))
    for second in range(10):
        meter.look(Spent(float(second), second * 100_000, float(second)))
    assert meter.share == pytest.approx(0.005)
    for second in range(10, 20):
        meter.look(Spent(float(second), 900_000 + (second - 9) * 1_000_000, float(second)))
    assert meter.share == pytest.approx(0.05)
    for second in range(20, 40):
        meter.look(Spent(float(second), 10_900_000, 19.0))
    assert meter.share == meter.whole_share == pytest.approx(10_900_000 * 50e-9 / 19)


@pytest.mark.alone
def test_it_is_near_what_a_busy_program_measures_itself(interpreter: Interpreter, tmp_path: Path) -> None:
    program = tmp_path / "busy.py"
    program.write_text(BUSY)
    bare_s = float(subprocess.run([interpreter.path, program], capture_output=True, text=True, check=True).stdout)
    done = run_recorded(tmp_path / "busy.scope", [interpreter.path, program], "--memory", "256")
    truth = 1 - bare_s / float(done.stdout)
    [line] = [line for line in done.stderr.splitlines() if "of the program's CPU time" in line]
    told = float(line.partition("about ")[2].partition("%")[0]) / 100
    assert truth / 3 < told < truth * 3, (truth, told)

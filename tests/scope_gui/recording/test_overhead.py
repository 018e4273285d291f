"""The overhead that the window shows: arithmetic on made-up looks (tests/faults/test_overhead.py has programs)."""

from __future__ import annotations

import pytest

from capture.drain.pool import Cost
from scope_gui.recording.overhead import COLD, MOST_COLD, OverheadMeter, Prices, SlowedTime, Spent, overhead_of, prices


def whole(meter: OverheadMeter) -> float:
    share = overhead_of([meter.taken])
    assert share is not None
    return share.whole


def counts(**by_name: int) -> tuple[int, ...]:
    return tuple(by_name.get(cost.name, 0) for cost in Cost)


def test_without_a_measured_price_there_is_no_overhead() -> None:
    assert prices({}) is None
    assert prices({"agent_thread": 7}) is None
    assert prices({"agent_thread": 7, "loops": {}}) is None
    meter = OverheadMeter(None)
    meter.look(Spent(0.0, 0, 0.0))
    meter.look(Spent(1.0, 1000, 1.0))
    assert (meter.taken, meter.taken_in_all) == (None, None)
    assert meter.events_per_s == 1000


def test_events_and_the_agents_own_time_are_shares_of_the_targets_cpu_time() -> None:
    meter = OverheadMeter(Prices(50e-9))
    meter.look(Spent(10.0, 0, 3.0, 0.0))
    assert meter.taken is None
    meter.look(Spent(11.0, 1_000_000, 4.0, 0.01))
    assert whole(meter) == pytest.approx(0.05 + 0.01)
    assert meter.events_per_s == 1_000_000


def test_what_is_left_out_counts_at_its_own_price() -> None:
    loops = {
        "recorded_calls": [1000, 30_000, 80_000],
        "left_out_calls": [1000, 30_000, 50_000],
        "builtins": [1000, 10_000, 50_000],
        "left_out_raises": [100, 40_000, 70_000],
        "recorded_raises": [100, 40_000, 85_000],
        "new_functions": [10, 50_000, 250_000],
        "resumes": [1000, 20_000, 60_000],
    }
    found = prices({"loops": loops})
    assert found is not None
    assert found.event_s == pytest.approx(25e-9)
    assert found.counts_s == pytest.approx(
        {
            Cost.LEFT_OUT_CALL: 20e-9,
            Cost.LEFT_OUT_HOOK: 20e-9,
            Cost.LEFT_OUT_RAISE: 280e-9 / 3,
            Cost.RAISE: 125e-9,
            Cost.FIRST_SIGHT: 20e-6,
            Cost.RESUME: -10e-9,
        }
    )
    meter = OverheadMeter(found)
    meter.look(Spent(0.0, 0, 0.0, 0.0, counts(LEFT_OUT_CALL=1000)))
    later = counts(LEFT_OUT_CALL=1_001_000, LEFT_OUT_RAISE=1_000_000, FIRST_SIGHT=1000, RESUME=500_000)
    meter.look(Spent(1.0, 1_000_000, 1.0, 0.0, later))
    assert whole(meter) == pytest.approx(0.025 + 0.020 + 0.280 / 3 + 0.020 - 0.005)
    share = overhead_of([meter.taken])
    assert share is not None
    assert share.left_out == pytest.approx(0.020 + 0.280 / 3)


def test_a_frame_that_an_exception_leaves_has_a_price_of_its_own_where_no_hook_sees_it_raised() -> None:
    """On 3.10 and 3.11: two events, call and unwind; what the loop takes beyond them is the unwinding."""
    loops = {
        "recorded_calls": [1000, 30_000, 90_000],
        "recorded_raises": [100, 40_000, 58_000],
        "instructions": [100, 30_000, 42_000],
    }
    found = prices({"loops": loops})
    assert found is not None
    assert found.event_s == pytest.approx(30e-9)
    assert found.counts_s[Cost.RAISE] == pytest.approx(120e-9)


def test_the_agents_own_start_is_part_of_what_recording_takes() -> None:
    """In a program of half a second it is a twentieth, and was left out."""
    meter = OverheadMeter(Prices(50e-9))
    meter.look(Spent(10.0, 0, 3.03, 0.03))
    meter.look(Spent(11.0, 1_000_000, 4.0, 0.04))
    assert whole(meter) == pytest.approx(0.05 + 0.04)


@pytest.mark.parametrize(
    ("ticks", "samples", "speed", "times"),
    [
        (60_000, 2000, 1, 1.0),  # 30 ticks, as in the loops
        (90_000, 2000, 1, 1 + 0.5 * COLD),
        (60_000, 2000, 1.44, 1.2),  # the processor is slower
        (400, 10, 1, 1.0),  # too few to say
        (2_000_000, 2000, 1, MOST_COLD),
    ],
)
def test_an_event_is_dearer_where_its_hook_takes_longer_than_in_the_loops(
    ticks: int, samples: int, speed: float, times: float
) -> None:
    meter = OverheadMeter(Prices(50e-9, yard_s=10e-6))
    meter.look(Spent(0.0, 0, 0.0, 0.0, counts(USUAL_TICKS=6000, USUAL_SAMPLES=200)))
    later = counts(
        YARD_NS=int(4 * 10_000 * speed),
        YARDS=4,
        SAMPLED_TICKS=ticks,
        SAMPLES=samples,
        USUAL_TICKS=6000,
        USUAL_SAMPLES=200,
    )
    meter.look(Spent(1.0, 1_000_000, 1.0, 0.0, later))
    assert whole(meter) == pytest.approx(0.05 * times)


def test_values_cost_what_hooks_that_tell_some_take_longer() -> None:
    """A quarter of the hooks that were timed told values, and took 200 ticks of half a ns for these."""
    meter = OverheadMeter(Prices(50e-9))
    meter.look(Spent(0.0, 0, 0.0, 0.0, counts(USUAL_TICKS=6000, USUAL_SAMPLES=200), tick_s=0.5e-9))
    later = counts(
        SAMPLED_TICKS=90_000, SAMPLES=3000, LONG_TICKS=200_000, LONG_SAMPLES=1000, USUAL_TICKS=6000, USUAL_SAMPLES=200
    )
    meter.look(Spent(1.0, 1_000_000, 1.0, 0.0, later, tick_s=0.5e-9))
    assert whole(meter) == pytest.approx(0.05 + 0.25 * 0.1)


def test_instructions_under_a_profile_function_count_by_the_time_that_they_run() -> None:
    """Half of the time at 2.5 times its length, of which half of the events are no part."""
    meter = OverheadMeter(Prices(50e-9, slowdown=2.5))
    meter.look(Spent(0.0, 0, 0.0))
    meter.look(Spent(1.0, 1_000_000, 1.0, slowed_s=0.5))
    assert whole(meter) == pytest.approx(0.05 + (0.5 - 0.025) * (1 - 1 / 2.5))


def test_the_price_of_an_event_is_without_what_instructions_take_longer() -> None:
    loops = {"recorded_calls": [1000, 30_000, 110_000], "instructions": [100, 10_000, 20_000]}
    found = prices({"loops": {**loops, "recorded_instructions": [100, 10_000, 10_500]}})
    assert found is not None
    assert found.event_s == pytest.approx(40e-9)
    assert found.slowdown == 2.0
    found = prices({"loops": {**loops, "recorded_instructions": [100, 10_000, 20_000]}})  # as without evaluate()
    assert found is not None
    assert found.event_s == pytest.approx(25e-9)


def test_prices_follow_the_speed_of_the_processor() -> None:
    meter = OverheadMeter(Prices(50e-9, yard_s=10e-6))
    meter.look(Spent(0.0, 0, 0.0, 0.0, counts(YARD_NS=100_000, YARDS=10)))
    meter.look(Spent(1.0, 1_000_000, 1.0, 0.0, counts(YARD_NS=180_000, YARDS=14)))
    assert whole(meter) == pytest.approx(0.05 * 2)


def test_slowed_time_is_found_by_looks_at_a_target_that_is_at_work() -> None:
    slowed = SlowedTime()
    for n in range(11):
        slowed.look(n / 100, n / 100, n % 2 == 1, n / 100 + 1e-6)
    assert slowed.settle(0.1) == pytest.approx(0.05)
    for n in range(11, 100):  # it waits, always in the same place
        slowed.look(n / 100, 0.1, True, 0.1)
    assert slowed.settle(0.1) == pytest.approx(0.05)
    slowed.look(1.0, 0.11, False, 0.11 + 1e-6)
    assert slowed.settle(0.2) == pytest.approx(0.05)


def test_a_target_that_shares_our_processor_counts_as_at_work() -> None:
    """Whenever we look it does not run, and yet it has used most of the time."""
    slowed = SlowedTime()
    for n in range(11):
        slowed.look(n / 100, n * 0.008, True, n * 0.008)
    assert slowed.settle(0.08) == pytest.approx(0.08)


def test_the_last_seconds_count_and_an_idle_program_is_judged_by_all_of_its_time() -> None:
    meter = OverheadMeter(Prices(50e-9))
    for second in range(10):
        meter.look(Spent(float(second), second * 100_000, float(second)))
    assert whole(meter) == pytest.approx(0.005)
    for second in range(10, 20):
        meter.look(Spent(float(second), 900_000 + (second - 9) * 1_000_000, float(second)))
    assert whole(meter) == pytest.approx(0.05)
    for second in range(20, 40):
        meter.look(Spent(float(second), 10_900_000, 19.0))
    assert meter.taken == meter.taken_in_all
    assert whole(meter) == pytest.approx(10_900_000 * 50e-9 / 19)

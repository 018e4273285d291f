"""Times as people write them, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import SessionProblem
from views.words.timespec import text_from_ns, time_ns_from_text

HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("start", 0),
        ("end", HOUR_NS),
        ("1.5s", 1_500_000_000),
        ("0.1s", 100_000_000),
        ("250ms", 250_000_000),
        ("7us", 7_000),
        ("120000ns", 120_000),
        ("2m", 120 * 10**9),
        ("40%", HOUR_NS * 40 // 100),
        (" 100 % ", HOUR_NS),
    ],
)
def test_times_mean_what_they_say(text: str, time_ns: int) -> None:
    assert time_ns_from_text(text, 0, HOUR_NS) == time_ns


@pytest.mark.parametrize("text", ["", "soon", "5", "1.5", "-1s", "1e3s", "s", "NaNs", "1,5s", "0x10ns"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SessionProblem, match="is not a time; write"):
        time_ns_from_text(text, 0, HOUR_NS)


@pytest.mark.parametrize("text", ["2h", "101%", "3600000000001ns"])
def test_a_time_outside_names_the_run(text: str) -> None:
    with pytest.raises(SessionProblem, match="runs from 0ns to 3600s"):
        time_ns_from_text(text, 0, HOUR_NS)


@given(st.integers(0, 10**15))
def test_a_printed_time_can_be_typed_back(time_ns: int) -> None:
    assert time_ns_from_text(text_from_ns(time_ns), 0, 10**15) == time_ns


def test_a_time_can_count_from_the_cursor_where_there_is_one() -> None:
    assert time_ns_from_text("+10ms", 0, 10**9, 500) == 10_000_500
    assert time_ns_from_text(" - 100ns", 0, 10**9, 500) == 400
    assert time_ns_from_text("-2s", 0, 10**9, 500) == 0
    assert time_ns_from_text("+25%", 0, 1000, 500) == 750
    for wrong in ("+end", "-", "+", "+-3s"):
        with pytest.raises(SessionProblem):
            time_ns_from_text(wrong, 0, 10**9, 500)
    with pytest.raises(SessionProblem):
        time_ns_from_text("+10ms", 0, 10**9)

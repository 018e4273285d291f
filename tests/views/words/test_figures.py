"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from views.words.figures import THIN, count_text, duration_text, short_count, size_text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.5 µs"),
        (12_345_678, "12.3 ms"),
        (999_999_999, "1 s"),
        (99_400_000_000, "99.4 s"),
        (125_000_000_000, "2 min 05 s"),
        (3_720_000_000_000, "1 h 02 min"),
        (-1_500, "-1.5 µs"),
    ],
)
def test_durations_have_three_digits_and_the_unit_that_fits(ns: int, text: str) -> None:
    assert duration_text(ns).replace(THIN, " ") == text


def test_counts_and_sizes_say_their_magnitude() -> None:
    assert [short_count(count) for count in (0, 7, 999, 1_550_000, 2e9)] == ["0", "7", "999", "1.55M", "2G"]
    assert count_text(1234567).replace(THIN, " ") == "1 234 567"
    assert [size_text(size).replace(THIN, " ") for size in (5, 2048, 30 << 20)] == ["5 bytes", "2 KiB", "30 MiB"]

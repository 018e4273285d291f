"""The table `never_run`: made of what lines there are and when they ran first."""

from __future__ import annotations

import pyarrow as pa

from capture.session.format import MAX_TABLE_ROWS
from capture.session.line_runs import never_run_table
from capture.session.tables import SCHEMAS


def told(*rows: tuple[int, str]) -> pa.Table:
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=SCHEMAS["site_lines"])


def runs(*rows: tuple[int, int, int]) -> pa.Table:
    times, sites, lines = zip(*rows, strict=True)
    return pa.table([times, [1] * len(rows), sites, lines], schema=SCHEMAS["first_runs"])


def rows_of(table: pa.Table) -> list[tuple[int, int, int | None]]:
    assert table["kind"].to_pylist() == ["line"] * len(table)
    return list(zip(*(table[name].to_pylist() for name in ("site_id", "line", "first_run_ns")), strict=True))


def test_each_line_is_there_once_with_its_earliest_run() -> None:
    table = never_run_table(
        told((2, "7-8"), (1, "3,5-6"), (2, "8-9")), [runs((10, 2, 8), (11, 1, 3)), runs((12, 1, 3), (13, 2, 9))]
    )
    assert rows_of(table) == [(1, 3, 11), (1, 5, None), (1, 6, None), (2, 7, None), (2, 8, 10), (2, 9, 13)]


def test_a_run_of_a_line_that_no_code_has_is_none() -> None:
    assert rows_of(never_run_table(told((1, "3")), [runs((10, 1, 4), (11, 5, 3))])) == [(1, 3, None)]


def test_nothing_is_known_without_lines() -> None:
    assert never_run_table(SCHEMAS["site_lines"].empty_table(), [runs((10, 1, 4))]).num_rows == 0


def test_ranges_that_claim_too_much_are_bounded() -> None:
    hostile = ",".join(f"{at}-{at + 65535}" for at in range(1, 1 << 26, 1 << 17))
    assert never_run_table(told(*[(site, hostile) for site in range(1, 9)]), []).num_rows <= MAX_TABLE_ROWS
